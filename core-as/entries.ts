/** Owns the entries: which one a slot belongs to, the next-fit pick, and the counts that follow each take and release. */
import { isFree, lower, nextFree, raise } from './bitmap'
import {
  NO_SLOT, cursorOf, endOf, firstOf, free1, free2, freeOf, ownerOf, setCursor, setFree, setFree1, setFree2,
} from './layout'

export function entryOf(slot: i32): i32 {
  const block = slot >>> 12
  let low = ownerOf(block)
  let high = ownerOf(block + 1)
  //  The last entry that starts at or before the slot: an entry of no slots starts where the next one does, and never wins.
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if (firstOf(middle) <= slot) low = middle
    else high = middle - 1
  }
  return low
}

/** The first free slot at or after the entry's cursor, wrapping; NO_SLOT when the entry is full. */
export function peek(entry: i32): i32 {
  return next(entry)
}

export function pick(entry: i32): i32 {
  const slot = next(entry)
  if (slot == NO_SLOT) return NO_SLOT
  lower(slot)
  count(slot, entry, -1)
  const after = slot + 1
  setCursor(entry, after == endOf(entry) ? firstOf(entry) : after)
  return slot
}

@inline function next(entry: i32): i32 {
  if (freeOf(entry) == 0) return NO_SLOT
  const slot = nextFree(cursorOf(entry))
  //  As u32 NO_SLOT is beyond every end. Some slot is free, so a search from the entry's first slot ends inside.
  return <u32>slot < <u32>endOf(entry) ? slot : fromFirst(entry)
}

function fromFirst(entry: i32): i32 {
  return nextFree(firstOf(entry))
}

export function take(slot: i32): i32 {
  if (!isFree(slot)) return 0
  lower(slot)
  count(slot, entryOf(slot), -1)
  return 1
}

export function release(slot: i32): i32 {
  if (isFree(slot)) return 0
  raise(slot)
  count(slot, entryOf(slot), 1)
  return 1
}

@inline function count(slot: i32, entry: i32, by: i32): void {
  const block = slot >>> 12
  const region = slot >>> 18
  setFree1(block, free1(block) + by)
  setFree2(region, free2(region) + by)
  setFree(entry, freeOf(entry) + by)
}
