/** Owns the first question that filter and bind share: where may this pod's addresses come from, whatever the node? */
import { type Allocation, UNKNOWN_INCARNATION } from '../domain/allocation.ts'
import type { Demand, Workload } from '../domain/demand.ts'
import type { NodeGroup } from '../domain/geometry.ts'
import {
  DEPLOYMENT,
  isKept,
  isObjectName,
  NO_CONTROLLER,
  type Owner,
  ordinalOf,
  ownerKey,
  STATEFUL_SET,
  sharedBy,
} from '../domain/owner.ts'
import { IMMUTABLE, policyName, RELEASE_AT_POD_END } from '../domain/policy.ts'
import { type Refusal, refusal } from '../domain/refusal.ts'
import { rangeText } from '../ip/range.ts'
import { quoted } from '../lib/quoted.ts'
import { type Limit, limitOf } from './limit.ts'
import { restingFor } from './rest.ts'
import { isConfigured, type View } from './view.ts'

/** own: under the pod's key already · kept: its Deployment or pool keeps some, newest first · free: any free address. */
export type Source =
  | { readonly kind: 'own'; readonly rows: readonly Allocation[] }
  | { readonly kind: 'kept'; readonly rows: readonly Allocation[]; readonly room: Room }
  /** `lends`: beyond the replicas, for a rollout. `resting`: may be had as well, see `choose`. */
  | { readonly kind: 'free'; readonly room: Room; readonly lends: boolean; readonly resting: readonly Allocation[] }

/** How many pods of the same Deployment or pool may still get an address; null: no limit. */
export type Room = number | null

/**
 * Where the pod's addresses may come from, or why it can have none on any node. `without`: rows of its own that are about to be
 * given back.
 */
export function sourceFor(view: View, demand: Demand, without: readonly Allocation[] = []): Source | Refusal {
  if (demand.problem !== null) return demand.problem
  const own = view
    .ofKey(ownerKey(demand.owner))
    .filter(row => isConfigured(view, row) && !row.blocked && !without.includes(row))
    .sort((a, b) => lastUsed(a, b, demand.pod.uid))
  const foreign = own.find(row => !belongsTo(row, demand.pod.uid))
  if (foreign !== undefined) {
    const key = ownerKey(demand.owner)
    return refusal('waiting-for-old-pod', `waiting for delete event of ${key} before reuse this ip`)
  }
  if (own.length > 0) return { kind: 'own', rows: own }
  return unsupported(demand) ?? outOfReach(view, demand) ?? sharedSource(view, demand, without)
}

/** Groups of a configuration that was replaced since they were gathered: their entries may be other ones now. */
export function outdated(view: View, groups: readonly NodeGroup[]): Refusal | null {
  return groups.some(group => group.geometry !== view.geometry)
    ? refusal('stale', 'the configuration changed in this moment: the scheduler asks again')
    : null
}

/**
 * The pod's own first, then by the list that they answer. More than one row of a list can only be left over (a lost ledger, an older
 * object): of those the one in use last.
 */
function lastUsed(a: Allocation, b: Allocation, uid: string): number {
  const ours = (row: Allocation) => (row.incarnation === uid ? 1 : 0)
  return ours(b) - ours(a) || a.index - b.index || b.revision - a.revision
}

function belongsTo(row: Allocation, uid: string): boolean {
  return row.incarnation === null || row.incarnation === uid || row.incarnation === UNKNOWN_INCARNATION
}

function unsupported({ owner, policy, request, workload }: Demand): Refusal | null {
  if (owner.pool !== '' && !isObjectName(owner.pool)) {
    return refusal('policy-not-supported', `pool name ${quoted(owner.pool)} must be a DNS-1123 name such as web-pool`)
  }
  if (policy === RELEASE_AT_POD_END) return null
  const name = policyName(policy)
  if (owner.kind === DEPLOYMENT && request.length > 0) {
    return refusal('request-not-possible', `request_ip_range is not supported for a Deployment with policy ${name}`)
  }
  // In a pool any owner is welcome: what has no number of its own goes back to the pool.
  if (owner.kind === DEPLOYMENT || owner.kind === STATEFUL_SET || owner.pool !== '') return null
  // galaxy-ipam's words, as far as they go.
  const not = `release policy ${name} is not supported for pod ${owner.pod} of ${kindName(owner.kind)}`
  if (policy === IMMUTABLE) return unsuitedToImmutable(owner, workload, not)
  if (/-\d+$/.test(owner.pod)) return null
  return refusal('policy-not-supported', `${not}: its name does not end in -<number>`)
}

