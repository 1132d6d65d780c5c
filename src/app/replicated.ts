/** Owns how long a person waits until the API server has what was asked for, however many addresses that are (R34). */
import type { Address } from '../ip/address.ts'
import type { Ports } from './ports.ts'

/** The API server beside us takes milliseconds. What takes longer than this is told, and waited for by asking again. */
export const REPLICATED_WITHIN_MS = 10_000
const LOOK_MS = 50
const LOOKS_MAX = REPLICATED_WITHIN_MS / LOOK_MS

/**
 * How many are not written when we stop waiting: those of an earlier request count too. Looked at, not waited for one by one: whoever waits goes
 * first, and the binds of running pods must not stand behind thousands.
 */
export async function notReplicated(
  { replicator, clock }: Pick<Ports, 'replicator' | 'clock'>,
  addresses: readonly Address[],
): Promise<number> {
  let busy = addresses
  for (let looks = 0; ; looks++) {
    busy = busy.filter(address => replicator.isBusy(address))
    if (busy.length === 0 || looks >= LOOKS_MAX) return busy.length
    await clock.sleep(LOOK_MS)
  }
}
