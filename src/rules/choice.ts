/** Owns the second question that filter and bind share: whether the nodes of a group fit, and which addresses a pod gets there: rows that it may have, or free ones. */
import type { Allocation } from '../domain/allocation.ts'
import type { Demand } from '../domain/demand.ts'
import type { NodeGroup } from '../domain/geometry.ts'
import { type Refusal, refusal } from '../domain/refusal.ts'
import type { Address } from '../ip/address.ts'
import { listContains } from '../ip/range.ts'
import { dealt } from './matching.ts'
import { isOwn } from './rest.ts'
import { overLimit, type Source, tooMany } from './source.ts'
import type { SlotInterval, View } from './view.ts'

/** Null when the pod can have its addresses on the nodes of this group; else why not. */
export function fits(view: View, demand: Demand, source: Source, group: NodeGroup): Refusal | null {
  switch (source.kind) {
    case 'own': {
      const fixed = fixedRows(demand, source.rows)
      const addresses = rowsIn(fixed).map(row => row.address)
      return elsewhere(view, addresses, group) ?? growing(view, demand, source, openIndexes(demand, fixed), group)
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

/** The request was changed: what it asks for beside these rows has to be within the limit, too, and there. */
function growing(
  view: View,
  demand: Demand,
  source: Source & { kind: 'own' },
  open: readonly number[],
  group: NodeGroup,
): Refusal | null {
  if (open.length === 0) return null
  return (
    overLimit(view, demand, source.rows) ??
    tooMany(open.map(index => intervalsOf(view, demand, index, group).length)) ??
    (choose(view, demand, source, group) === null ? noneLeft(view, demand, group) : null)
  )
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
  const wanted = (row: Allocation) => request.length === 0 || request.some(list => listContains(list, row.address))
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

/** For each list the row that answers it, or null; without a request the first row. */
type Fixed = readonly (Allocation | null)[]

/**
 * The rows that answer the request as it stands: for each list the one that answered it before, if it still lies in it. A list that has
 * none gets one of the others, if they can be dealt out so: what galaxy-ipam recorded, or lists in another order, tell no list.
 */
function fixedRows({ request }: Demand, rows: readonly Allocation[]): Fixed {
  if (request.length === 0) return rows.slice(0, 1)
  /** Of several rows that answered one list the first. */
  const before = new Map<Allocation, number>()
  for (const [index, list] of request.entries()) {
    const row = rows.find(each => each.index === index && listContains(list, each.address))
    if (row !== undefined) before.set(row, index)
  }
  const inList = (index: number) => rows.filter(row => listContains(request[index] ?? [], row.address))
  const rowOf = new Map([...dealt(request.length, inList, before)].map(([row, index]) => [index, row]))
  return request.map((_, index) => rowOf.get(index) ?? null)
}

function rowsIn(fixed: Fixed): readonly Allocation[] {
  return fixed.filter(row => row !== null)
}

/** What one list of the request gets: a row that exists, or a free slot. */
export type Choice = { readonly row: Allocation } | { readonly slot: number }

/** One choice for each list, in their order; null when the group cannot give them all. */
export function choose(view: View, demand: Demand, source: Source, group: NodeGroup): readonly Choice[] | null {
  switch (source.kind) {
    case 'own': {
      const fixed = fixedRows(demand, source.rows)
      if (rowsIn(fixed).some(row => !servedBy(view, row, group))) return null
      if (demand.request.length === 0) return rowsIn(fixed).map(row => ({ row }))
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

function openIndexes(demand: Demand, fixed: Fixed): readonly number[] {
  return demand.request.map((_, index) => index).filter(index => (fixed[index] ?? null) === null)
}

function intervalsOf(view: View, demand: Demand, index: number, group: NodeGroup): readonly SlotInterval[] {
  return view.geometry.intervals(demand.request[index] ?? [], group.entries)
}

/** The fixed rows stay; every other list gets a free slot by an exact matching. */
function matchAround(view: View, demand: Demand, fixed: Fixed, group: NodeGroup): readonly Choice[] | null {
  const open = openIndexes(demand, fixed)
  const lists = open.map(index => intervalsOf(view, demand, index, group))
  if (lists.some(list => list.length === 0)) return null
  const slots = open.length === 0 ? [] : view.match(lists)
  if (slots === null) return null
  return demand.request.flatMap((_, index): Choice[] => {
    const row = fixed[index] ?? null
    const slot = slots[open.indexOf(index)]
    return row !== null ? [{ row }] : slot !== undefined ? [{ slot }] : []
  })
}
