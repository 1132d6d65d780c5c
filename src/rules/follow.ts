/** Owns follow: what a workload keeps goes when the workload goes or shrinks (policy immutable). */
import type { Allocation } from '../domain/allocation.ts'
import type { Change } from '../domain/change.ts'
import type { FollowCommand } from '../domain/command.ts'
import type { Workload } from '../domain/demand.ts'
import { DEPLOYMENT, workloadKey } from '../domain/owner.ts'
import { IMMUTABLE } from '../domain/policy.ts'
import { free } from './rest.ts'
import { newestFirst, ordinalExists } from './source.ts'
import type { Unbound } from './unbind.ts'
import { isConfigured, type Rule, type View } from './view.ts'

export const follow: Rule<FollowCommand, Unbound> = (view, { workloadOwner, workload, unfinished }) => {
  const kept = view
    .ofWorkload(workloadKey(workloadOwner))
    .filter(row => row.phase === 'reserved' && row.policy === IMMUTABLE && row.owner.pool === '' && !row.blocked)
    .filter(row => !unfinished.has(row.owner.pod))
  const changes = surplus(view, workloadKey(workloadOwner), workloadOwner.kind, kept, workload)
  const freed = changes.filter(change => change.after === null).length
  return { changes, answer: { freed, kept: kept.length - changes.length } }
}

function surplus(
  view: View,
  key: string,
  kind: string,
  kept: readonly Allocation[],
  workload: Workload,
): readonly Change[] {
  if (workload.state === 'unlooked' || workload.state === 'unscaled') return []
  if (workload.state === 'gone') return kept.map(row => free(row, 'its workload is gone'))
  if (kind !== DEPLOYMENT) {
    return kept
      .filter(row => !ordinalExists(row, workload.replicas, workload.firstOrdinal))
      .map(row => free(row, 'its workload was scaled down'))
  }
  const total = view.ofWorkload(key).filter(row => isConfigured(view, row)).length
  return [...kept]
    .sort(newestFirst)
    .slice(0, Math.max(0, total - workload.replicas))
    .map(row => free(row, `its Deployment was scaled to ${workload.replicas}`))
}
