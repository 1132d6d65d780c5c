/** Owns one measurement in a process of its own, so that no engine inherits the compiler's feedback of another: `core.case.ts <engine> <slots>`. */
import { openInstance } from '../src/core/wasm.ts'
import { ENGINES, type Engine } from './core.engines.ts'
import { keptSum, measure, type Pass, randomFrom, type Timing, timed, timing } from './lib/measure.ts'

/** A timing, and beside it that of empty calls made in turns with it. */
export interface Measured extends Timing {
  readonly empty: Timing
}

export interface CaseResult {
  /** One pick, from empty to full. */
  readonly fill: Measured
  /** One release of a random slot and one pick, by occupancy in percent. */
  readonly churn: Readonly<Record<string, Measured>>
}

export const OCCUPANCIES = [90, 99, 100] as const
/** 0.2 ms of empty calls between two passes. */
const EMPTY_STEPS = 100_000
/** Steps between two looks at the clock: a release and a pick of each at 100 ns are 0.1 s. */
const CHURN_STEPS_MAX = 2 ** 20

function emptyLoop(wasm: { empty(x: number): number }, n: number): number {
  let sum = 0
  for (let i = 0; i < n; i++) sum += wasm.empty(0)
  return sum
}

function fillLoop(engine: Engine, n: number): number {
  let sum = 0
  for (let i = 0; i < n; i++) sum += engine.pick(0)
  return sum
}

function emptyAll(engine: Engine, slots: number): void {
  for (let slot = 0; slot < slots; slot++) engine.release(slot)
}

/** Each step releases the next victim and puts in its place what is picked. */
function churnLoop(engine: Engine, victims: Int32Array, n: number): number {
  let sum = 0
  for (let i = 0; i < n; i++) {
    engine.release(victims[i] as number)
    const slot = engine.pick(0)
    victims[i] = slot
    sum += slot
  }
  return sum
}

/** One instance for the whole process: a second one would make the empty loop polymorphic, hence slow, and flatter the engines. */
const unit = openInstance([64]).exports

/** Passes in turns with empty calls, so that both see the same machine. */
function besideEmpty(pass: (steps: number) => Pass, stepsMax: number): Measured {
  const empty: number[] = []
  const own = measure(pass, stepsMax, () => {
    empty.push((timed(() => emptyLoop(unit, EMPTY_STEPS)) * 1e6) / EMPTY_STEPS)
  })
  //  The first half of the turns was warm-up, for the empty loop too.
  return { ...own, empty: timing(empty.slice(empty.length >> 1)) }
}

function measureFill(engine: Engine, slots: number): Measured {
  //  As many whole fills as are asked for; emptying is outside the clock.
  return besideEmpty(steps => {
    const fills = Math.ceil(steps / slots)
    let ms = 0
    for (let i = 0; i < fills; i++) {
      ms += timed(() => fillLoop(engine, slots))
      emptyAll(engine, slots)
    }
    return { steps: fills * slots, ms }
  }, slots * 16)
}

function measureChurn(engine: Engine, slots: number, occupancy: number): Measured {
  const random = randomFrom(slots)
  const taken = new Int32Array(Math.floor((slots * occupancy) / 100))
  //  Take all, then give back the random rest: what is free lies scattered.
  const all = new Int32Array(slots).map(() => engine.pick(0))
  shuffle(all, slots, random)
  taken.set(all.subarray(0, taken.length))
  for (const slot of all.subarray(taken.length)) engine.release(slot)

  const pass = (steps: number): Pass => {
    //  Random victims are brought to the front outside the clock; the loop itself reads in order.
    shuffle(taken, steps, random)
    return { steps, ms: timed(() => churnLoop(engine, taken, steps)) }
  }
  const result = besideEmpty(pass, Math.min(taken.length, CHURN_STEPS_MAX))
  for (const slot of taken) engine.release(slot)
  return result
}

/** Moves a random choice of `n` elements to the front, in random order. */
function shuffle(slots: Int32Array, n: number, random: (below: number) => number): void {
  for (let i = 0; i < n; i++) {
    const j = i + random(slots.length - i)
    const slot = slots[i] ?? 0
    slots[i] = slots[j] ?? 0
    slots[j] = slot
  }
}

if (import.meta.main) {
  const [name = '', slotsText = ''] = process.argv.slice(2)
  const slots = Number(slotsText)
  const create = ENGINES[name]
  if (create === undefined) throw new Error(`no engine ${name}`)
  const engine = create(slots)
  const fill = measureFill(engine, slots)
  const churn = Object.fromEntries(OCCUPANCIES.map(occupancy => [occupancy, measureChurn(engine, slots, occupancy)]))
  if (Number.isNaN(keptSum())) throw new Error('a loop answered nothing')
  console.log(JSON.stringify({ fill, churn } satisfies CaseResult))
}
