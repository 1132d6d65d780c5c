/** Owns what is known of each place, which is one address on one node: those of which nothing is known are not there. */
import type { Address } from '../ip/address.ts'

export interface Place {
  readonly address: Address
  readonly node: string
  /** Known not to be there. */
  absent: boolean
  /** Assigns sent to it. */
  assigns: number
  /** Assigns not answered yet. */
  assigning: number
  failures: number
  fault: unknown
  /** The try under way, and the assigns that were sent before it. */
  trying: { readonly result: Promise<void>; readonly assigns: number } | null
  /** The pause after a failure. */
  resting: Promise<void> | null
  /** Revision of the turn that left it over; null: it did not, or that is done. */
  owed: number | null
  pursued: boolean
}

export interface KnownPlaces {
  /** The place; if nothing is known of it, from now on it is there to be told. */
  at(address: Address, node: string): Place
  find(address: Address, node: string): Place | undefined
  /** A place of this address on another node that is owed an unassign. */
  leftOverElsewhere(address: Address, node: string): Place | null
  all(): readonly Place[]
  /** Forgets a place of which nothing is known and nothing is under way. */
  tidy(place: Place): void
}

export function knownPlaces(): KnownPlaces {
  /** By address and node. */
  const known = new Map<string, Map<string, Place>>()
  return {
    at(address, node) {
      const places = known.get(address.text) ?? new Map<string, Place>()
      known.set(address.text, places)
      const place: Place = places.get(node) ?? {
        ...{ address, node, absent: false, assigns: 0, assigning: 0, failures: 0, fault: null },
        ...{ trying: null, resting: null, owed: null, pursued: false },
      }
      places.set(node, place)
      return place
    },

    find: (address, node) => known.get(address.text)?.get(node),

    leftOverElsewhere(address, node) {
      for (const place of known.get(address.text)?.values() ?? []) {
        if (place.owed !== null && place.node !== node) return place
      }
      return null
    },

    all: () => [...known.values()].flatMap(places => [...places.values()]),

    tidy(place) {
      const { absent, assigning, failures, trying, resting, owed, pursued } = place
      if (absent || assigning > 0 || failures > 0 || trying !== null || resting !== null || owed !== null || pursued)
        return
      const places = known.get(place.address.text)
      places?.delete(place.node)
      if (places?.size === 0) known.delete(place.address.text)
    },
  }
}
