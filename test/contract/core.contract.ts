/** Owns the contract of the core, in tables that read like its specification: whatever `create` makes must behave like this. */
import { describe, expect, test } from 'bun:test'
import { type Core, ENTRIES_MAX, ENTRY_SLOTS_MAX, type FreeRun, MATCH_LISTS_MAX, NO_SLOT } from '../../src/core/core.ts'
import { Bug } from '../../src/lib/assert.ts'
import { exhaustiveContract } from './exhaustive.contract.ts'
import { matchContract } from './match.contract.ts'

export type CreateCore = (entryCounts: readonly number[]) => Core

/** A core of one row of slots for each text: `.` is free, `x` is taken. */
export function drawn(create: CreateCore, ...rows: readonly string[]): Core {
  const core = create(rows.map(row => row.length))
  for (const [slot, mark] of [...rows.join('')].entries()) if (mark === 'x') core.take(slot)
  return core
}

/** The picture of a core, in the notation of {@link drawn}. */
export function drawing(core: Core): string[] {
  const rows: string[] = Array.from({ length: core.entries }, () => '')
  for (let slot = 0; slot < core.slots; slot++) rows[core.entryOf(slot)] += core.isFree(slot) ? '.' : 'x'
  return rows
}

export function coreContract(name: string, create: CreateCore): void {
  describe(`core contract: ${name}`, () => {
    geometry(create)
    nextFit(create)
    takeAndRelease(create)
    intervals(create)
    refusesNonsense(create)
    matchContract(create)
    exhaustiveContract(name, create)
  })
}

function geometry(create: CreateCore): void {
  test.each<{ counts: number[]; slots: number; owners: number[] }>([
    { counts: [], slots: 0, owners: [] },
    { counts: [3], slots: 3, owners: [0, 0, 0] },
    { counts: [2, 1, 3], slots: 6, owners: [0, 0, 1, 2, 2, 2] },
    { counts: [0, 2, 0, 0, 1, 0], slots: 3, owners: [1, 1, 4] },
    { counts: [0, 0], slots: 0, owners: [] },
  ])('entries of $counts own $owners', ({ counts, slots, owners }) => {
    const core = create(counts)
    expect(core.slots).toBe(slots)
    expect(core.entries).toBe(counts.length)
    expect(owners.map((_, slot) => core.entryOf(slot))).toEqual(owners)
    expect(counts.map((_, entry) => core.slotCount(entry))).toEqual(counts)
    expect(counts.map((_, entry) => core.freeCount(entry))).toEqual(counts)
    expect(counts.map((_, entry) => core.peek(entry) === NO_SLOT)).toEqual(counts.map(count => count === 0))
    expect(core.verify()).toBeNull()
  })
}

function nextFit(create: CreateCore): void {
  test.each<{ rows: string[]; entry: number; picks: number[] }>([
    { rows: ['....'], entry: 0, picks: [0, 1, 2, 3, NO_SLOT] },
    { rows: ['x.x.'], entry: 0, picks: [1, 3, NO_SLOT] },
    { rows: ['xxxx'], entry: 0, picks: [NO_SLOT, NO_SLOT] },
    { rows: ['..', 'x..', '.'], entry: 1, picks: [3, 4, NO_SLOT] },
    { rows: ['xx', '..'], entry: 0, picks: [NO_SLOT] },
    { rows: ['', '..', ''], entry: 1, picks: [0, 1, NO_SLOT] },
  ])('picks of entry $entry of $rows are $picks', ({ rows, entry, picks }) => {
    const core = drawn(create, ...rows)
    for (const pick of picks) {
      expect(core.peek(entry)).toBe(pick)
      expect(core.pick(entry)).toBe(pick)
      expect(core.verify()).toBeNull()
    }
  })

  test('a freed slot is reused last', () => {
    const core = create([4])
    expect([core.pick(0), core.pick(0)]).toEqual([0, 1])
    core.release(0)
    expect([core.pick(0), core.pick(0), core.pick(0), core.pick(0)]).toEqual([2, 3, 0, NO_SLOT])
  })

  test('after its last slot the cursor of an entry is at its first', () => {
    const core = create([2, 2])
    expect([core.pick(0), core.pick(0)]).toEqual([0, 1])
    core.release(1)
    core.release(0)
    expect([core.pick(0), core.pick(0), core.pick(0)]).toEqual([0, 1, NO_SLOT])
    expect(core.freeCount(1)).toBe(2)
  })

  test('peek changes nothing; take and release leave the cursor alone', () => {
    const core = create([4])
    expect([core.peek(0), core.peek(0)]).toEqual([0, 0])
    core.take(0)
    core.take(3)
    core.release(0)
    expect(core.pick(0)).toBe(0)
  })
}

function takeAndRelease(create: CreateCore): void {
  test('a slot is taken once and released once', () => {
    const core = create([2, 3])
    expect([core.take(3), core.take(3)]).toEqual([true, false])
    expect(drawing(core)).toEqual(['..', '.x.'])
    expect([core.freeCount(0), core.freeCount(1)]).toEqual([2, 2])
    expect([core.release(3), core.release(3)]).toEqual([true, false])
    expect(drawing(core)).toEqual(['..', '...'])
    expect([core.freeCount(0), core.freeCount(1)]).toEqual([2, 3])
    expect(core.verify()).toBeNull()
  })
}

