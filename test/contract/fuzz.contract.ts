/** Owns the seeded fuzz: random operations on an engine and on its model, every answer compared, verify() after each step. */
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { type Core, NO_SLOT, type SlotInterval } from '../../src/core/core.ts'
import type { CreateCore } from './core.contract.ts'

/** `FLOATIP_SEED=… bun test test/contract` repeats or varies a run. */
const SEED = Number(process.env.FLOATIP_SEED ?? 20261124)
/** A run is a geometry and up to 120 operations: 1500 of them take some 5 seconds. */
const FUZZ_RUNS = 1500
const FUZZ_OPERATIONS_MAX = 120
/** A run is one matching of up to 64 lists with an answer that is known by construction. */
const PLANTED_RUNS = 1500

//  Positions are fractions of a core's size, so that one operation makes sense in, and shrinks across, every geometry.
type Operation =
  | { readonly do: 'take' | 'release' | 'isFree' | 'entryOf'; readonly at: number }
  | { readonly do: 'pick' | 'peek'; readonly entry: number }
  | { readonly do: 'firstFree' | 'countFree' | 'largestFreeRun'; readonly at: number; readonly to: number }
  | { readonly do: 'takeAll' | 'releaseAll'; readonly at: number; readonly to: number }
  | { readonly do: 'nthFree'; readonly at: number }
  | { readonly do: 'match'; readonly lists: readonly (readonly { at: number; width: number }[])[] }

const position = fc.nat(9999)
const entry = fc.nat(9)
const span = { at: position, to: position }
const piece = fc.record({ at: position, width: fc.integer({ min: 1, max: 3 }) })

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('take', 'release'), at: position }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('isFree', 'entryOf', 'nthFree'), at: position }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('pick'), entry }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('peek'), entry }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('firstFree', 'countFree', 'largestFreeRun'), ...span }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('takeAll', 'releaseAll'), ...span }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('match'),
      lists: fc.array(fc.array(piece, { maxLength: 3 }), { maxLength: 5 }),
    }),
  },
) as fc.Arbitrary<Operation>

const counts = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.nat(20) },
    { weight: 2, arbitrary: fc.nat(300) },
    { weight: 1, arbitrary: fc.constantFrom(63, 64, 65, 4095, 4096, 4097) },
  ),
  { minLength: 1, maxLength: 6 },
)

export function fuzzContract(name: string, create: CreateCore, createModel: CreateCore): void {
  describe(`core fuzz: ${name}`, () => {
    test(`${FUZZ_RUNS} runs against the model, FLOATIP_SEED=${SEED}`, () => {
      let steps = 0
      fc.assert(
        fc.property(
          counts,
          fc.array(operation, { maxLength: FUZZ_OPERATIONS_MAX, size: 'max' }),
          (geometry, operations) => {
            steps += follow(create(geometry), createModel(geometry), operations)
          },
        ),
        { seed: SEED, numRuns: FUZZ_RUNS },
      )
      console.log(`  ${name}: ${steps.toLocaleString('en')} steps in ${FUZZ_RUNS} runs, FLOATIP_SEED=${SEED}`)
    })

    test(`${PLANTED_RUNS} large matchings with a planted answer, FLOATIP_SEED=${SEED}`, () => {
      fc.assert(
        fc.property(
          fc.integer({ min: 1, max: 64 }),
          fc.infiniteStream(fc.nat(2 ** 20)),
          fc.boolean(),
          (size, numbers, solvable) => {
            planted(create, size, () => numbers.next().value ?? 0, solvable)
          },
        ),
        { seed: SEED, numRuns: PLANTED_RUNS },
      )
    })
  })
}

function follow(core: Core, model: Core, operations: readonly Operation[]): number {
  if (core.slots === 0) return 0
  for (const [step, operation] of operations.entries()) {
    const got = perform(core, operation)
    const want = perform(model, operation)
    const where = { step, operation }
    if (!Bun.deepEquals(got, want)) expect({ ...where, got }).toEqual({ ...where, got: want })
    if (core.verify() !== null) expect({ ...where, verify: core.verify() }).toEqual({ ...where, verify: null })
  }
  expect(state(core)).toEqual(state(model))
  return operations.length
}

function perform(core: Core, operation: Operation): unknown {
  const slot = (at: number) => Math.floor((at * core.slots) / 10_000)
  switch (operation.do) {
    case 'take':
    case 'release':
    case 'isFree':
    case 'entryOf':
      return core[operation.do](slot(operation.at))
    case 'pick':
    case 'peek': {
      const entry = operation.entry % core.entries
      return [core[operation.do](entry), core.freeCount(entry)]
    }
    case 'nthFree':
      return core.nthFree(slot(operation.at))
    case 'firstFree':
    case 'countFree':
    case 'largestFreeRun':
    case 'takeAll':
    case 'releaseAll': {
      const lo = slot(Math.min(operation.at, operation.to))
      const hi = slot(Math.max(operation.at, operation.to))
      if (operation.do !== 'takeAll' && operation.do !== 'releaseAll') return core[operation.do](lo, hi)
      const verb = operation.do === 'takeAll' ? 'take' : 'release'
      return Array.from({ length: hi - lo + 1 }, (_, i) => core[verb](lo + i))
    }
    case 'match':
      return core.match(
        operation.lists.map(list =>
          disjoint(list.map(({ at, width }) => ({ lo: slot(at), hi: Math.min(slot(at) + width - 1, core.slots - 1) }))),
        ),
      )
  }
}

/** Without the pieces that share a slot with one before them. */
function disjoint(list: readonly SlotInterval[]): SlotInterval[] {
  return list.filter(({ lo, hi }, at) => list.slice(0, at).every(before => before.hi < lo || hi < before.lo))
}

function state(core: Core): unknown {
  const entries = Array.from({ length: core.entries }, (_, e) => ({
    free: core.freeCount(e),
    next: core.peek(e),
    slots: core.slotCount(e),
  }))
  return { entries, free: Array.from({ length: core.slots }, (_, slot) => core.isFree(slot)) }
}

/**
 * Solvable: list i holds slot perm(i), which is free, among others: a solution exists. Not solvable: in addition some lists share
 * one slot less than they are. Whatever comes back is checked to be a solution.
 */
function planted(create: CreateCore, size: number, next: () => number, solvable: boolean): void {
  const core = create([size * 4])
  for (let i = 0; i < size; i++) core.take(size * 2 + (next() % (size * 2)))
  const shuffled = Array.from({ length: size }, (_, slot) => ({ slot, key: next() })).sort((a, b) => a.key - b.key)
  const lists: SlotInterval[][] = shuffled.map(({ slot }) => {
    const extra = next() % 4
    const others = Array.from({ length: extra }, () => next() % (size * 4)).map(lo => ({
      lo,
      hi: Math.min(lo + (next() % 3), size * 4 - 1),
    }))
    return disjoint([{ lo: slot, hi: slot }, ...others]).sort(() => (next() % 2) - 0.5)
  })
  if (!solvable) {
    const crowd = 1 + (next() % size)
    const start = next() % (size - crowd + 1)
    for (let i = 0; i < crowd; i++) lists[start + i] = crowd === 1 ? [] : [{ lo: 0, hi: crowd - 2 }]
  }
  const got = core.match(lists)
  expect(got !== null).toBe(solvable)
  if (got === null) return
  expect(new Set(got).size).toBe(size)
  for (const [i, slot] of got.entries()) {
    expect(slot).not.toBe(NO_SLOT)
    expect(core.isFree(slot)).toBe(true)
    expect(lists[i]?.some(({ lo, hi }) => lo <= slot && slot <= hi)).toBe(true)
  }
}
