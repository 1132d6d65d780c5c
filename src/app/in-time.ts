/** Owns waiting for something no longer than it is worth: what comes late goes on, and nobody waits for it. */
import type { Clock } from '../lib/clock.ts'

export async function inTime<T>(clock: Pick<Clock, 'sleep'>, work: Promise<T>, withinMs: number): Promise<T | 'late'> {
  const enough = new AbortController()
  const late = clock.sleep(withinMs, enough.signal).then(() => 'late' as const)
  const first = await Promise.race([work, late]).finally(() => enough.abort())
  // Nobody hears how it ends.
  if (first === 'late') work.catch(() => {})
  return first
}
