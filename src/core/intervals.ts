/** Owns the question whether a list of slot intervals names each slot once. */
import type { SlotInterval } from './core.ts'

export function areDisjoint(list: readonly SlotInterval[]): boolean {
  return isAscending(list) || isAscending(list.toSorted((a, b) => a.lo - b.lo))
}

function isAscending(list: readonly SlotInterval[]): boolean {
  let end = -1
  for (const { lo, hi } of list) {
    if (lo <= end) return false
    end = hi
  }
  return true
}
