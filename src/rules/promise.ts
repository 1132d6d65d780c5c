/** Owns promises: what would become of the ledger if waiting pods were served one after the other, decided by the very rules and applied nowhere. */
import type { Allocation } from '../domain/allocation.ts'
import type { Change } from '../domain/change.ts'
import type { Demand } from '../domain/demand.ts'
import type { NodeGroup } from '../domain/geometry.ts'
import { type Owner, ownerKey, restKey, sharedBy, workloadKey } from '../domain/owner.ts'
import { isRefusal } from '../domain/refusal.ts'
import { present } from '../lib/assert.ts'
import { bind } from './bind.ts'
import { filter, type Verdicts } from './filter.ts'
import { REQUEST_INTERVALS_MAX } from './source.ts'
import type { SlotInterval, View } from './view.ts'

export interface Promises {
  /** Serves the pod, as far as the promises before it leave something on one of these groups; else what it would be told. */
  promise(demand: Demand, groups: readonly NodeGroup[]): 'served' | Verdicts
  /** True when the owner's own key has rows, or some rest that it may have. */
  hasOwn(owner: Owner): boolean
}

export function promisesOn(base: View): Promises {
  const { view, keep } = overlayOn(base)

  return {
    promise(demand, groups) {
      const decision = filter(view, { at: 0, demand, groups })
      if (isRefusal(decision)) return new Map()
      const { verdicts } = decision.answer
      const open = groups.find(group => verdicts.get(group.id) === null)
      if (open === undefined) return verdicts
      for (const change of decision.changes) keep(change)
      const bound = bind(view, { at: 0, demand, node: '', group: open })
      if (isRefusal(bound)) return verdicts
      for (const change of bound.changes) keep(change)
      return 'served'
    },
    hasOwn: owner => view.ofKey(ownerKey(owner)).length > 0 || view.restingFor(restKey(owner)).length > 0,
  }
}

/** The base with some rows replaced and some slots taken. */
interface Overlay {
  readonly view: View
  keep(change: Change): void
}

type KeyOf = (row: Allocation) => string | null

function overlayOn(base: View): Overlay {
  /** By address; null: the row is gone. */
  const rows = new Map<string, Allocation | null>()
  const taken = new Set<number>()
  const bounds = boundsOf(base)
  /** By entry: every free slot below it is taken. */
  const cursors = new Map<number, number>()

  function layer(keyOf: KeyOf, of: (key: string) => readonly Allocation[]) {
    const added = new Map<string, Set<Allocation>>()
    return {
      add(row: Allocation) {
        const key = keyOf(row)
        if (key !== null) added.set(key, (added.get(key) ?? new Set()).add(row))
      },
      remove: (row: Allocation) => void added.get(keyOf(row) ?? '')?.delete(row),
      of(key: string): readonly Allocation[] {
        const more = added.get(key)
        const below = of(key)
        if (rows.size === 0 || (more === undefined && below.length === 0)) return below
        return [...below.filter(row => !rows.has(row.address.text)), ...(more ?? [])].sort((a, b) => a.index - b.index)
      },
    }
  }
  const unlessResting = (keyOf: KeyOf) => (row: Allocation) => (row.phase === 'resting' ? null : keyOf(row))
  const byKey = layer(
    unlessResting(row => ownerKey(row.owner)),
    base.ofKey,
  )
  const byIncarnation = layer(row => row.incarnation, base.ofIncarnation)
  const byShare = layer(unlessResting(shareKey), base.ofShare)
  const byWorkload = layer(
    unlessResting(row => workloadKey(row.owner)),
    base.ofWorkload,
  )
  const byRest = layer(row => (row.phase === 'resting' ? restKey(row.owner) : null), base.restingFor)
  const layers = [byKey, byIncarnation, byShare, byWorkload, byRest]

  function firstFree(lo: number, hi: number): number | null {
    let slot = lo > hi ? null : base.firstFree(lo, hi)
    while (slot !== null && taken.has(slot)) slot = slot < hi ? base.firstFree(slot + 1, hi) : null
    return slot
  }

  return {
    view: {
      geometry: base.geometry,
      at(address) {
        const row = rows.get(address.text)
        return row === undefined ? base.at(address) : row
      },
      ofKey: byKey.of,
      ofIncarnation: byIncarnation.of,
      ofShare: byShare.of,
      ofWorkload: byWorkload.of,
      ofReservation: base.ofReservation,
      restingFor: byRest.of,
      restingIn: base.restingIn,
      freeCount(entry) {
        const { lo, hi } = present(bounds[entry], 'entry')
        return base.freeCount(entry) - [...taken].filter(slot => slot >= lo && slot <= hi).length
      },
      peek(entry) {
        const slot = base.peek(entry)
        if (slot === null || !taken.has(slot)) return slot
        const { lo, hi } = present(bounds[entry], 'entry')
        const next = firstFree(cursors.get(entry) ?? lo, hi)
        cursors.set(entry, next ?? hi + 1)
        return next
      },
      firstFree,
      match(lists) {
        const left = taken.size === 0 ? lists : lists.map(list => without(list, taken))
        const total = left.reduce((sum, list) => sum + list.length, 0)
        // Cut into too many pieces: whoever comes next is promised nothing now, and looked at again later.
        return left.some(list => list.length === 0) || total > REQUEST_INTERVALS_MAX ? null : base.match(left)
      },
    },
    keep({ address, before, after }) {
      if (before !== null) for (const each of layers) each.remove(before)
      const row = after === null ? null : { ...after, updatedAt: 0, revision: 0 }
      rows.set(address.text, row)
      if (row !== null) for (const each of layers) each.add(row)
      // What a promise would free is free only after its turn: nobody is promised it here.
      const slot = base.geometry.slotOf(address)
      if (slot !== null && base.at(address) === null) taken.add(slot)
    },
  }
}

function shareKey({ owner }: Allocation): string | null {
  const share = sharedBy(owner)
  return share === null ? null : ownerKey(share)
}

/** The slots of an entry are consecutive. */
function boundsOf({ geometry }: View): readonly SlotInterval[] {
  let next = 0
  return geometry.entries.map(({ size }) => {
    const lo = next
    next += size
    return { lo, hi: next - 1 }
  })
}

/** The intervals without these slots. */
function without(list: readonly SlotInterval[], slots: ReadonlySet<number>): readonly SlotInterval[] {
  return list.flatMap(({ lo, hi }) => {
    const pieces: SlotInterval[] = []
    let from = lo
    for (const slot of [...slots].filter(each => each >= lo && each <= hi).sort((a, b) => a - b)) {
      if (slot > from) pieces.push({ lo: from, hi: slot - 1 })
      from = slot + 1
    }
    return from <= hi ? [...pieces, { lo: from, hi }] : pieces
  })
}
