/** Owns resync: every interval the ledger is compared with fresh lists of objects and pods; doubt keeps. */
import type { FloatingIpFact } from '../kube/floatingip.ts'
import type { PodFact } from '../kube/pod.ts'
import { notABug } from '../lib/assert.ts'
import { messageOf } from '../lib/fault.ts'
import { sweepOrphans } from './orphans.ts'
import type { Ports } from './ports.ts'
import { type Reconciled, reconcile } from './reconcile.ts'

/** Quorum lists, paged, one after the other. */
export interface Lists {
  /** Null: replication is off. */
  readonly listObjects: () => Promise<readonly FloatingIpFact[] | null>
  readonly listPods: () => Promise<readonly PodFact[]>
}

export interface Resync {
  /** Requests: the pages of a few lists, and quorum GETs for what does not fit; nothing for each pod or workload. */
  once(): Promise<Reconciled>
  /** Until stopped. A failed round changes nothing, and the next one comes; after one that leaves doubts it comes soon, as after a `doubtful` start. */
  run(everyMs: number, doubtful: boolean, signal: AbortSignal): Promise<void>
}

/** A quorum GET that failed is asked again, each time after twice as long, as long as there are any; no later than the next round. */
const DOUBT_MS = 2_000

/** `onReconciled` is told what a round found. */
export function resyncOf(
  ports: Ports,
  { listObjects, listPods }: Lists,
  onReconciled: (found: Reconciled) => void = () => {},
): Resync {
  const { ledger, replicator, clock, log } = ports
  /** Addresses that changed, or whose object we wrote, since the lists of the round were asked for: of them the ledger knows more. */
  const changed = new Set<string>()
  let comparing = false
  ledger.onCommit(changes => {
    if (comparing) for (const { address } of changes) changed.add(address.text)
  })
  replicator.onDone(address => {
    if (comparing) changed.add(address.text)
  })

  async function once(): Promise<Reconciled> {
    const began = performance.now()
    comparing = true
    try {
      const found = await reconcile(ports, await listObjects(), await listPods(), changed)
      await sweepOrphans(ports)
      onReconciled(found)
      log.debug({ ...found, ms: Math.round(performance.now() - began) }, 'resync')
      return found
    } finally {
      comparing = false
      changed.clear()
    }
  }

  return {
    once,
    async run(everyMs, doubtful, signal) {
      /** Null: there are no doubts. */
      let soonMs = doubtful ? DOUBT_MS : null
      while (!signal.aborted) {
        await clock.sleep(Math.min(soonMs ?? everyMs, everyMs), signal)
        if (signal.aborted) return
        const laterMs = soonMs === null ? null : soonMs * 2
        try {
          const { doubts } = await once()
          soonMs = doubts === 0 ? null : (laterMs ?? DOUBT_MS)
        } catch (error) {
          soonMs = laterMs
          notABug(error)
          log.warn({ err: messageOf(error) }, 'resync failed: everything stays as it is until the next one')
        }
      }
    },
  }
}
