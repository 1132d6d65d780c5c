/** Owns the five levels of the bitmap: finding the next free slot, and keeping each level true when a bit changes. */
import {
  NO_SLOT, leaf, level1, level2, level3, level4, setLeaf, setLevel1, setLevel2, setLevel3, setLevel4,
} from './layout'

//  A word and its parent:          63 ............ i ............ 0
//    bit(i)         only i         0000000000000000100000000000000
//    from(i)        i and above    1111111111111111100000000000000
//    above(i)       above i        1111111111111111000000000000000
//  A shift takes its distance modulo 64, so the index of a slot or of a word can be passed as it is.
@inline export function bit(i: i32): u64 { return <u64>1 << <u64>i }
@inline export function from(i: i32): u64 { return ~<u64>0 << <u64>i }
@inline export function above(i: i32): u64 { return ~<u64>1 << <u64>i }

/** The first free slot at or after `slot`, of any entry, or NO_SLOT. */
@inline export function nextFree(slot: i32): i32 {
  let i = slot >>> 6
  let word = leaf(i) & from(slot)
  if (word == 0) {
    i = leafAfter(i)
    if (i < 0) return NO_SLOT
    word = leaf(i)
  }
  return (i << 6) | <i32>ctz(word)
}

//  Each of these: the first word of its level after word i that is not zero, or -1. Up as far as needed, then down.
function leafAfter(i: i32): i32 {
  let up = i >>> 6
  let word = level1(up) & above(i)
  if (word == 0) {
    up = level1After(up)
    if (up < 0) return -1
    word = level1(up)
  }
  return (up << 6) | <i32>ctz(word)
}

function level1After(i: i32): i32 {
  let up = i >>> 6
  let word = level2(up) & above(i)
  if (word == 0) {
    up = level2After(up)
    if (up < 0) return -1
    word = level2(up)
  }
  return (up << 6) | <i32>ctz(word)
}

function level2After(i: i32): i32 {
  let up = i >>> 6
  let word = level3(up) & above(i)
  if (word == 0) {
    const top = level4() & above(up)
    if (top == 0) return -1
    up = <i32>ctz(top)
    word = level3(up)
  }
  return (up << 6) | <i32>ctz(word)
}

@inline export function isFree(slot: i32): bool {
  return (leaf(slot >>> 6) & bit(slot)) != 0
}

/** Sets the slot's bit, and on each level the bit of a word that was zero until now. */
@inline export function raise(slot: i32): void {
  const a = slot >>> 6
  const word = leaf(a)
  setLeaf(a, word | bit(slot))
  if (word == 0) raiseAbove(a)
}

function raiseAbove(a: i32): void {
  const b = a >>> 6
  const word1 = level1(b)
  setLevel1(b, word1 | bit(a))
  if (word1 != 0) return
  const c = b >>> 6
  const word2 = level2(c)
  setLevel2(c, word2 | bit(b))
  if (word2 != 0) return
  const d = c >>> 6
  const word3 = level3(d)
  setLevel3(d, word3 | bit(c))
  if (word3 != 0) return
  setLevel4(level4() | bit(d))
}

/** Clears the slot's bit, and on each level the bit of a word that has become zero. */
@inline export function lower(slot: i32): void {
  const a = slot >>> 6
  const word = leaf(a) & ~bit(slot)
  setLeaf(a, word)
  if (word == 0) lowerAbove(a)
}

function lowerAbove(a: i32): void {
  const b = a >>> 6
  const word1 = level1(b) & ~bit(a)
  setLevel1(b, word1)
  if (word1 != 0) return
  const c = b >>> 6
  const word2 = level2(c) & ~bit(b)
  setLevel2(c, word2)
  if (word2 != 0) return
  const d = c >>> 6
  const word3 = level3(d) & ~bit(c)
  setLevel3(d, word3)
  if (word3 != 0) return
  setLevel4(level4() & ~bit(d))
}
