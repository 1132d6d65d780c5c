/** Owns what the leader does when workloads, pools or the configuration change their shape. */

import type { SimWorkload } from './cluster.ts'
import type { ReservingParts } from './reserving.ts'

export function shapingOf({ cluster, random, ledger, ask, now }: ReservingParts) {
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
    for (const [pool, size] of cluster.sizes) resize(pool, size, ahead, 1 + random.below(3))
  }

  /** In steps: between two of them others have their turns. */
  function resize(pool: string, size: number, preallocate: boolean, most: number): void {
    ask('resizePool', { at: now(), pool, size, preallocate, most }, ({ changes }) => {
      if (changes.length === most) resize(pool, size, preallocate, most)
    })
  }

  /** What left the configuration and no pod has is kept for nobody. */
  function sweepOrphans(): void {
    const orphans = ledger.read(view => [...view.rows()].filter(row => row.phase === 'reserved' && !row.blocked))
    for (const { address, owner, revision } of orphans) {
      if (cluster.isConfigured(address.text) || cluster.pods.get(owner.pod)?.finished === false) continue
      ask('reclaim', { at: now(), address, revision })
    }
  }

  /** The ledger is of another cluster: nobody here has anything of it, and nothing of it is told here. */
  function forgetAll(): void {
    const addresses = ledger.read(view => [...view.rows()].map(row => row.address))
    ask('forget', { at: now(), addresses, because: 'of another cluster' }, () => {
      for (const { address, revision } of ledger.outbox()) ledger.acknowledge(address, revision)
    })
  }

  return { follow, resizePools, sweepOrphans, forgetAll }
}
