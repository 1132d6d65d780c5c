/** Owns follow: what a workload keeps goes when the workload goes or shrinks (policy immutable), or when its rollout is over. */
import { type Allocation, isSetAside } from '../domain/allocation.ts'
import type { Change } from '../domain/change.ts'
import type { FollowCommand } from '../domain/command.ts'
import { DEPLOYMENT, isKept, type Owner, ordinalExists, ownerKey, poolOwner, workloadKey } from '../domain/owner.ts'
import { IMMUTABLE } from '../domain/policy.ts'
import { groupOf, isCustomWorkload } from '../domain/workload.ts'
import { free, isStillTheirs } from './rest.ts'
import { trim } from './trim.ts'
import type { Unbound } from './unbind.ts'
import { isConfigured, type Rule, type View } from './view.ts'

export const follow: Rule<FollowCommand, Unbound> = (view, command) => {
  const rows = followed(view, command.workloadOwner).filter(row => isOf(row, command.apiVersion))
  const kept = rows.filter(row => isUnused(row, command))
  const changes =
    command.workloadOwner.kind === DEPLOYMENT ? deployment(view, command, rows, kept) : numbered(command, kept)
  const freed = changes.filter(change => change.after === null).length
  const lost = changes.filter(change => !isStillTheirs(change)).length
  return { changes, answer: { freed, kept: kept.length - lost } }
}

/** Those of its pods, and what is kept for it: in a pool that is kept for all Deployments of the pool together. */
export function followed(view: View, owner: Owner): readonly Allocation[] {
  const own = view.ofWorkload(workloadKey(owner))
  return owner.pool === '' ? own : [...own, ...view.ofKey(ownerKey(poolOwner(owner.pool)))]
}

/** Keys tell the kind and not its group: what another group's workload of the same name keeps is not this one's (R10). */
function isOf(row: Allocation, apiVersion: string): boolean {
  const custom = isCustomWorkload(row.owner, apiVersion)
  if (custom !== isCustomWorkload(row.owner, row.apiVersion)) return false
  return !custom || groupOf(row.apiVersion) === groupOf(apiVersion)
}

/** Kept without a pod, not by a reservation, and since before the workload was read. */
function isUnused(row: Allocation, { unfinished, revision }: FollowCommand): boolean {
  if (row.phase !== 'reserved' || row.blocked || row.reservation !== null) return false
  return row.revision <= revision && !unfinished.has(row.owner.pod)
}

function deployment(
  view: View,
  { workload, workloadOwner }: FollowCommand,
  rows: readonly Allocation[],
  unused: readonly Allocation[],
): readonly Change[] {
  // Pods keep nothing under their own names in a pool, unless they are numbered: those are not a Deployment's.
  const kept = workloadOwner.pool === '' ? unused : unused.filter(row => isKept(row.owner))
  const configured = (row: Allocation) => isConfigured(view, row)
  const spare = new Set(kept)
  const used = rows.filter(row => !spare.has(row) && !isSetAside(row))
  return trim(kept.filter(configured), used.filter(configured), workload)
}

/** StatefulSets and custom workloads number their pods. */
function numbered({ workload, workloadOwner }: FollowCommand, kept: readonly Allocation[]): readonly Change[] {
  if (workload.state === 'unlooked' || workload.state === 'unscaled' || workloadOwner.pool !== '') return []
  const sticky = kept.filter(row => row.policy === IMMUTABLE)
  if (workload.state === 'gone') return sticky.map(row => free(row, 'its workload is gone'))
  // As for a Deployment (R15): under its own name nothing comes back to what is kept here.
  const { stage, pool } = workload.rollout ?? {}
  if (stage === 'over' && pool !== '') return sticky.map(row => free(row, 'its pods have their addresses in a pool'))
  return sticky
    .filter(row => !ordinalExists(row.owner, workload.replicas, workload.firstOrdinal))
    .map(row => free(row, 'its workload was scaled down'))
}