function intervals(create: CreateCore): void {
  test.each<{ rows: string[]; lo: number; hi: number; first: number; count: number }>([
    { rows: ['x.x', '..x'], lo: 0, hi: 5, first: 1, count: 3 },
    { rows: ['x.x', '..x'], lo: 2, hi: 3, first: 3, count: 1 },
    { rows: ['x.x', '..x'], lo: 2, hi: 2, first: NO_SLOT, count: 0 },
    { rows: ['xxx', 'xx.'], lo: 0, hi: 4, first: NO_SLOT, count: 0 },
    { rows: ['xxx', 'xx.'], lo: 5, hi: 5, first: 5, count: 1 },
  ])('[$lo, $hi] of $rows: first free $first, $count free', ({ rows, lo, hi, first, count }) => {
    const core = drawn(create, ...rows)
    expect(core.firstFree(lo, hi)).toBe(first)
    expect(core.countFree(lo, hi)).toBe(count)
  })

  test.each<{ rows: string[]; nth: number[] }>([
    { rows: ['x.x', '..x'], nth: [1, 3, 4, NO_SLOT, NO_SLOT] },
    { rows: ['xx'], nth: [NO_SLOT] },
    { rows: ['...'], nth: [0, 1, 2, NO_SLOT] },
  ])('free slots of $rows in order: $nth', ({ rows, nth }) => {
    const core = drawn(create, ...rows)
    expect(nth.map((_, n) => core.nthFree(n))).toEqual(nth)
  })

  test.each<{ row: string; lo: number; hi: number; run: FreeRun }>([
    { row: '..x...x..', lo: 0, hi: 8, run: { first: 3, length: 3 } },
    { row: '..x...x..', lo: 0, hi: 4, run: { first: 0, length: 2 } },
    { row: '..x...x..', lo: 4, hi: 8, run: { first: 4, length: 2 } },
    { row: '..x...x..', lo: 6, hi: 6, run: { first: NO_SLOT, length: 0 } },
    { row: '..x..', lo: 0, hi: 4, run: { first: 0, length: 2 } },
    { row: 'xx.', lo: 0, hi: 1, run: { first: NO_SLOT, length: 0 } },
    { row: '...', lo: 1, hi: 1, run: { first: 1, length: 1 } },
  ])('the longest free run of $row in [$lo, $hi] is $run', ({ row, lo, hi, run }) => {
    expect(drawn(create, row).largestFreeRun(lo, hi)).toEqual(run)
  })

  test('a free run goes on over the border of entries', () => {
    expect(drawn(create, 'x.', '..x').largestFreeRun(0, 4)).toEqual({ first: 1, length: 3 })
  })
}

function refusesNonsense(create: CreateCore): void {
  const list = [{ lo: 0, hi: 4 }]
  test.each<[string, (core: Core) => unknown]>([
    ['a slot below the first', core => core.take(-1)],
    ['a slot after the last', core => core.release(5)],
    ['a slot that is not whole', core => core.isFree(1.5)],
    ['a slot that is not a number', core => core.entryOf(Number.NaN)],
    ['a slot beyond i32', core => core.take(2 ** 32)],
    ['an entry below the first', core => core.peek(-1)],
    ['an entry after the last', core => core.pick(2)],
    ['the free count of no entry', core => core.freeCount(2)],
    ['the slot count of no entry', core => core.slotCount(-1)],
    ['a free run that runs backwards', core => core.largestFreeRun(3, 2)],
    ['a free run beyond the last slot', core => core.largestFreeRun(0, 5)],
    ['an interval that runs backwards', core => core.firstFree(3, 2)],
    ['an interval beyond the last slot', core => core.countFree(0, 5)],
    ['a negative rank', core => core.nthFree(-1)],
    ['a rank that is not whole', core => core.nthFree(0.5)],
    ['a list beyond the last slot', core => core.match([list, [{ lo: 4, hi: 5 }]])],
    ['a list that runs backwards', core => core.match([[{ lo: 4, hi: 3 }]])],
    [
      'a list that names a slot twice',
      core =>
        core.match([
          [
            { lo: 2, hi: 3 },
            { lo: 0, hi: 2 },
          ],
        ]),
    ],
    ['too many lists', core => core.match(Array.from({ length: MATCH_LISTS_MAX + 1 }, () => list))],
    ['too many intervals', core => core.match([Array.from({ length: 4097 }, () => ({ lo: 0, hi: 0 }))])],
    ['an entry that is too large', () => create([ENTRY_SLOTS_MAX + 1])],
    ['an entry of less than nothing', () => create([-1])],
    ['an entry that is not whole', () => create([1.5])],
    ['too many slots', () => create(new Array<number>(17).fill(ENTRY_SLOTS_MAX))],
    ['too many entries', () => create(new Array<number>(ENTRIES_MAX + 1).fill(1))],
  ])('%s is a bug, and changes nothing', (_, misuse) => {
    const core = create([2, 3])
    expect(() => misuse(core)).toThrow(Bug)
    expect(drawing(core)).toEqual(['..', '...'])
    expect(core.verify()).toBeNull()
  })
}
