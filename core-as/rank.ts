/** Owns questions about all slots in ascending order: how many are free in an interval, and which is the n-th. */
import { bit, nextFree } from './bitmap'
import { NO_SLOT, free1, free2, leaf, wordsOf } from './layout'

export function firstFree(lo: i32, hi: i32): i32 {
  const slot = nextFree(lo)
  return <u32>slot <= <u32>hi ? slot : NO_SLOT
}

export function countFree(lo: i32, hi: i32): i32 {
  return freeBefore(hi + 1) - freeBefore(lo)
}

//  0 ─────────────────────────────────────── slot
//  │ region │ region │ block │ block │ w │ w │ bits      at most 1024 + 63 + 63 loads
function freeBefore(slot: i32): i32 {
  const region = slot >>> 18
  const block = slot >>> 12
  const word = slot >>> 6
  let sum = 0
  for (let i = 0; i < region; i++) sum += free2(i)
  for (let i = region << 6; i < block; i++) sum += free1(i)
  for (let i = block << 6; i < word; i++) sum += <i32>popcnt(leaf(i))
  //  On a word's border there are no bits to count, and after the last slot there may be no word either.
  if ((slot & 63) != 0) sum += <i32>popcnt(leaf(word) & (bit(slot) - 1))
  return sum
}

/** The inverse of `freeBefore`: the free slot that has `n` free slots before it, or NO_SLOT. */
export function nthFree(n: i32): i32 {
  const regions = wordsOf(18)
  let region = 0
  while (region < regions && n >= free2(region)) n -= free2(region++)
  if (region == regions) return NO_SLOT
  let block = region << 6
  while (n >= free1(block)) n -= free1(block++)
  let i = block << 6
  let word = leaf(i)
  while (n >= <i32>popcnt(word)) {
    n -= <i32>popcnt(word)
    word = leaf(++i)
  }
  for (; n > 0; n--) word &= word - 1
  return (i << 6) | <i32>ctz(word)
}
