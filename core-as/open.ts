/** Owns the first state of an instance: geometry from the slot counts that the caller has written, and every slot free. */
import {
  LEAF, endOf, setCursor, setEnd, setFirst, setFree, setFree1, setFree2, setGeometry, setLeaf,
  setLevel1, setLevel2, setLevel3, setLevel4, setOwner, slots, wordsOf,
} from './layout'

/** Reads the slot count of each entry from where its end will be; memory is otherwise zero. Answers how many slots there are. */
export function open(entryCount: i32): i32 {
  let next = 0
  for (let e = 0; e < entryCount; e++) {
    const count = endOf(e)
    setFirst(e, next)
    setEnd(e, next + count)
    setFree(e, count)
    setCursor(e, next)
    next += count
  }
  setGeometry(next, entryCount)
  grow()
  openOwners(entryCount)
  openLevels()
  return next
}

/** Makes room for the leaf words, once. The 31 pages of asconfig.json hold all that lies below; 512 more are 2^28 slots. */
function grow(): void {
  const pages = (LEAF + (wordsOf(6) << 3) + 0xffff) >>> 16
  if (pages > memory.size() && memory.grow(pages - memory.size()) < 0) unreachable()
}

function openOwners(entryCount: i32): void {
  const blocks = wordsOf(12)
  let e = 0
  for (let block = 0; block < blocks; block++) {
    while (endOf(e) <= block << 12) e++
    setOwner(block, e)
  }
  if (entryCount > 0) setOwner(blocks, entryCount - 1)
}

function openLevels(): void {
  for (let i = 0, n = wordsOf(6); i < n; i++) setLeaf(i, ones(slots - (i << 6)))
  for (let i = 0, n = wordsOf(12); i < n; i++) {
    setLevel1(i, ones(wordsOf(6) - (i << 6)))
    setFree1(i, min(slots - (i << 12), 1 << 12))
  }
  for (let i = 0, n = wordsOf(18); i < n; i++) {
    setLevel2(i, ones(wordsOf(12) - (i << 6)))
    setFree2(i, min(slots - (i << 18), 1 << 18))
  }
  for (let i = 0, n = wordsOf(24); i < n; i++) setLevel3(i, ones(wordsOf(18) - (i << 6)))
  setLevel4(ones(wordsOf(24)))
}

/** A word of `n` ones from the lowest bit; all ones from 64 on, none for 0. */
@inline function ones(n: i32): u64 {
  return n >= 64 ? ~<u64>0 : ((<u64>1 << <u64>n) - 1)
}
