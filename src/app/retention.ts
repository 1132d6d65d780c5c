/** Owns when the history is pruned: a small step at a time, and only while no command waits. */
import { notABug } from '../lib/assert.ts'
import { messageOf } from '../lib/fault.ts'
import type { Pruned, Retention } from '../store/retention.ts'
import type { Ports } from './ports.ts'

/** A step of 64 changes takes about a millisecond; a hundred steps a second keep up with 6,400 changes/s. */
const STEP = 64
const BETWEEN_MS = 10
const IDLE_MS = 60_000

export interface RetentionParts extends Pick<Ports, 'ledger' | 'clock' | 'log'> {
  readonly limits: Retention
  readonly prune: (limits: Retention, now: number, steps: number) => Pruned
  readonly signal: AbortSignal
}

/** Runs until the signal. */
export async function retain({ ledger, clock, log, limits, prune, signal }: RetentionParts): Promise<void> {
  while (!signal.aborted) {
    let more = true
    try {
      if (ledger.waiting === 0) more = prune(limits, clock.now(), STEP).more
    } catch (error) {
      notABug(error)
      more = false
      log.warn({ err: messageOf(error) }, 'the history could not be pruned, will try again')
    }
    await clock.sleep(more ? BETWEEN_MS : IDLE_MS, signal)
  }
}
