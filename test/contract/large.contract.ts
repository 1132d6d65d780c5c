/** Owns the contract at full size, where words, blocks of 4096 and regions of 262,144 slots begin and end. */
import { describe, expect, test } from 'bun:test'
import { type Core, ENTRY_SLOTS_MAX, NO_SLOT, SLOTS_MAX } from '../../src/core/core.ts'
import type { CreateCore } from './core.contract.ts'

const BORDERS = [
  0,
  62,
  63,
  64,
  65,
  127,
  128,
  4094,
  4095,
  4096,
  4097,
  262142,
  262143,
  262144,
  262145,
  2 ** 23,
  2 ** 24 - 65,
  2 ** 24 - 64,
  2 ** 24 - 1,
]
/** Entries of all sizes, 2^26 slots together. */
const MANY = [2 ** 24, 1, 63, 4096, 2 ** 24 - 4160, 2 ** 24, 2 ** 24]

export function largeContract(name: string, create: CreateCore): void {
  describe(`core contract at full size: ${name}`, () => {
    test('2^24 picks are 0, 1, 2, …, and then there is none', () => {
      const core = create([ENTRY_SLOTS_MAX])
      for (let slot = 0; slot < ENTRY_SLOTS_MAX; slot++) if (core.pick(0) !== slot) expect(slot).toBe(NO_SLOT)
      expectOnly(core, [])
    })

    test('one free slot, at every border', () => {
      const core = full(create, [ENTRY_SLOTS_MAX])
      for (const border of BORDERS) {
        core.release(border)
        expectOnly(core, [border])
        expect(core.match([[{ lo: 0, hi: core.slots - 1 }]])).toEqual([border])
        expect(core.largestFreeRun(0, core.slots - 1)).toEqual({ first: border, length: 1 })
        expect(core.pick(0)).toBe(border)
        expectOnly(core, [])
      }
    })

    test('two free slots, at every pair of borders: next-fit alternates', () => {
      const core = full(create, [ENTRY_SLOTS_MAX])
      for (const low of BORDERS) {
        for (const high of BORDERS.filter(border => border > low)) {
          core.release(high)
          core.release(low)
          expectOnly(core, [low, high])
          expect(core.match([[{ lo: 0, hi: high }], [{ lo: 0, hi: low }]])).toEqual([high, low])
          expect(core.match([[{ lo: low + 1, hi: high }], [{ lo: low + 1, hi: high }]])).toBeNull()
          const picks = [core.pick(0), core.pick(0), core.pick(0)]
          expect(picks.slice(0, 2).sort((a, b) => a - b)).toEqual([low, high])
          expect(picks[2]).toBe(NO_SLOT)
        }
      }
      expect(core.verify()).toBeNull()
    })

    test('a free run between every pair of borders', () => {
      const core = create([ENTRY_SLOTS_MAX])
      for (const low of BORDERS) {
        for (const high of BORDERS.filter(border => border > low)) {
          core.take(low)
          core.take(high)
          expect(core.countFree(low, high)).toBe(high - low - 1)
          expect(core.firstFree(low, high)).toBe(high - low > 1 ? low + 1 : NO_SLOT)
          const run = core.largestFreeRun(0, core.slots - 1)
          const runs = [
            { first: 0, length: low },
            { first: low + 1, length: high - low - 1 },
            { first: high + 1, length: core.slots - high - 1 },
          ]
          expect(runs).toContainEqual(run)
          expect(run.length).toBe(Math.max(...runs.map(r => r.length)))
          core.release(low)
          core.release(high)
        }
      }
      expect(core.verify()).toBeNull()
    })

    test('2^26 slots in entries of all sizes: nobody reaches into the neighbour', () => {
      const core = create(MANY)
      expect(core.slots).toBe(2 ** 26)
      let first = 0
      for (const [entry, count] of MANY.entries()) {
        const last = first + count - 1
        expect([core.entryOf(first), core.entryOf(last)]).toEqual([entry, entry])
        expect(core.peek(entry)).toBe(first)
        for (let slot = first; slot <= last; slot++) core.take(slot)
        expect([core.peek(entry), core.pick(entry), core.freeCount(entry)]).toEqual([NO_SLOT, NO_SLOT, 0])
        expect(core.largestFreeRun(first, last)).toEqual({ first: NO_SLOT, length: 0 })
        core.release(last)
        expect([core.pick(entry), core.pick(entry)]).toEqual([last, NO_SLOT])
        expect(core.firstFree(0, core.slots - 1)).toBe(last + 1 < core.slots ? last + 1 : NO_SLOT)
        first += count
      }
      expect(core.nthFree(0)).toBe(NO_SLOT)
      expect(core.verify()).toBeNull()
    })

    test('2^28 slots, the most there may be', () => {
      const core = create(new Array<number>(SLOTS_MAX / ENTRY_SLOTS_MAX).fill(ENTRY_SLOTS_MAX))
      const last = core.slots - 1
      expect([core.slots, core.entryOf(last), core.countFree(0, last)]).toEqual([SLOTS_MAX, 15, SLOTS_MAX])
      expect([core.nthFree(last), core.nthFree(SLOTS_MAX)]).toEqual([last, NO_SLOT])
      expect([core.take(last), core.firstFree(last, last), core.firstFree(last - 1, last)]).toEqual([
        true,
        NO_SLOT,
        last - 1,
      ])
      expect([core.take(0), core.nthFree(0), core.countFree(0, last)]).toEqual([true, 1, SLOTS_MAX - 2])
      expect(core.verify()).toBeNull()
    })
  })
}

function full(create: CreateCore, counts: readonly number[]): Core {
  const core = create(counts)
  for (let slot = 0; slot < core.slots; slot++) core.take(slot)
  return core
}

/** Every question about a core of one entry tells the same: these are the free slots. */
function expectOnly(core: Core, free: readonly number[]): void {
  const last = core.slots - 1
  expect(core.countFree(0, last)).toBe(free.length)
  expect(core.freeCount(0)).toBe(free.length)
  expect(core.firstFree(0, last)).toBe(free[0] ?? NO_SLOT)
  for (const [n, slot] of free.entries()) {
    expect([core.isFree(slot), core.nthFree(n), core.firstFree(slot, last), core.countFree(slot, slot)]).toEqual([
      true,
      slot,
      slot,
      1,
    ])
  }
  expect(core.nthFree(free.length)).toBe(NO_SLOT)
  if (free.length === 0) expect(core.peek(0)).toBe(NO_SLOT)
  else expect(free).toContain(core.peek(0))
  expect(core.verify()).toBeNull()
}
