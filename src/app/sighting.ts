/** Owns the translation of what the cluster shows into adopt commands. */
import { type Allocation, UNKNOWN_INCARNATION } from '../domain/allocation.ts'
import type { AdoptCommand } from '../domain/command.ts'
import { isKept, ownerKey } from '../domain/owner.ts'
import { blockingOwner } from '../domain/reservation.ts'
import type { Address } from '../ip/address.ts'
import type { FloatingIpFact } from '../kube/floatingip.ts'
import type { PodFact } from '../kube/pod.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { present } from '../lib/assert.ts'

/** True when the address is to stay out of circulation: an administrator says so, or the object cannot be read (R14, R23). */
export function blocks({ reserved, owner, policy }: FloatingIpFact): boolean {
  return reserved || owner === null || policy === null
}

/** True of an object that was reserved and is not any more: it can be read, and names neither owner nor pod nor node. */
export function isNobodys({ reserved, key, policy, node, podUid, reservation }: FloatingIpFact): boolean {
  return !reserved && key === '' && policy !== null && node === '' && podUid === '' && reservation === null
}

/** An object as found; one that cannot be read blocks its address. Null: its name is no address. */
export function objectSighting(fact: FloatingIpFact, at: number, alive: ReadonlySet<string>): AdoptCommand | null {
  const { address, owner, policy, apiVersion, index, reservation, surge, restsSince, updatedAt } = fact
  if (address === null) return null
  // A time that cannot be read, or that a clock ahead of ours wrote, says nothing.
  const since = updatedAt > 0 && updatedAt < at ? updatedAt : at
  const base = {
    at,
    since,
    source: 'object' as const,
    address,
    apiVersion,
    index,
    reservation,
    surge,
    restsSince,
    alive,
  }
  if (fact.reserved || owner === null || policy === null) {
    return { ...base, owner: blockingOwner(fact.key), policy: 0, incarnation: null, node: null, blocked: true }
  }
  // An object of a pod with a node but without a UID: some pod of that key, we do not know which incarnation.
  const incarnation = isKept(owner) ? null : fact.podUid || (fact.node === '' ? null : UNKNOWN_INCARNATION)
  const node = incarnation === null || fact.node === '' ? null : fact.node
  return { ...base, owner, policy, incarnation, node, blocked: false }
}

/** Each address that a bound, unfinished pod carries (R6). */
export function podSightings(pod: PodFact, at: number, alive: ReadonlySet<string>): readonly AdoptCommand[] {
  if (pod.node === null || pod.finished || !pod.asks) return []
  return (pod.addresses ?? []).map((address: Address, index) => ({
    at,
    source: 'pod' as const,
    address,
    owner: pod.owner,
    apiVersion: pod.apiVersion,
    policy: pod.policy,
    incarnation: pod.uid,
    node: present(pod.node, 'a bound pod has a node'),
    reservation: null,
    index,
    blocked: false,
    surge: false,
    restsSince: null,
    alive,
  }))
}

/**
 * The same from one look at one pod: whoever has one of its addresses counts as alive, for only a fresh list of all pods may say
 * otherwise. A copied annotation takes nothing from anybody. What is under its key and no known UID may be its own (R14).
 */
export function carriedBy(ledger: Pick<Ledger, 'read'>, pod: PodFact, at: number): readonly AdoptCommand[] {
  const rows = (pod.addresses ?? []).flatMap(address => ledger.read(view => view.at(address)) ?? [])
  const mayBeIts = (row: Allocation) =>
    row.incarnation === UNKNOWN_INCARNATION && ownerKey(row.owner) === ownerKey(pod.owner)
  const holders = rows.flatMap(row => (mayBeIts(row) ? [] : (row.incarnation ?? [])))
  return podSightings(pod, at, new Set([pod.uid, ...holders]))
}
