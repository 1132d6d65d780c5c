/** Owns the ledger's memory: the rows, their indexes and the core's bitmap of free slots, always telling the same story. */

import { type Core, type FreeRun, NO_SLOT } from '../core/core.ts'
import { type Allocation, assertSound } from '../domain/allocation.ts'
import type { Change, Committed } from '../domain/change.ts'
import type { Geometry } from '../domain/geometry.ts'
import { ownerKey, restKey, sharedBy, workloadKey } from '../domain/owner.ts'
import type { Address } from '../ip/address.ts'
import { assert } from '../lib/assert.ts'
import type { WallMs } from '../lib/clock.ts'
import type { View } from '../rules/view.ts'
import { indexBy } from './index.ts'
import { type Counts, tallyOf } from './tally.ts'

export interface State extends View {
  readonly size: number
  rows(): IterableIterator<Allocation>
  /** Of an entry: how many of its addresses stand how; the others are free. */
  counts(entry: number): Counts
  /** Rows whose address is not configured any more. */
  readonly orphans: ReadonlyMap<string, Allocation>
  /** Applies one change; what it frees is given to nobody before {@link settle}. */
  apply(change: Change, at: WallMs, revision: number): Committed
  /** The turn is on disk: what it freed is free. */
  settle(): void
  /** The longest run of free slots in [lo, hi]. */
  largestFreeRun(lo: number, hi: number): FreeRun
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
  const byReservation = indexBy(row => row.reservation?.id ?? null)
  const byRest = indexBy(row => (row.phase === 'resting' ? restKey(row.owner) : null))
  const restByEntry = indexBy(row => (row.phase === 'resting' ? String(geometry.entryIndexOf(row.address)) : null))
  const indexes = [byKey, byIncarnation, byShare, byWorkload, byReservation, byRest, restByEntry]
  const tally = tallyOf(geometry.entries.length)
  /** Slots freed in the open turn. */
  const freed = new Set<number>()

  function put(row: Allocation, slot: number | null): void {
    assertSound(row)
    byAddress.set(row.address.text, row)
    for (const index of indexes) index.add(row)
    tally.add(row, slot === null ? null : core.entryOf(slot))
  }

  function drop(row: Allocation, slot: number | null): void {
    byAddress.delete(row.address.text)
    for (const index of indexes) index.remove(row)
    tally.remove(row, slot === null ? null : core.entryOf(slot))
  }

  function takeSlot(a: Address, slot: number): void {
    if (freed.delete(slot)) return
    // The next-fit cursor moves only when the address is the one that it offers.
    const entry = core.entryOf(slot)
    const taken = core.peek(entry) === slot ? core.pick(entry) === slot : core.take(slot)
    assert(taken, `${a.text} was free`)
  }

  for (const row of rows) {
    const slot = geometry.slotOf(row.address)
    put(row, slot)
    if (slot !== null) takeSlot(row.address, slot)
  }

  return {
    geometry,
    get size() {
      return byAddress.size
    },
    rows: () => byAddress.values(),
    counts: tally.of,
    orphans: tally.orphans,
    at: a => byAddress.get(a.text) ?? null,
    ofKey: byKey.of,
    ofIncarnation: byIncarnation.of,
    ofShare: byShare.of,
    ofWorkload: byWorkload.of,
    ofReservation: byReservation.of,
    restingFor: byRest.of,
    restingIn: entry => restByEntry.of(String(entry)),
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
    largestFreeRun: (lo, hi) => core.largestFreeRun(lo, hi),
    nthFree(n) {
      const slot = core.nthFree(n)
      return slot === NO_SLOT ? null : geometry.addressOf(slot)
    },

    apply(change, at, revision) {
      const before = byAddress.get(change.address.text) ?? null
      assert(before === change.before, `${change.address.text}: the change rests on the row in force`)
      const slot = geometry.slotOf(change.address)
      if (before !== null) drop(before, slot)
      const after = change.after === null ? null : { ...change.after, updatedAt: change.since ?? at, revision }
      if (after !== null) put(after, slot)
      if (slot !== null && before === null && after !== null) takeSlot(after.address, slot)
      if (slot !== null && before !== null && after === null) freed.add(slot)
      return { ...change, after, at, revision }
    },

    settle() {
      for (const slot of freed) assert(core.release(slot), `slot ${slot} was taken`)
      freed.clear()
    },

    verify() {
      const taken = [...byAddress.values()].filter(row => geometry.slotOf(row.address) !== null)
      const stillFree = taken.find(row => core.isFree(geometry.slotOf(row.address) ?? NO_SLOT))
      if (stillFree !== undefined) return `${stillFree.address.text} has a row, and its slot is free`
      let free = 0
      for (let entry = 0; entry < core.entries; entry++) free += core.freeCount(entry)
      if (free + taken.length + freed.size !== core.slots) {
        return `${free} free + ${taken.length} rows + ${freed.size} freed ≠ ${core.slots} slots`
      }
      if (tally.orphans.size + taken.length !== byAddress.size) return 'the orphans are not what is not configured'
      for (let entry = 0; entry < core.entries; entry++) {
        const counted = Object.values(tally.of(entry)).reduce((sum, count) => sum + count, 0)
        const pending = [...freed].filter(slot => core.entryOf(slot) === entry).length
        if (counted + pending + core.freeCount(entry) !== core.slotCount(entry)) return `entry ${entry} is miscounted`
      }
      const others = byAddress.size - byRest.size
      if (byKey.size !== others || byWorkload.size !== others || restByEntry.size !== byRest.size)
        return 'an index lost a row'
      return core.verify()
    },
  }
}
