/** Owns the ledger's memory: the rows, their indexes and the core's bitmap of free slots, always telling the same story. */

import { type Core, NO_SLOT } from '../core/core.ts'
import { type Allocation, assertSound } from '../domain/allocation.ts'
import type { Change, Committed } from '../domain/change.ts'
import type { Geometry } from '../domain/geometry.ts'
import { ownerKey, restKey, sharedBy, workloadKey } from '../domain/owner.ts'
import type { Address } from '../ip/address.ts'
import { assert } from '../lib/assert.ts'
import type { WallMs } from '../lib/clock.ts'
import type { View } from '../rules/view.ts'
import { indexBy } from './index.ts'

export interface State extends View {
  readonly size: number
  rows(): IterableIterator<Allocation>
  /** Applies one change; what it frees is given to nobody before {@link settle}. */
  apply(change: Change, at: WallMs, revision: number): Committed
  /** The turn is on disk: what it freed is free. */
  settle(): void
  /** The n-th free configured address in ascending slot order, or null. */
  nthFree(n: number): Address | null
  /** Null when rows, indexes and bitmap agree; else what does not. */
  verify(): string | null
}

export function stateOf(geometry: Geometry, core: Core, rows: readonly Allocation[]): State {
  const byAddress = new Map<string, Allocation>()
  const unlessResting = (keyOf: (row: Allocation) => string | null) =>
    indexBy(row => (row.phase === 'resting' ? null : keyOf(row)))
  const byKey = unlessResting(row => ownerKey(row.owner))
  const byIncarnation = indexBy(row => row.incarnation)
  const byShare = unlessResting(row => {
    const share = sharedBy(row.owner)
    return share === null ? null : ownerKey(share)
  })
  const byWorkload = unlessResting(row => workloadKey(row.owner))
  const byRest = indexBy(row => (row.phase === 'resting' ? restKey(row.owner) : null))
  const indexes = [byKey, byIncarnation, byShare, byWorkload, byRest]
  /** Slots freed in the open turn. */
  let freed: number[] = []

  function put(row: Allocation): void {
    assertSound(row)
    byAddress.set(row.address.text, row)
    for (const index of indexes) index.add(row)
  }

  function drop(row: Allocation): void {
    byAddress.delete(row.address.text)
    for (const index of indexes) index.remove(row)
  }

  function takeSlot(a: Address): void {
    const slot = geometry.slotOf(a)
    if (slot === null) return
    if (freed.includes(slot)) {
      freed = freed.filter(other => other !== slot)
      return
    }
    // The next-fit cursor moves only when the address is the one that it offers.
    const entry = core.entryOf(slot)
    const taken = core.peek(entry) === slot ? core.pick(entry) === slot : core.take(slot)
    assert(taken, `${a.text} was free`)
  }

  for (const row of rows) {
    put(row)
    takeSlot(row.address)
  }

  return {
    geometry,
    get size() {
      return byAddress.size
    },
    rows: () => byAddress.values(),
    at: a => byAddress.get(a.text) ?? null,
    ofKey: byKey.of,
    ofIncarnation: byIncarnation.of,
    ofShare: byShare.of,
    ofWorkload: byWorkload.of,
    resting: byRest.of,
    freeCount: entry => core.freeCount(entry),
    peek(entry) {
      const slot = core.peek(entry)
      return slot === NO_SLOT ? null : slot
    },
    firstFree(lo, hi) {
      const slot = core.firstFree(lo, hi)
      return slot === NO_SLOT ? null : slot
    },
    match: lists => core.match(lists),
    nthFree(n) {
      const slot = core.nthFree(n)
      return slot === NO_SLOT ? null : geometry.addressOf(slot)
    },

    apply(change, at, revision) {
      const before = byAddress.get(change.address.text) ?? null
      assert(before === change.before, `${change.address.text}: the change rests on the row in force`)
      if (before !== null) drop(before)
      const after = change.after === null ? null : { ...change.after, updatedAt: at, revision }
      if (after !== null) put(after)
      if (before === null && after !== null) takeSlot(after.address)
      if (before !== null && after === null) {
        const slot = geometry.slotOf(change.address)
        if (slot !== null) freed.push(slot)
      }
      return { ...change, after, at, revision }
    },

    settle() {
      for (const slot of freed) assert(core.release(slot), `slot ${slot} was taken`)
      freed = []
    },

    verify() {
      const taken = [...byAddress.values()].filter(row => geometry.slotOf(row.address) !== null)
      const stillFree = taken.find(row => core.isFree(geometry.slotOf(row.address) ?? NO_SLOT))
      if (stillFree !== undefined) return `${stillFree.address.text} has a row, and its slot is free`
      let free = 0
      for (let entry = 0; entry < core.entries; entry++) free += core.freeCount(entry)
      if (free + taken.length + freed.length !== core.slots) {
        return `${free} free + ${taken.length} rows + ${freed.length} freed ≠ ${core.slots} slots`
      }
      const kept = byAddress.size - byRest.size
      if (byKey.size !== kept || byWorkload.size !== kept) return 'an index lost a row'
      return core.verify()
    },
  }
}