/** Custom workloads: a kind that says how many pods it wants, and pods that are numbered. */
function unsuitedToImmutable(owner: Owner, workload: Workload, not: string): Refusal | null {
  if (owner.kind === NO_CONTROLLER) return refusal('policy-not-supported', not)
  if (workload.state === 'unscaled') return refusal('policy-not-supported', `${not}: ${workload.because}`)
  if (ordinalOf(owner) !== null) return null
  return refusal('policy-not-supported', `${not}: its name must be ${owner.workload}-<number>`)
}

function kindName(kind: string): string {
  return kind === 'NULL' ? 'no workload' : `kind ${kind}`
}

/** Slot intervals of one request: as many as the core's match buffer holds. */
export const REQUEST_INTERVALS_MAX = 4096

/** `intervals`: how many each list has. */
export function tooMany(intervals: readonly number[]): Refusal | null {
  return intervals.reduce((sum, count) => sum + count, 0) > REQUEST_INTERVALS_MAX
    ? refusal('request-not-possible', `request_ip_range names too many ranges: at most ${REQUEST_INTERVALS_MAX}`)
    : null
}

/** Ranges named in a refusal: enough to recognise the list, short enough for an event. */
const RANGES_NAMED_MAX = 5

/** A requested list of which the configuration has no address at all can never be served. */
function outOfReach(view: View, demand: Demand): Refusal | null {
  const all = view.geometry.entries.map((_, index) => index)
  const intervals = demand.request.map(list => view.geometry.intervals(list, all).length)
  const unread = tooMany(intervals)
  if (unread !== null) return unread
  const at = intervals.indexOf(0)
  if (at < 0) return null
  const list = demand.request[at] ?? []
  const more = list.length > RANGES_NAMED_MAX ? ` and ${list.length - RANGES_NAMED_MAX} more` : ''
  const named = `${list.slice(0, RANGES_NAMED_MAX).map(rangeText).join(', ')}${more}`
  return refusal(
    'request-not-possible',
    `request_ip_range[${at}] (${named}) has no address of the configuration floatingips`,
  )
}

function sharedSource(view: View, demand: Demand, without: readonly Allocation[]): Source | Refusal {
  const share = sharedBy(demand.owner)
  const resting = restingFor(view, demand.owner).filter(row => isConfigured(view, row))
  if (share === null || demand.policy === RELEASE_AT_POD_END) return { kind: 'free', room: null, lends: false, resting }
  const rows = sharing(view, share, without)
  const limit = limitOf(demand, rows)
  if (limit !== null && isOver(limit, demand)) return limit.refused
  const kept = rows.filter(row => isKept(row.owner)).sort(newestFirst)
  const room = limit === null ? null : limit.most - limit.used
  // Kept addresses answer no range lists: which of them would be the first list's?
  if (kept.length > 0 && demand.request.length === 0) return { kind: 'kept', rows: kept, room }
  return { kind: 'free', room, lends: limit?.lends ?? false, resting }
}

function sharing(view: View, share: Owner, without: readonly Allocation[]): readonly Allocation[] {
  return view.ofShare(ownerKey(share)).filter(row => isConfigured(view, row) && !row.blocked && !without.includes(row))
}

function isOver({ used, most }: Limit, { request }: Demand): boolean {
  return used + Math.max(1, request.length) > most
}

/** Why the limit would leave the pod no room for its addresses if these rows were not there; null: it would. */
export function overLimit(view: View, demand: Demand, without: readonly Allocation[]): Refusal | null {
  const share = sharedBy(demand.owner)
  if (share === null || demand.policy === RELEASE_AT_POD_END) return null
  const limit = limitOf(demand, sharing(view, share, without))
  return limit !== null && isOver(limit, demand) ? limit.refused : null
}

export function newestFirst(a: Allocation, b: Allocation): number {
  return b.updatedAt - a.updatedAt || b.revision - a.revision
}
