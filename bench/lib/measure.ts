/** Owns timing: passes of a measured loop until there is enough, and their median. */

/** What the optimising compilers need before a loop runs as fast as it will. */
const WARM_UP_MS = 250
/** Enough passes for a median that a noisy neighbour does not move. */
const MEASURE_MS = 500
const PASSES_MIN = 5
const PASSES_MAX = 400
/** A pass far shorter than this says more about the clock than about the loop. */
const PASS_MS = 5

export interface Pass {
  readonly steps: number
  readonly ms: number
}

/** Nanoseconds a step, the median of many passes. `pass(steps)` prepares outside its own clock, and may do fewer steps than asked. */
export function medianNs(pass: (steps: number) => Pass, stepsMax: number): number {
  let steps = Math.min(16, stepsMax)
  let spent = 0
  const fill = () => {
    const done = pass(steps)
    spent += done.ms
    if (done.ms < PASS_MS) steps = Math.min(stepsMax, steps * 2)
    return done
  }
  //  Slow loops need no more passes than it takes to fill the time; fast ones reach PASS_MS by doubling.
  for (let i = 0; spent < WARM_UP_MS && i < PASSES_MAX; i++) fill()
  spent = 0
  const results: number[] = []
  while (results.length < PASSES_MIN || (spent < MEASURE_MS && results.length < PASSES_MAX)) {
    const done = fill()
    results.push((done.ms * 1e6) / done.steps)
  }
  return median(results)
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}

/** Milliseconds that `loop` takes; its answer is kept so that the loop cannot be thought away. */
export function timed(loop: () => number): number {
  const start = performance.now()
  kept += loop()
  return performance.now() - start
}

let kept = 0
export const keptSum = () => kept

/** Small seeded random numbers (xorshift): the same every time, and cheap. */
export function randomFrom(seed: number): (below: number) => number {
  let x = seed | 1
  return below => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return (x >>> 0) % below
  }
}
