/** Owns what a Deployment, or the pool that its pods are in, keeps too much of: after scaling down, after a rollout, or when it is gone. */
import type { Allocation } from '../domain/allocation.ts'
import type { Change } from '../domain/change.ts'
import type { Workload } from '../domain/demand.ts'
import { IMMUTABLE, RELEASE_AT_POD_END } from '../domain/policy.ts'
import { keepsUntilOver } from './limit.ts'
import { free } from './rest.ts'
import { newestFirst } from './source.ts'

/**
 * `kept`: what it keeps without a pod and may lose; `claimed`: what its pods have; both configured. Each address that a rollout was lent
 * is paid back by one kept address once it is over, whatever the policy: the lent one itself when no pod has it, else the newest.
 */
export function trim(kept: readonly Allocation[], claimed: readonly Allocation[], workload: Workload): Change[] {
  if (workload.state === 'unlooked' || workload.state === 'unscaled') return []
  if (workload.state === 'gone') {
    return kept.filter(row => row.policy === IMMUTABLE || row.surge).map(row => free(row, 'its workload is gone'))
  }
  if (keepsUntilOver(workload)) return []
  if (keepsNone(workload, kept, claimed)) {
    // What a pool keeps is for its other Deployments, lent or not.
    const goes = (row: Allocation) => row.policy === IMMUTABLE || (row.surge && row.owner.pool === '')
    return kept.filter(goes).map(row => free(row, 'its Deployment keeps none any more'))
  }
  const isOver = workload.rollout?.stage === 'over'
  const lent = isOver ? [...claimed, ...kept].filter(row => row.surge) : []
  const surplus = Math.max(0, kept.length + claimed.length - workload.replicas)
  const freed = new Set<Allocation>()
  for (const row of [...kept].sort(lentFirst)) {
    if (freed.size < surplus && (row.policy === IMMUTABLE || freed.size < lent.length)) freed.add(row)
  }
  // The rest is paid by old pods that have not ended yet.
  const owed = Math.max(0, Math.min(lent.length, surplus) - freed.size)
  const own = lent.filter(row => !freed.has(row)).slice(owed)
  const because = lent.length > 0 ? 'its rollout is over' : `its Deployment was scaled to ${workload.replicas}`
  return [...[...freed].map(row => free(row, because)), ...own.map(settle)]
}

/**
 * R15: the rollout is over, to a template without a policy, or to one whose pods have their addresses in a pool: nothing comes back to
 * what is kept here. A pod that has a policy all the same (added by a webhook, say) is doubt.
 */
function keepsNone(
  { rollout }: Workload & { state: 'present' },
  kept: readonly Allocation[],
  claimed: readonly Allocation[],
): boolean {
  if (rollout?.stage !== 'over') return false
  const moved = rollout.pool !== '' && kept.every(row => row.owner.pool === '')
  if (!moved && rollout.policy !== RELEASE_AT_POD_END) return false
  return claimed.every(row => row.policy === RELEASE_AT_POD_END)
}

function lentFirst(a: Allocation, b: Allocation): number {
  return Number(b.surge) - Number(a.surge) || newestFirst(a, b)
}

/** Paid for: from now on an address like its others. */
function settle(row: Allocation): Change {
  return {
    verb: 'settle',
    address: row.address,
    before: row,
    after: { ...row, surge: false },
    because: 'the rollout it was lent for is over',
  }
}
