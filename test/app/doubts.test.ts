/** Owns how often a doubt is asked again that nothing ends: each round lists everything there is. */
import { afterEach, expect, test } from 'bun:test'
import { resyncOf } from '../../src/app/resync.ts'
import { Fault } from '../../src/lib/fault.ts'
import { run } from './asking.ts'
import { pod } from './objects.ts'
import { closeWorlds, openWorld } from './world.ts'

afterEach(closeWorlds)

/** The pauses before the first rounds after a doubtful start; none of them ends the doubt. */
async function pauses(rounds: number, listed: () => Promise<[]>): Promise<number[]> {
  const world = await openWorld()
  await run(world, pod('one', { uid: 'one#1' }))
  world.api.fail('get pods', { status: 500 }, 1_000)
  const stop = new AbortController()
  const waited: number[] = []
  const clock = {
    now: () => world.ports.clock.now(),
    async sleep(ms: number) {
      if (ms < 1_000) return
      waited.push(ms)
      if (waited.length > rounds) stop.abort()
    },
  }
  await resyncOf({ ...world.ports, clock }, { listObjects: async () => [], listPods: listed }).run(
    60_000,
    true,
    stop.signal,
  )
  expect(world.row('10.0.0.2')).toBe('bound NULL_default_NULL_one one#1')
  return waited
}

test.each([
  ['that cannot be ended', async (): Promise<[]> => []],
  ['and rounds that fail', async (): Promise<[]> => Promise.reject(new Fault('no answer', { retryable: true }))],
] as const)('R13: a doubt %s: asked again ever more rarely, then at each round', async (_, listed) => {
  expect(await pauses(7, listed)).toEqual([2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000])
})
