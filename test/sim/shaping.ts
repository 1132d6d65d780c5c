/** Owns what the leader does when workloads, pools or the configuration change their shape. */

import type { SimWorkload } from './cluster.ts'
import type { ReservingParts } from './reserving.ts'

export function shapingOf({ cluster, ledger, ask, now }: Omit<ReservingParts, 'random'>) {
  function follow(workload: SimWorkload): void {
    const unfinished = new Set(
      cluster
        .podsOf(workload)
        .filter(pod => !pod.finished)
        .map(pod => pod.name),
    )
    const { revision } = ledger
    const facts = { workloadOwner: workload.owner, apiVersion: 'apps/v1', workload: cluster.facts(workload) }
    ask('follow', { at: now(), ...facts, unfinished, revision })
  }

  /** A pool has its size, or what it keeps too much goes when its pods end. */
  function resizePools(ahead = false): void {
    for (const [pool, size] of cluster.sizes) ask('resizePool', { at: now(), pool, size, preallocate: ahead })
  }

  /** What left the configuration and no pod has is kept for nobody. */
  function sweepOrphans(): void {
    const orphans = ledger.read(view => [...view.rows()].filter(row => row.phase === 'reserved' && !row.blocked))
    for (const { address, owner, revision } of orphans) {
      if (cluster.isConfigured(address.text) || cluster.pods.get(owner.pod)?.finished === false) continue
      ask('reclaim', { at: now(), address, revision })
    }
  }

  return { follow, resizePools, sweepOrphans }
}
