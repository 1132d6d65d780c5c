/** Owns the answer about one address: whose it is, since when, why, and when it would be free again. */
import type { Allocation } from '../domain/allocation.ts'
import type { SubnetEntry } from '../domain/entry.ts'
import { DEPLOYMENT, isKept, NO_CONTROLLER, type Owner, ordinalOf, ownerKey, STATEFUL_SET } from '../domain/owner.ts'
import { IMMUTABLE, NEVER } from '../domain/policy.ts'
import type { Reservation } from '../domain/reservation.ts'
import { type Address, objectName } from '../ip/address.ts'
import type { WallMs } from '../lib/clock.ts'
import type { Story } from '../store/history.ts'
import type { Addresses, Listed } from './addresses.ts'
import type { Holds } from './holds.ts'
import type { Ports } from './ports.ts'
import type { Reader } from './reader.ts'
import type { Rests } from './rests.ts'

export interface OneAddress {
  readonly address: Address
  /** The entry that has it; null: it is not configured (any more). */
  readonly entry: SubnetEntry | null
  /** Null: free. */
  readonly listed: (Listed & { readonly row: Allocation }) | null
  /** Null: nothing is recorded of it. */
  readonly story: Story | null
  readonly freed: Freed | null
}

interface Freed {
  /** What would free it. */
  readonly by: string
  /** Time alone frees it then. */
  readonly at: WallMs | null
}

export interface OneAddressParts extends Pick<Ports, 'ledger'> {
  readonly reader: Pick<Reader, 'story'>
  readonly addresses: Pick<Addresses, 'shown'>
  readonly holds: Pick<Holds, 'endsAt'>
  readonly rests: Pick<Rests, 'endsAt'>
}

/** Null: neither configured nor allocated. */
export type AskAddress = (address: Address) => Promise<OneAddress | null>

export function oneAddressOf({ ledger, reader, addresses, holds, rests }: OneAddressParts): AskAddress {
  return async address => {
    const story = await reader.story(address.text)
    // After the wait: the row in force now.
    return ledger.read(({ geometry, at }) => {
      const row = at(address)
      const entry = geometry.entries[geometry.entryIndexOf(address) ?? -1] ?? null
      if (row === null && entry === null) return null
      if (row === null) return { address, entry, listed: null, story, freed: null }
      const endsAt = row.incarnation === null ? rests.endsAt(row.address) : holds.endsAt(row.incarnation)
      return { address, entry, listed: { ...addresses.shown(row), row }, story, freed: freedBy(row, entry, endsAt) }
    })
  }
}

function freedBy(row: Allocation, entry: SubnetEntry | null, endsAt: WallMs | null): Freed {
  const by = (text: string): Freed => ({ by: text, at: null })
  if (row.reservation !== null) return freedByReservation(row, row.reservation)
  if (row.blocked) {
    const object = `FloatingIP ${objectName(row.address)}, which has the label reserved or cannot be read`
    return by(`the correction or deletion of ${object}`)
  }
  if (row.phase === 'resting')
    return {
      by: 'the end of its rest, or a release (floatip ip release) by whoever knows that no container uses it',
      at: endsAt,
    }
  if (row.phase === 'held') {
    if (row.heldFrom !== null)
      return by(`nothing now: unless a bind claims it, it goes back to ${ownerKey(row.heldFrom)}`)
    return { by: 'the end of its hold, unless a bind claims it before', at: endsAt }
  }
  if (entry === null) {
    return by(
      row.phase === 'bound'
        ? 'the end of its pod: it is not configured any more'
        : 'the next change of the configuration',
    )
  }
  const end = isKept(row.owner) || row.phase === 'reserved' ? '' : 'the end of its pod, when it comes with '
  switch (row.policy) {
    case NEVER:
      return by('only a release (POST /v1/ip)')
    case IMMUTABLE:
      return by(`${end}${shrinkOf(row.owner)}`)
    default:
      return by(row.phase === 'reserved' ? 'a release (POST /v1/ip)' : 'the end of its pod')
  }
}

/** While it lasts an ended pod's address goes back to it, whatever the policy. */
function freedByReservation({ blocked, phase }: Allocation, { id, expiresAt }: Reservation): Freed {
  if (phase !== 'reserved') {
    return { by: `the end of its pod and of reservation ${id}, to which it goes back until then`, at: null }
  }
  const end = `the end of reservation ${id} (floatip ip unreserve ${id})`
  return { by: blocked ? end : `${end}, or a release (POST /v1/ip)`, at: expiresAt }
}

/** What a workload does to let an immutable address go. */
function shrinkOf(owner: Owner): string {
  const { kind, namespace, workload, pool } = owner
  if (pool !== '' && kind === '') return `a smaller size of pool ${pool}, or a release (POST /v1/ip)`
  const name = `${namespace}/${workload}`
  if (kind === DEPLOYMENT) return `fewer replicas of Deployment ${name} than it has addresses, or its deletion`
  const ordinal = ordinalOf(owner)
  const what = kind === STATEFUL_SET ? 'StatefulSet' : kind === NO_CONTROLLER ? 'pod' : kind
  return `the deletion of ${what} ${name}${ordinal === null ? '' : `, or its scaling below ordinal ${ordinal}`}`
}
