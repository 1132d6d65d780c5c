/** Owns the exhaustive part of the contract: every occupancy of twelve slots, against definitions written over a 12-bit number. */
import { afterAll, expect, test } from 'bun:test'
import { type Core, NO_SLOT, type SlotInterval } from '../../src/core/core.ts'
import type { CreateCore } from './core.contract.ts'

const SLOTS = 12
const OCCUPANCIES = 1 << SLOTS
const GEOMETRIES = [[12], [6, 6], [4, 4, 4]] as const
/** Intervals for pairs of lists: 12 of one slot, 11 of two, 10 of three = 33, so 1089 pairs for each occupancy. */
const PAIR_WIDTH_MAX = 3
/** Lists for triples: every set of slots among the first six = 64, so 262,144 triples. */
const TRIPLE_SLOTS = 6

//  `free` has bit s set when slot s is free. These are the definitions.
const isFree = (free: number, slot: number) => ((free >> slot) & 1) === 1
const range = (lo: number, hi: number) => Array.from({ length: hi - lo + 1 }, (_, i) => lo + i)
const freeIn = (free: number, lo: number, hi: number) => range(lo, hi).filter(slot => isFree(free, slot))

export function exhaustiveContract(name: string, create: CreateCore): void {
  let checked = 0
  afterAll(() => console.log(`  ${name}: ${checked.toLocaleString('en')} exhaustive cases`))

  for (const counts of GEOMETRIES) {
    const size = counts[0]
    test(`every occupancy and cursor of entries ${counts.join('+')}: peek, then pick`, () => {
      const core = create(counts)
      for (let cursor = 0; cursor < size; cursor++) {
        for (let free = 0; free < OCCUPANCIES; free++) {
          arrange(core, size, free, cursor)
          for (let entry = 0; entry < counts.length; entry++) {
            const first = entry * size
            const order = [...range(first + cursor, first + size - 1), ...range(first, first + cursor - 1)]
            const want = order.find(slot => isFree(free, slot)) ?? NO_SLOT
            const got = [core.peek(entry), core.pick(entry), core.freeCount(entry)]
            const left = freeIn(free, first, first + size - 1).filter(slot => slot !== want).length
            if (got[0] !== want || got[1] !== want || got[2] !== left)
              expect({ free, cursor, got }).toEqual({ free, cursor, got: [want, want, left] })
            checked++
          }
          if (core.verify() !== null) expect(core.verify()).toBeNull()
        }
      }
    })

    test(`every occupancy of entries ${counts.join('+')}: intervals, ranks, runs`, () => {
      const core = create(counts)
      for (let free = 0; free < OCCUPANCIES; free++) {
        arrange(core, size, free, 0)
        checked += compareIntervals(core, free) + compareRanks(core, free) + compareRuns(core, free, size)
      }
    })
  }

  test('every occupancy, every pair of lists of one small interval: match', () => {
    const core = create([SLOTS])
    const lists = range(1, PAIR_WIDTH_MAX).flatMap(width =>
      range(0, SLOTS - width).map(lo => [{ lo, hi: lo + width - 1 }]),
    )
    for (let free = 0; free < OCCUPANCIES; free++) {
      arrange(core, SLOTS, free, 0)
      const choices = lists.map(list => slotsOf(free, list))
      for (let a = 0; a < lists.length; a++) {
        for (let b = 0; b < lists.length; b++) {
          checked += compareMatch(core, free, [lists[a] ?? [], lists[b] ?? []], [choices[a] ?? [], choices[b] ?? []])
        }
      }
    }
  })

  test('every triple of sets of six slots: match', () => {
    const core = create([TRIPLE_SLOTS])
    const sets = range(0, (1 << TRIPLE_SLOTS) - 1)
    const choices = sets.map(set => freeIn(set, 0, TRIPLE_SLOTS - 1))
    const lists = choices.map(slots => slots.map(slot => ({ lo: slot, hi: slot })))
    for (const a of sets) {
      for (const b of sets) {
        for (const c of sets) {
          const asked = [lists[a] ?? [], lists[b] ?? [], lists[c] ?? []]
          checked += compareMatch(core, -1, asked, [choices[a] ?? [], choices[b] ?? [], choices[c] ?? []])
        }
      }
    }
  })
}

/** Brings the core to this occupancy with the cursor of every entry at its slot number `cursor`. */
function arrange(core: Core, size: number, free: number, cursor: number): void {
  for (let slot = 0; slot < SLOTS; slot++) core.release(slot)
  for (let entry = 0; entry < core.entries; entry++) {
    //  The cursor is right after what was picked last; all is free, so a round of picks brings it everywhere once.
    let picked = core.pick(entry)
    while ((picked + 1) % size !== cursor) picked = core.pick(entry)
  }
  for (let slot = 0; slot < SLOTS; slot++) {
    if (isFree(free, slot)) core.release(slot)
    else core.take(slot)
  }
}

function compareIntervals(core: Core, free: number): number {
  for (let lo = 0; lo < SLOTS; lo++) {
    let count = 0
    let first = NO_SLOT
    for (let hi = lo; hi < SLOTS; hi++) {
      if (isFree(free, hi)) {
        count++
        if (first === NO_SLOT) first = hi
      }
      const got = [core.firstFree(lo, hi), core.countFree(lo, hi)]
      if (got[0] !== first || got[1] !== count)
        expect({ free, lo, hi, got }).toEqual({ free, lo, hi, got: [first, count] })
    }
  }
  return SLOTS * (SLOTS + 1)
}

function compareRanks(core: Core, free: number): number {
  const want = freeIn(free, 0, SLOTS - 1)
  for (let n = 0; n <= SLOTS; n++) {
    const slot = want[n] ?? NO_SLOT
    if (core.nthFree(n) !== slot) expect({ free, n, got: core.nthFree(n) }).toEqual({ free, n, got: slot })
  }
  return SLOTS + 1
}

function compareRuns(core: Core, free: number, size: number): number {
  for (let entry = 0; entry < core.entries; entry++) {
    //  All stretches of the entry, the longest first, the lowest first among equals; the first that is all free wins.
    const first = entry * size
    let want = { first: NO_SLOT, length: 0 }
    for (let length = size; length > 0 && want.length === 0; length--) {
      const at = range(first, first + size - length).find(lo => freeIn(free, lo, lo + length - 1).length === length)
      if (at !== undefined) want = { first: at, length }
    }
    const got = core.largestFreeRun(first, first + size - 1)
    if (got.first !== want.first || got.length !== want.length)
      expect({ free, entry, got }).toEqual({ free, entry, got: want })
  }
  return core.entries
}

function slotsOf(free: number, list: readonly SlotInterval[]): number[] {
  return list.flatMap(({ lo, hi }) => freeIn(free, lo, hi))
}

/** The solution that is preferred, by trying all of them in the order of the lists; up to three lists. */
function compareMatch(core: Core, free: number, lists: SlotInterval[][], choices: number[][]): number {
  const want = first(choices)
  const got = core.match(lists)
  const same =
    want === null || got === null
      ? want === got
      : got.length === want.length && got.every((slot, i) => slot === want[i])
  if (!same) expect({ free, lists, got }).toEqual({ free, lists, got: want })
  return 1
}

function first([one = [], two = [], three]: number[][]): number[] | null {
  for (const a of one) {
    for (const b of two) {
      if (b === a) continue
      if (three === undefined) return [a, b]
      for (const c of three) if (c !== a && c !== b) return [a, b, c]
    }
  }
  return null
}
