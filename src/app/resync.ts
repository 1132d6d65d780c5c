/** Owns resync: every interval the ledger is compared with fresh lists of objects and pods; doubt keeps. */
import type { FloatingIpFact } from '../kube/floatingip.ts'
import type { PodFact } from '../kube/pod.ts'
import { messageOf } from '../lib/fault.ts'
import type { Ports } from './ports.ts'
import { type Reconciled, reconcile } from './reconcile.ts'

export interface ResyncParts {
  readonly everyMs: number
  /** Quorum lists, paged. */
  /** Null: replication is off. */
  readonly listObjects: () => Promise<readonly FloatingIpFact[] | null>
  readonly listPods: () => Promise<readonly PodFact[]>
  readonly signal: AbortSignal
}

/** Runs until stopped. A failed round changes nothing, and the next one comes. */
export async function resync(ports: Ports, parts: ResyncParts): Promise<void> {
  const { clock, log } = ports
  const { everyMs, signal } = parts
  while (!signal.aborted) {
    await clock.sleep(everyMs, signal)
    if (signal.aborted) return
    try {
      await resyncOnce(ports, parts)
    } catch (error) {
      log.warn({ err: messageOf(error) }, 'resync failed: everything stays as it is until the next one')
    }
  }
}

/** Requests: the pages of two lists, and quorum GETs for what does not fit; nothing for each pod or workload. */
export async function resyncOnce(
  ports: Ports,
  { listObjects, listPods }: Pick<ResyncParts, 'listObjects' | 'listPods'>,
): Promise<Reconciled> {
  const began = performance.now()
  const found = await reconcile(ports, await listObjects(), await listPods())
  ports.log.debug({ ...found, ms: Math.round(performance.now() - began) }, 'resync')
  return found
}
