/** Owns the question that filter and bind share: where may this pod's addresses come from, and does a group of nodes fit? */
import { type Allocation, UNKNOWN_INCARNATION } from '../domain/allocation.ts'
import type { Demand, Workload } from '../domain/demand.ts'
import type { NodeGroup } from '../domain/geometry.ts'
import {
  DEPLOYMENT,
  isKept,
  isPoolName,
  NO_CONTROLLER,
  type Owner,
  ordinalOf,
  ownerKey,
  STATEFUL_SET,
  sharedBy,
} from '../domain/owner.ts'
import { IMMUTABLE, policyName, RELEASE_AT_POD_END } from '../domain/policy.ts'
import { type Refusal, refusal } from '../domain/refusal.ts'
import type { Address } from '../ip/address.ts'
import { rangeText, setContains } from '../ip/range.ts'
import { limitOf } from './limit.ts'
import { isOwn, restingFor } from './rest.ts'
import { isConfigured, type SlotInterval, type View } from './view.ts'

/** own: under the pod's key already · kept: its Deployment or pool keeps some, newest first · free: any free address. */
export type Source =
  | { readonly kind: 'own'; readonly rows: readonly Allocation[] }
  | { readonly kind: 'kept'; readonly rows: readonly Allocation[]; readonly room: Room }
  /** `lends`: beyond the replicas, for a rollout. `resting`: may be had as well, see {@link choose}. */
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

/** More than one row of a list can only be left over (a lost ledger, an older object): the pod's own first, then the one in use last. */
function lastUsed(a: Allocation, b: Allocation, uid: string): number {
  const ours = (row: Allocation) => (row.incarnation === uid ? 1 : 0)
  return ours(b) - ours(a) || b.revision - a.revision
}

function belongsTo(row: Allocation, uid: string): boolean {
  return row.incarnation === null || row.incarnation === uid || row.incarnation === UNKNOWN_INCARNATION
}

function unsupported({ owner, policy, request, workload }: Demand): Refusal | null {
  if (owner.pool !== '' && !isPoolName(owner.pool)) {
    return refusal(
      'policy-not-supported',
      `pool name ${JSON.stringify(owner.pool)} must be a DNS-1123 name such as web-pool`,
    )
  }
  if (policy === RELEASE_AT_POD_END) return null
  const name = policyName(policy)
  if (owner.kind === DEPLOYMENT && request.length > 0) {
    return refusal('request-not-possible', `request_ip_range is not supported for a Deployment with policy ${name}`)
  }
  // In a pool any owner is welcome: what has no number of its own goes back to the pool.
  if (owner.kind === DEPLOYMENT || owner.kind === STATEFUL_SET || owner.pool !== '') return null
  if (policy === IMMUTABLE) return unsuitedToImmutable(owner, workload)
  if (/-\d+$/.test(owner.pod)) return null
  return refusal(
    'policy-not-supported',
    `release policy never needs a pod name that ends in -<number>, and ${owner.pod} of ${kindName(owner.kind)} does not`,
  )
}

