/** Owns the canonical form of a list of slot intervals: ascending, disjoint. */
import type { SlotInterval } from './core.ts'

export function canonical(list: readonly SlotInterval[]): readonly SlotInterval[] {
  if (isCanonical(list)) return list
  const merged: SlotInterval[] = []
  for (const next of [...list].sort((a, b) => a.lo - b.lo)) {
    const before = merged.at(-1)
    //  before  |------|       shares a slot, or is next to it:
    //  next       |-----|     one interval as long as the longer of the two
    if (before === undefined || next.lo > before.hi + 1) merged.push(next)
    else if (next.hi > before.hi) merged[merged.length - 1] = { lo: before.lo, hi: next.hi }
  }
  return merged
}

function isCanonical(list: readonly SlotInterval[]): boolean {
  let end = -1
  for (const { lo, hi } of list) {
    if (lo <= end) return false
    end = hi
  }
  return true
}
