/** Owns follow: what a workload keeps goes when the workload goes or shrinks (policy immutable). */
import type { Allocation } from '../domain/allocation.ts'
import type { Change } from '../domain/change.ts'
import type { FollowCommand } from '../domain/command.ts'
import type { Workload } from '../domain/demand.ts'
import { DEPLOYMENT, workloadKey } from '../domain/owner.ts'
import { IMMUTABLE } from '../domain/policy.ts'
import { groupOf, isCustomWorkload } from '../domain/workload.ts'
import { newestFirst, ordinalExists } from './source.ts'
import { free, type Unbound } from './unbind.ts'
import { isConfigured, type Rule, type View } from './view.ts'

export const follow: Rule<FollowCommand, Unbound> = (view, { workloadOwner, apiVersion, workload, unfinished }) => {
  const kept = view
    .ofWorkload(workloadKey(workloadOwner))
    .filter(row => row.phase === 'reserved' && row.policy === IMMUTABLE && row.owner.pool === '' && !row.blocked)
    .filter(row => isOf(row, apiVersion) && !unfinished.has(row.owner.pod))
  const changes = surplus(view, workloadKey(workloadOwner), workloadOwner.kind, kept, workload)
  return { changes, answer: { freed: changes.length, kept: kept.length - changes.length } }
}

/** Keys tell the kind and not its group: what another group's workload of the same name keeps is not this one's (R10). */
function isOf(row: Allocation, apiVersion: string): boolean {
  const custom = isCustomWorkload(row.owner, apiVersion)
  if (custom !== isCustomWorkload(row.owner, row.apiVersion)) return false
  return !custom || groupOf(row.apiVersion) === groupOf(apiVersion)
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
