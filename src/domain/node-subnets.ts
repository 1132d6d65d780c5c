/** Owns the search for the entries that serve a node: one look-up for each length of prefix that there is, however many entries there are. */
import type { Address, Family } from '../ip/address.ts'
import type { Cidr } from '../ip/cidr.ts'
import type { SubnetEntry } from './entry.ts'

/** An entry that has a node subnet with an address of the node in it. */
export interface Serving {
  readonly index: number
  readonly family: Family
  /** Which of the node's addresses is the first in one of its node subnets. */
  readonly first: number
  /** Of its most specific node subnet. */
  readonly prefix: number
  /** In the order of the entry. */
  readonly networks: readonly Cidr[]
}

interface Place {
  readonly index: number
  /** Among the entry's node subnets. */
  readonly position: number
  readonly network: Cidr
}

interface Length {
  readonly family: Family
  readonly shift: bigint
  readonly byNetwork: Map<bigint, Place[]>
}

export function servingAmong(
  entries: readonly SubnetEntry[],
): (nodeAddresses: readonly Address[]) => readonly Serving[] {
  const lengths = new Map<string, Length>()
  for (const [index, { nodeSubnets }] of entries.entries()) {
    for (const [position, network] of nodeSubnets.entries()) {
      const { family, prefix, first } = network
      const shift = BigInt((family === 4 ? 32 : 128) - prefix)
      const name = `${family}/${prefix}`
      const length = lengths.get(name) ?? { family, shift, byNetwork: new Map() }
      lengths.set(name, length)
      const places = length.byNetwork.get(first.value >> shift)
      if (places === undefined) length.byNetwork.set(first.value >> shift, [{ index, position, network }])
      else places.push({ index, position, network })
    }
  }

  return nodeAddresses => {
    const found = new Map<number, { first: number; places: Map<number, Place> }>()
    for (const [at, { family, value }] of nodeAddresses.entries()) {
      for (const { family: of, shift, byNetwork } of lengths.values()) {
        for (const place of of === family ? (byNetwork.get(value >> shift) ?? []) : []) {
          const known = found.get(place.index) ?? { first: at, places: new Map() }
          known.places.set(place.position, place)
          found.set(place.index, known)
        }
      }
    }
    return [...found].map(([index, { first, places }]) => {
      const networks = [...places.values()].sort((a, b) => a.position - b.position).map(({ network }) => network)
      const family = (entries[index] as SubnetEntry).subnet.family
      return { index, family, first, prefix: Math.max(...networks.map(({ prefix }) => prefix)), networks }
    })
  }
}
