/** Owns a clock that runs faster than the wall, so that time-outs of seconds are tests of milliseconds. */
import type { Clock } from '../../src/lib/clock.ts'
import { systemClock } from '../../src/lib/clock.ts'

/** `speed` seconds pass in one. */
export function fastClock(speed: number): Clock {
  const began = Date.now()
  return {
    now: () => Math.round(began + (Date.now() - began) * speed),
    sleep: (ms, signal) => systemClock.sleep(ms / speed, signal),
  }
}
