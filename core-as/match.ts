/** Owns the exact matching: one distinct free slot for each list, all or none, the first in its list that can be. */
import { nextFree } from './bitmap'
import { CELLS, CHOICES, EDGES, INTERVALS, LIST_ENDS, WIDTHS, setResult } from './layout'

//  lists            edges                 cells (one for each distinct slot)
//  0: [3..9]        0 ─── 3, 4            ┌ slot 3, held by 0 ┐
//  1: [3..3]        1 ─── 3               └ slot 4, held by - ┘
//
//  Why the first k free slots of a list are enough (k lists): take the solution that is first in the order of the lists, each by the
//  place of its slot in it. If a list used a slot beyond its first k, the k-1 others would leave one of those k unused, and moving
//  forward to it, changing nobody else, would give an earlier solution. So the first solution, if there is one, is made of first
//  k's; and Kuhn's search is exact on those.

@inline function x4(i: i32): usize { return <usize>i << 2 }
@inline function cellSlot(cell: i32): i32 { return load<i32>(<usize>cell << 3, CELLS) }
@inline function cellHolder(cell: i32): i32 { return load<i32>(<usize>cell << 3, CELLS + 4) }
@inline function setHolder(cell: i32, list: i32): void { store<i32>(<usize>cell << 3, list, CELLS + 4) }
@inline function width(list: i32): i32 { return load<i32>(x4(list), WIDTHS) }
@inline function edge(list: i32, rank: i32): i32 { return load<i32>(x4((list << 6) | rank), EDGES) }
@inline function choice(list: i32): i32 { return load<i32>(x4(list), CHOICES) }
@inline function hold(list: i32, cell: i32): void {
  store<i32>(x4(list), cell, CHOICES)
  setHolder(cell, list)
}

/** The lists that this search has been to, or may not touch: they lead nowhere. */
let closed: u64 = 0
@inline function isClosed(list: i32): bool { return ((closed >> <u64>list) & 1) != 0 }

/** Reads INTERVALS and LIST_ENDS; 1 with the slots in RESULT, or 0 when there is no solution. */
export function match(lists: i32): i32 {
  if (!collect(lists)) return 0
  for (let list = 0; list < lists; list++) {
    closed = 0
    if (!augment(list)) return 0
  }
  for (let list = 0; list < lists; list++) settle(list)
  for (let list = 0; list < lists; list++) setResult(list, cellSlot(choice(list)))
  return 1
}

/** Fills EDGES with the first free slots of each list; false when a list has none. */
function collect(lists: i32): bool {
  //  At most lists^2 distinct slots: a table twice as large, a power of two, 8192 for 64 lists.
  const mask = (2 << (32 - <i32>clz<i32>(lists * lists))) - 1 & 8191
  memory.fill(CELLS, 0xff, (mask + 1) << 3)
  let interval = 0
  for (let list = 0; list < lists; list++) {
    const end = load<i32>(x4(list), LIST_ENDS)
    let found = 0
    for (; interval < end; interval++) {
      const hi = load<i32>(<usize>interval << 3, INTERVALS + 4)
      let slot = load<i32>(<usize>interval << 3, INTERVALS)
      while (found < lists && slot <= hi) {
        slot = nextFree(slot)
        if (<u32>slot > <u32>hi) break
        store<i32>(x4((list << 6) | found++), cellOf(slot++, mask), EDGES)
      }
    }
    if (found == 0) return false
    store<i32>(x4(list), found, WIDTHS)
  }
  return true
}

/** The cell of this slot, made when there is none: open addressing, spread by 2^32 over the golden ratio. */
function cellOf(slot: i32, mask: i32): i32 {
  let cell = (slot * <i32>0x9e3779b1) >>> 15 & mask
  while (cellSlot(cell) != slot) {
    if (cellSlot(cell) == -1) {
      store<i32>(<usize>cell << 3, slot, CELLS)
      break
    }
    cell = (cell + 1) & mask
  }
  return cell
}

/** Gives the list a slot: one that nobody holds, else one whose holder can move on. Changes nothing when false. */
function augment(list: i32): bool {
  closed |= <u64>1 << <u64>list
  const n = width(list)
  for (let rank = 0; rank < n; rank++) {
    const cell = edge(list, rank)
    if (cellHolder(cell) < 0) {
      hold(list, cell)
      return true
    }
  }
  for (let rank = 0; rank < n; rank++) {
    const cell = edge(list, rank)
    const holder = cellHolder(cell)
    if (!isClosed(holder) && augment(holder)) {
      hold(list, cell)
      return true
    }
  }
  return false
}

/** Moves the list to the first of its slots that leaves the lists before it alone and the lists after it with a solution. */
function settle(list: i32): void {
  const old = choice(list)
  //  Lists up to this one stay. Whoever could not move on for one slot cannot for the next: `closed` only grows.
  closed = (<u64>2 << <u64>list) - 1
  for (let rank = 0; edge(list, rank) != old; rank++) {
    const cell = edge(list, rank)
    const holder = cellHolder(cell)
    if (holder >= 0 && isClosed(holder)) continue
    setHolder(old, -1)
    hold(list, cell)
    if (holder < 0 || augment(holder)) return
    hold(list, old)
    setHolder(cell, holder)
  }
}
