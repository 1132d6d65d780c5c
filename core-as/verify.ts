/** Owns the proof that the instance is sound: everything that is derived is derived again, and compared. */
import {
  endOf, cursorOf, entries, firstOf, free1, free2, freeOf, leaf, level1, level2, level3, level4, ownerOf, setResult,
  slots, wordsOf,
} from './layout'
import { countFree } from './rank'

/** 0 when sound; else the number of the rule that is broken, and in RESULT[0] the word, block, region or entry. */
export function verify(): i32 {
  return verifyLevels() || verifyFree() || verifyEntries()
}

@inline function broken(rule: i32, where: i32): i32 {
  setResult(0, where)
  return rule
}

function verifyLevels(): i32 {
  const leaves = wordsOf(6), words1 = wordsOf(12), words2 = wordsOf(18), words3 = wordsOf(24)
  if ((slots & 63) != 0 && leaf(leaves - 1) >> <u64>(slots & 63) != 0) return broken(1, leaves - 1)
  for (let i = 0; i < words1; i++) {
    let want: u64 = 0
    for (let j = i << 6, k = min(j + 64, leaves); j < k; j++) want |= <u64>(leaf(j) != 0) << <u64>j
    if (level1(i) != want) return broken(2, i)
  }
  for (let i = 0; i < words2; i++) {
    let want: u64 = 0
    for (let j = i << 6, k = min(j + 64, words1); j < k; j++) want |= <u64>(level1(j) != 0) << <u64>j
    if (level2(i) != want) return broken(3, i)
  }
  for (let i = 0; i < words3; i++) {
    let want: u64 = 0
    for (let j = i << 6, k = min(j + 64, words2); j < k; j++) want |= <u64>(level2(j) != 0) << <u64>j
    if (level3(i) != want) return broken(4, i)
  }
  let want: u64 = 0
  for (let j = 0; j < words3; j++) want |= <u64>(level3(j) != 0) << <u64>j
  return level4() == want ? 0 : broken(5, 0)
}

function verifyFree(): i32 {
  const leaves = wordsOf(6), blocks = wordsOf(12), regions = wordsOf(18)
  for (let i = 0; i < blocks; i++) {
    let want = 0
    for (let j = i << 6, k = min(j + 64, leaves); j < k; j++) want += <i32>popcnt(leaf(j))
    if (free1(i) != want) return broken(6, i)
  }
  for (let i = 0; i < regions; i++) {
    let want = 0
    for (let j = i << 6, k = min(j + 64, blocks); j < k; j++) want += free1(j)
    if (free2(i) != want) return broken(7, i)
  }
  return 0
}

function verifyEntries(): i32 {
  let next = 0
  let block = 0
  for (let e = 0; e < entries; e++) {
    const end = endOf(e)
    if (firstOf(e) != next || end < next || end > slots) return broken(8, e)
    for (; block << 12 < end; block++) if (ownerOf(block) != e) return broken(9, block)
    if (freeOf(e) != (end == next ? 0 : countFree(next, end - 1))) return broken(10, e)
    if (cursorOf(e) < next || cursorOf(e) > max(next, end - 1)) return broken(11, e)
    next = end
  }
  if (next != slots) return broken(8, entries)
  return entries == 0 || ownerOf(block) == entries - 1 ? 0 : broken(9, block)
}
