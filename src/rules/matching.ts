/** Owns the dealing out of what lists can share: rows that a pod has, or slots if some more were free. */
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
  return dealt(lists.length, list => candidates[list] ?? []).size === lists.length
}

/** Who has what when as many lists as can have one candidate each. What is `taken` already is kept, or moved so that another list gets one too. */
export function dealt<T>(
  lists: number,
  candidatesOf: (list: number) => readonly T[],
  taken: ReadonlyMap<T, number> = new Map(),
): ReadonlyMap<T, number> {
  const takenBy = new Map(taken)

  /** Kuhn: a list takes a candidate, and whoever has it looks for another. */
  function place(list: number, tried: Set<T>): boolean {
    for (const candidate of candidatesOf(list)) {
      if (tried.has(candidate)) continue
      tried.add(candidate)
      const holder = takenBy.get(candidate)
      if (holder !== undefined && !place(holder, tried)) continue
      takenBy.set(candidate, list)
      return true
    }
    return false
  }

  const served = new Set(taken.values())
  for (let list = 0; list < lists; list++) if (!served.has(list)) place(list, new Set())
  return takenBy
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
