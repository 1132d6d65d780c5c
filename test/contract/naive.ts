/** Owns the naive twin of the core: the same interface over one plain array, so simple that it is obviously right. */
import {
  type Core,
  ENTRIES_MAX,
  ENTRY_SLOTS_MAX,
  type FreeRun,
  MATCH_INTERVALS_MAX,
  MATCH_LISTS_MAX,
  NO_SLOT,
  SLOTS_MAX,
  type SlotInterval,
} from '../../src/core/core.ts'
import { assert } from '../../src/lib/assert.ts'

interface NaiveEntry {
  readonly first: number
  readonly end: number
  cursor: number
}

export function createNaive(entryCounts: readonly number[]): Core {
  assert(entryCounts.length <= ENTRIES_MAX, 'too many entries')
  assert(
    entryCounts.every(count => Number.isInteger(count) && count >= 0 && count <= ENTRY_SLOTS_MAX),
    'an entry is too large',
  )
  const slots = entryCounts.reduce((sum, count) => sum + count, 0)
  assert(slots <= SLOTS_MAX, 'too many slots')
  return new NaiveCore(entryCounts, slots)
}

class NaiveCore implements Core {
  readonly slots: number
  readonly entries: number
  private readonly free: boolean[]
  private readonly table: NaiveEntry[] = []

  constructor(entryCounts: readonly number[], slots: number) {
    this.slots = slots
    this.entries = entryCounts.length
    this.free = new Array<boolean>(slots).fill(true)
    let first = 0
    for (const count of entryCounts) {
      this.table.push({ first, end: first + count, cursor: first })
      first += count
    }
  }

  entryOf(slot: number): number {
    this.requireSlot(slot)
    return this.table.findIndex(entry => entry.first <= slot && slot < entry.end)
  }

  isFree(slot: number): boolean {
    this.requireSlot(slot)
    return this.free[slot] === true
  }

  peek(entry: number): number {
    const { first, end, cursor } = this.entry(entry)
    for (let slot = cursor; slot < end; slot++) if (this.free[slot]) return slot
    for (let slot = first; slot < cursor; slot++) if (this.free[slot]) return slot
    return NO_SLOT
  }

  pick(entry: number): number {
    const slot = this.peek(entry)
    if (slot === NO_SLOT) return NO_SLOT
    this.free[slot] = false
    const owner = this.entry(entry)
    owner.cursor = slot + 1 === owner.end ? owner.first : slot + 1
    return slot
  }

  take(slot: number): boolean {
    if (!this.isFree(slot)) return false
    this.free[slot] = false
    return true
  }

  release(slot: number): boolean {
    if (this.isFree(slot)) return false
    this.free[slot] = true
    return true
  }

  freeCount(entry: number): number {
    const { first, end } = this.entry(entry)
    return this.freeIn(first, end - 1).length
  }

  slotCount(entry: number): number {
    const { first, end } = this.entry(entry)
    return end - first
  }

  firstFree(lo: number, hi: number): number {
    this.requireInterval(lo, hi)
    return this.freeIn(lo, hi)[0] ?? NO_SLOT
  }

  countFree(lo: number, hi: number): number {
    this.requireInterval(lo, hi)
    return this.freeIn(lo, hi).length
  }

  nthFree(n: number): number {
    assert(Number.isSafeInteger(n) && n >= 0, 'n is not a number from 0')
    return this.freeIn(0, this.slots - 1)[n] ?? NO_SLOT
  }

  largestFreeRun(lo: number, hi: number): FreeRun {
    this.requireInterval(lo, hi)
    let best: FreeRun = { first: NO_SLOT, length: 0 }
    let length = 0
    for (let slot = lo; slot <= hi; slot++) {
      length = this.free[slot] ? length + 1 : 0
      if (length > best.length) best = { first: slot - length + 1, length }
    }
    return best
  }

  match(lists: readonly (readonly SlotInterval[])[]): number[] | null {
    assert(lists.length <= MATCH_LISTS_MAX, 'too many lists')
    assert(lists.flat().length <= MATCH_INTERVALS_MAX, 'too many intervals')
    for (const { lo, hi } of lists.flat()) this.requireInterval(lo, hi)
    assert(lists.every(isDisjoint), 'a list names a slot twice')
    return firstSolution(lists.map(list => list.flatMap(({ lo, hi }) => this.freeIn(lo, hi))))
  }

  verify(): string | null {
    return null
  }

  private freeIn(lo: number, hi: number): number[] {
    const found: number[] = []
    for (let slot = lo; slot <= hi; slot++) if (this.free[slot]) found.push(slot)
    return found
  }

  private entry(entry: number): NaiveEntry {
    const found = this.table[entry]
    assert(found !== undefined, 'no such entry')
    return found
  }

  private requireSlot(slot: number): void {
    assert(Number.isInteger(slot) && slot >= 0 && slot < this.slots, 'no such slot')
  }

  private requireInterval(lo: number, hi: number): void {
    this.requireSlot(lo)
    this.requireSlot(hi)
    assert(lo <= hi, 'the interval runs backwards')
  }
}

function isDisjoint(list: readonly SlotInterval[]): boolean {
  return list.every((a, at) => list.every((b, other) => other <= at || a.hi < b.lo || b.hi < a.lo))
}

/** Tries everything in the order of each list: the first solution met is the one that is preferred. */
function firstSolution(choices: readonly (readonly number[])[], chosen: readonly number[] = []): number[] | null {
  const mine = choices[chosen.length]
  if (mine === undefined) return [...chosen]
  for (const slot of mine) {
    if (chosen.includes(slot)) continue
    const solution = firstSolution(choices, [...chosen, slot])
    if (solution !== null) return solution
  }
  return null
}
