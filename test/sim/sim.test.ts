/** Owns the seeds: three runs of 10,000 steps; `FLOATIP_SEED` and `FLOATIP_STEPS` repeat one. */
import { afterAll, expect, test } from 'bun:test'
import { removeDirs } from '../ledger/fixture.ts'
import { type Run, simulate } from './simulation.ts'

afterAll(removeDirs)

const SEEDS = process.env.FLOATIP_SEED === undefined ? [1, 20_261, 777_001] : [Number(process.env.FLOATIP_SEED)]
const STEPS = Number(process.env.FLOATIP_STEPS ?? 10_000)

/** The shortest prefix of the run that is broken too, as far as halving finds it. */
async function shortest(seed: number, failed: Run): Promise<Run> {
  let best = failed
  let sound = 0
  while (best.steps - sound > 1) {
    const middle = (sound + best.steps) >> 1
    const run = await simulate(seed, middle)
    if (run.broken === null) sound = middle
    else best = run
  }
  return best
}

for (const seed of SEEDS) {
  test(`seed ${seed}: ${STEPS} steps keep every invariant`, async () => {
    const run = await simulate(seed, STEPS)
    if (run.broken !== null) {
      const { steps, broken, deeds } = await shortest(seed, run)
      const again = `FLOATIP_SEED=${seed} FLOATIP_STEPS=${steps} bun test ./test/sim`
      throw new Error([`broken after ${steps} steps: ${broken}`, ...deeds, `again: ${again}`].join('\n'))
    }
    if (process.env.FLOATIP_SEED !== undefined) console.log(run.counts)
    // A simulation in which nothing happens proves nothing.
    if (STEPS >= 10_000) {
      for (const deed of [
        'hold',
        'bind',
        'keep',
        'rest',
        'free',
        'give back',
        'adopt',
        'release',
        'lend',
        'reserve',
        'unreserve',
        'crash',
        'reshape',
      ]) {
        expect([deed, (run.counts[deed] ?? 0) > 10]).toEqual([deed, true])
      }
    }
  }, 120_000)
}
