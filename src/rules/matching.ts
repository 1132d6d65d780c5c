/** Owns the question whether range lists could be served if some more slots were free. */
import type { SlotInterval, View } from './view.ts'

/**
 * True when each list can have a slot of its own, free or freed. Exact: of n lists each needs no more than n free candidates, for the
 * others can take away n - 1 at most; so at most n² slots are looked at (64 lists: 4,096).
 */
export function matches(view: View, lists: readonly (readonly SlotInterval[])[], freed: readonly number[]): boolean {
  const candidates = lists.map(list => [
    ...freeIn(view, list, lists.length),
    ...freed.filter(slot => within(slot, list)),
  ])
  const takenBy = new Map<number, number>()

  /** Kuhn: a list takes a candidate, and whoever has it looks for another. */
  function place(list: number, tried: Set<number>): boolean {
    for (const slot of candidates[list] ?? []) {
      if (tried.has(slot)) continue
      tried.add(slot)
      const holder = takenBy.get(slot)
      if (holder !== undefined && !place(holder, tried)) continue
      takenBy.set(slot, list)
      return true
    }
    return false
  }

  return lists.every((_, list) => place(list, new Set()))
}

function freeIn(view: View, list: readonly SlotInterval[], most: number): readonly number[] {
  const slots: number[] = []
  for (const { lo, hi } of list) {
    for (let from = lo; from <= hi && slots.length < most; ) {
      const slot = view.firstFree(from, hi)
      if (slot === null) break
      slots.push(slot)
      from = slot + 1
    }
  }
  return slots
}

function within(slot: number, list: readonly SlotInterval[]): boolean {
  return list.some(({ lo, hi }) => slot >= lo && slot <= hi)
}
