/** Owns timing: passes of a measured loop until there are enough, and what they say. */

/** What the optimising compilers need before a loop runs as fast as it will. */
const WARM_UP_MS = 250
const MEASURE_MS = 500
const PASSES_MIN = 7
const PASSES_MAX = 400
/** A pass far shorter than this says more about the clock than about the loop. */
const PASS_MS = 3

export interface Pass {
  readonly steps: number
  readonly ms: number
}

/** Nanoseconds a step. Noise of a shared machine only ever adds, so `quiet`, the fastest tenth, is the better estimate; `median` is what a user sees. */
export interface Timing {
  readonly quiet: number
  readonly median: number
}

/** Repeats `pass(steps)`, which prepares outside its own clock and tells how many steps it did; `between` runs before each. */
export function measure(pass: (steps: number) => Pass, stepsMax: number, between: () => void = () => {}): Timing {
  let steps = Math.min(16, stepsMax)
  let spent = 0
  const once = () => {
    between()
    const done = pass(steps)
    spent += done.ms
    if (done.ms < PASS_MS) steps = Math.min(stepsMax, steps * 2)
    return done
  }
  for (let i = 0; spent < WARM_UP_MS && i < PASSES_MAX; i++) once()
  spent = 0
  const results: number[] = []
  while (results.length < PASSES_MIN || (spent < MEASURE_MS && results.length < PASSES_MAX)) {
    const done = once()
    results.push((done.ms * 1e6) / done.steps)
  }
  return timing(results)
}

export function timing(nanoseconds: readonly number[]): Timing {
  const sorted = [...nanoseconds].sort((a, b) => a - b)
  const at = (fraction: number) => sorted[Math.floor(sorted.length * fraction)] ?? Number.NaN
  return { quiet: at(0.1), median: at(0.5) }
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
