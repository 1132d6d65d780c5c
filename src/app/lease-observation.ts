/** Owns what we know of a lock that others hold: since when, by our own monotonic clock and nobody else's, it has not changed. */
import type { Lock } from '../kube/lease-record.ts'

/** What a leader writes when it releases: client-go's. Without a holder but good for longer, somebody emptied it under its holder. */
export const RELEASED_MS = 1_000

export interface Observation {
  /** Empty: nobody. */
  readonly holder: string
  /** Whether this is the record that we saw last. */
  knows(lock: Lock | null): boolean
  see(lock: Lock | null, monotonicMs: number): void
  /** For how long it must not be taken yet; 0: now. */
  heldForMs(monotonicMs: number): number
}

/** `durationMs` counts where a record does not say how long it is good for. */
export function observationOf(durationMs: number): Observation {
  /** Undefined: never looked. */
  let text: string | null | undefined
  let since = 0
  let holder = ''
  let goodForMs = 0
  const knows = (lock: Lock | null) => (lock === null ? null : lock.text) === text
  return {
    get holder() {
      return holder
    },
    knows,
    see(lock, now) {
      if (knows(lock)) return
      text = lock === null ? null : lock.text
      since = now
      // Deleted under its holder, who believes in it for as long as it was good.
      if (lock === null) return
      holder = lock.holder
      if (holder !== '') goodForMs = lock.durationMs > 0 ? lock.durationMs : durationMs
      else goodForMs = lock.durationMs > RELEASED_MS ? lock.durationMs : 0
    },
    heldForMs: now => Math.max(0, since + goodForMs - now),
  }
}