/** Custom workloads: a kind that says how many pods it wants, and pods that are numbered. */
function unsuitedToImmutable(owner: Owner, workload: Workload): Refusal | null {
  const not = `release policy immutable is not supported for a pod of ${kindName(owner.kind)}`
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

/** A requested list of which the configuration has no address at all can never be served. */
function outOfReach(view: View, demand: Demand): Refusal | null {
  const all = view.geometry.entries.map((_, index) => index)
  const intervals = demand.request.map(list => view.geometry.intervals(list, all).length)
  if (intervals.reduce((sum, count) => sum + count, 0) > REQUEST_INTERVALS_MAX) {
    return refusal('request-not-possible', `request_ip_range names too many ranges: at most ${REQUEST_INTERVALS_MAX}`)
  }
  const at = intervals.indexOf(0)
  if (at < 0) return null
  const list = demand.request[at] ?? []
  return refusal(
    'request-not-possible',
    `request_ip_range[${at}] (${list.map(rangeText).join(', ')}) has no address of the configuration floatingips`,
  )
}

function sharedSource(view: View, demand: Demand, without: readonly Allocation[]): Source | Refusal {
  const share = sharedBy(demand.owner)
  const resting = restingFor(view, demand.owner).filter(row => isConfigured(view, row))
  if (share === null || demand.policy === RELEASE_AT_POD_END) return { kind: 'free', room: null, lends: false, resting }
  const rows = view
    .ofShare(ownerKey(share))
    .filter(row => isConfigured(view, row) && !row.blocked && !without.includes(row))
  const limit = limitOf(demand, rows)
  const wanted = Math.max(1, demand.request.length)
  if (limit !== null && limit.used + wanted > limit.most) return limit.refused
  const kept = rows.filter(row => isKept(row.owner)).sort(newestFirst)
  const room = limit === null ? null : limit.most - limit.used
  // Kept addresses answer no range lists: which of them would be the first list's?
  if (kept.length > 0 && demand.request.length === 0) return { kind: 'kept', rows: kept, room }
  return { kind: 'free', room, lends: limit?.lends ?? false, resting }
}

export function newestFirst(a: Allocation, b: Allocation): number {
  return b.updatedAt - a.updatedAt || b.revision - a.revision
}

/** Null when the pod can have its addresses on the nodes of this group; else why not. */
export function fits(view: View, demand: Demand, source: Source, group: NodeGroup): Refusal | null {
  switch (source.kind) {
    case 'own': {
      const fixed = fixedRows(demand, source.rows).map(row => row.address)
      return (
        elsewhere(view, fixed, group) ??
        (choose(view, demand, source, group) === null ? noneLeft(view, demand, group) : null)
      )
    }
    case 'kept': {
      if (source.rows.some(row => servedBy(view, row, group))) return null
      const kept = source.rows.map(row => row.address.text).slice(0, KEPT_NAMED_MAX)
      return refusal(
        'address-elsewhere',
        `the workload keeps ${kept.join(', ')}${source.rows.length > kept.length ? ' and others' : ''}, not usable in ${group.subnets}`,
      )
    }
    case 'free':
      return choose(view, demand, source, group) === null ? noneLeft(view, demand, group) : null
  }
}

/** Null when the group's nodes can use all of these addresses of the pod. */
export function elsewhere(view: View, addresses: readonly Address[], group: NodeGroup): Refusal | null {
  const outside = addresses.find(address => !serves(view, address, group))
  return outside === undefined
    ? null
    : refusal('address-elsewhere', `the pod keeps ${outside.text}, which is not usable in ${group.subnets}`)
}

/** Addresses named in a refusal: enough to recognise the subnet, short enough for an event. */
const KEPT_NAMED_MAX = 3

function noneLeft(view: View, { request }: Demand, group: NodeGroup): Refusal {
  const wanted = (row: Allocation) => request.length === 0 || request.some(list => setContains(list, row.address))
  const rest = group.entries.flatMap(entry => view.restingIn(entry)).filter(wanted).length
  const none = `no free address${request.length === 0 ? '' : ' for the requested ranges'} for nodes in ${group.subnets}`
  if (rest === 0) return refusal('no-address-left', none)
  const which =
    rest === 1 ? '1 rests, since a container may still use it' : `${rest} rest, since containers may still use them`
  return refusal('resting', `${none}; ${which}`)
}

export function servedBy(view: View, row: Allocation, group: NodeGroup): boolean {
  return serves(view, row.address, group)
}

function serves(view: View, address: Address, group: NodeGroup): boolean {
  const entry = view.geometry.entryIndexOf(address)
  return entry !== null && group.entries.includes(entry)
}

/** The rows that answer the request as it stands: the one of each list that still lies in it. */
function fixedRows(demand: Demand, rows: readonly Allocation[]): readonly Allocation[] {
  if (demand.request.length === 0) return rows.slice(0, 1)
  return demand.request.flatMap((list, index) => {
    const row = rows.find(candidate => candidate.index === index && setContains(list, candidate.address))
    return row === undefined ? [] : [row]
  })
}

/** What one list of the request gets: a row that exists, or a free slot. */
export type Choice = { readonly row: Allocation } | { readonly slot: number }

/** One choice for each list, in their order; null when the group cannot give them all. */
export function choose(view: View, demand: Demand, source: Source, group: NodeGroup): readonly Choice[] | null {
  switch (source.kind) {
    case 'own': {
      const fixed = fixedRows(demand, source.rows)
      if (fixed.some(row => !servedBy(view, row, group))) return null
      if (demand.request.length === 0) return fixed.map(row => ({ row }))
      return matchAround(view, demand, fixed, group)
    }
    case 'kept': {
      const row = source.rows.find(candidate => servedBy(view, candidate, group))
      return row === undefined ? null : [{ row }]
    }
    case 'free':
      return (
        freeOr(
          view,
          demand,
          source.resting.filter(row => isOwn(row, demand.owner)),
          group,
        ) ?? freeOr(view, demand, source.resting, group)
      )
  }
}

/**
 * Of these the first, else a free one. What rests from its own name a pod gets before all else: it is what it was there. What rests
 * from a sibling it gets only when nothing is free: two pods at one address, be it for seconds, are worse than another address.
 */
function freeOr(view: View, demand: Demand, rows: readonly Allocation[], group: NodeGroup): readonly Choice[] | null {
  const usable = rows.filter(row => servedBy(view, row, group))
  if (demand.request.length > 0) return matchAround(view, demand, fixedRows(demand, usable), group)
  const [row] = usable
  return row === undefined ? anyFree(view, group) : [{ row }]
}

function anyFree(view: View, group: NodeGroup): readonly Choice[] | null {
  for (const entry of group.entries) {
    const slot = view.peek(entry)
    if (slot !== null) return [{ slot }]
  }
  return null
}

/** The lists of the request that no row of the pod's own answers, as slots of this group. */
export function openLists(
  view: View,
  demand: Demand,
  source: Source,
  group: NodeGroup,
): readonly (readonly SlotInterval[])[] {
  const fixed = source.kind === 'own' ? fixedRows(demand, source.rows) : []
  return openIndexes(demand, fixed).map(index => intervalsOf(view, demand, index, group))
}

function openIndexes(demand: Demand, fixed: readonly Allocation[]): readonly number[] {
  return demand.request.map((_, index) => index).filter(index => !fixed.some(row => row.index === index))
}

function intervalsOf(view: View, demand: Demand, index: number, group: NodeGroup): readonly SlotInterval[] {
  return view.geometry.intervals(demand.request[index] ?? [], group.entries)
}

/** The fixed rows stay; every other list gets a free slot by an exact matching. */
function matchAround(
  view: View,
  demand: Demand,
  fixed: readonly Allocation[],
  group: NodeGroup,
): readonly Choice[] | null {
  const open = openIndexes(demand, fixed)
  const lists = open.map(index => intervalsOf(view, demand, index, group))
  if (lists.some(list => list.length === 0)) return null
  const slots = open.length === 0 ? [] : view.match(lists)
  if (slots === null) return null
  return demand.request.flatMap((_, index): Choice[] => {
    const row = fixed.find(candidate => candidate.index === index)
    const slot = slots[open.indexOf(index)]
    return row !== undefined ? [{ row }] : slot !== undefined ? [{ slot }] : []
  })
}

/** True when the pod's name ends in its workload's ordinal, and that ordinal exists. */
export function ordinalExists({ owner }: Pick<Allocation, 'owner'>, replicas: number, firstOrdinal: number): boolean {
  const ordinal = ordinalOf(owner)
  return ordinal !== null && ordinal >= firstOrdinal && ordinal < firstOrdinal + replicas
}
