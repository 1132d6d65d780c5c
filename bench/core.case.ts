/** Owns one measurement in a process of its own, so that no engine inherits the compiler's feedback of another: `core.case.ts <engine> <slots>`. */
import { openInstance } from '../src/core/wasm.ts'
import { ENGINES, type Engine } from './core.engines.ts'
import { keptSum, medianNs, type Pass, randomFrom, timed } from './lib/measure.ts'

export interface CaseResult {
  /** One call of an exported WASM function that does nothing. */
  readonly emptyNs: number
  /** One pick, from empty to full. */
  readonly fillNs: number
  /** One release of a random slot and one pick, by occupancy in percent. */
  readonly churnNs: Readonly<Record<string, number>>
}

export const OCCUPANCIES = [90, 99, 100] as const
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

function measureEmpty(): number {
  const wasm = openInstance([64]).exports
  return medianNs(steps => ({ steps, ms: timed(() => emptyLoop(wasm, steps)) }), 2 ** 20)
}

function measureFill(engine: Engine, slots: number): number {
  //  As many whole fills as are asked for; emptying is outside the clock.
  return medianNs(steps => {
    const fills = Math.ceil(steps / slots)
    let ms = 0
    for (let i = 0; i < fills; i++) {
      ms += timed(() => fillLoop(engine, slots))
      emptyAll(engine, slots)
    }
    return { steps: fills * slots, ms }
  }, slots * 16)
}

function measureChurn(engine: Engine, slots: number, occupancy: number): number {
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
  const ns = medianNs(pass, Math.min(taken.length, CHURN_STEPS_MAX))
  for (const slot of taken) engine.release(slot)
  return ns
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
  const emptyNs = measureEmpty()
  const engine = create(slots)
  const fillNs = measureFill(engine, slots)
  const churnNs = Object.fromEntries(OCCUPANCIES.map(occupancy => [occupancy, measureChurn(engine, slots, occupancy)]))
  const result: CaseResult = { emptyNs: Math.min(emptyNs, measureEmpty()), fillNs, churnNs }
  if (Number.isNaN(keptSum())) throw new Error('a loop answered nothing')
  console.log(JSON.stringify(result))
}
