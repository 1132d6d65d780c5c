/** Owns the three durations of leader election, and which of them fit together. */

export interface LeaseTiming {
  /** Others take over when they have not seen the Lease change for so long. */
  readonly leaseMs: number
  /** The leader stops when it did not succeed in renewing for so long. */
  readonly renewMs: number
  readonly retryMs: number
}

/** client-go's: a renewal must be possible within the deadline although tries are spread. */
const JITTER = 1.2

/**
 * Of the lease, not used: for clocks that go at different speeds (1 %, at most), and for the moments in which a request that we gave up is
 * still between us and the API server's store. With the default flags a leader stops 5 s before its lease ends, and this never counts.
 */
const MARGIN = 0.1

/** How long after a look at a lease of this age the Lease is surely nobody else's. */
export function safeForMs({ leaseMs }: LeaseTiming, ageMs: number): number {
  return Math.max(0, leaseMs * (1 - MARGIN) - ageMs)
}

/** Null: they fit. */
export function timingProblem({ leaseMs, renewMs, retryMs }: LeaseTiming): string | null {
  const lease = `--leader-elect-lease-duration (${seconds(leaseMs)})`
  const renew = `--leader-elect-renew-deadline (${seconds(renewMs)})`
  const retry = `--leader-elect-retry-period (${seconds(retryMs)})`
  if (retryMs <= 0) return `${retry} must be longer than 0`
  if (renewMs <= retryMs * JITTER) return `${renew} must be longer than ${JITTER} times ${retry}`
  if (leaseMs <= renewMs) return `${lease} must be longer than ${renew}: a leader has to stop before another one starts`
  return null
}

function seconds(ms: number): string {
  return `${ms / 1000}s`
}
