/** Owns resync: every interval the ledger is compared with fresh lists of objects and pods; doubt keeps. */
import type { FloatingIpFact } from '../kube/floatingip.ts'
import type { PodFact } from '../kube/pod.ts'
import { messageOf } from '../lib/fault.ts'
import { sweepOrphans } from './orphans.ts'
import type { Ports } from './ports.ts'
import { type Reconciled, reconcile } from './reconcile.ts'

export interface ResyncParts {
  readonly everyMs: number
  /** Quorum lists, paged. */
  /** Null: replication is off. */
  readonly listObjects: () => Promise<readonly FloatingIpFact[] | null>
  readonly listPods: () => Promise<readonly PodFact[]>
  readonly signal: AbortSignal
  /** What a round found. */
  readonly onReconciled?: (found: Reconciled) => void
}

/** Runs until stopped. A failed round changes nothing, and the next one comes. */
export async function resync(ports: Ports, parts: ResyncParts): Promise<void> {
  const { everyMs, listObjects, listPods, signal, onReconciled } = parts
  const { ledger, clock, log } = ports
  while (!signal.aborted) {
    await clock.sleep(everyMs, signal)
    if (signal.aborted) return
    const began = performance.now()
    const asOf = ledger.revision
    try {
      const found = await reconcile(ports, await listObjects(), await listPods(), asOf)
      await sweepOrphans(ports)
      onReconciled?.(found)
      log.debug({ ...found, ms: Math.round(performance.now() - began) }, 'resync')
    } catch (error) {
      log.warn({ err: messageOf(error) }, 'resync failed: everything stays as it is until the next one')
    }
  }
}
