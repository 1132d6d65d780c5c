/** Owns how long one call about a lock may take: it ends in time even if the port itself never answers. */
import type { CallLimits } from '../kube/lease.ts'
import type { Clock } from '../lib/clock.ts'
import { Fault } from '../lib/fault.ts'

/** Throws a Fault when there is no answer in time or the signal came; whatever the work does later is ignored. */
export async function callWithin<T>(
  clock: Clock,
  timeoutMs: number,
  signal: AbortSignal,
  work: (limits: CallLimits) => Promise<T>,
): Promise<T> {
  const cut = new AbortController()
  const give = () => cut.abort()
  signal.addEventListener('abort', give)
  if (signal.aborted) give()
  const late = clock.sleep(timeoutMs, cut.signal).then(() => {
    throw new Fault(`no answer about the leader's record within ${Math.round(timeoutMs)} ms`, { retryable: true })
  })
  try {
    return await Promise.race([work({ timeoutMs, signal: cut.signal }), late])
  } finally {
    signal.removeEventListener('abort', give)
    give()
  }
}
