/** Owns limits: how many addresses a pool or a Deployment may use, during a rollout too, and what a pod is told that must wait for them. */
import { type Allocation, isClaimed } from '../domain/allocation.ts'
import type { Demand, Workload } from '../domain/demand.ts'
import { DEPLOYMENT, isKept, workloadKey } from '../domain/owner.ts'
import { type Refusal, refusal } from '../domain/refusal.ts'
import { ROLLOUT_SURGE } from '../domain/rollout.ts'

export interface Limit {
  readonly used: number
  readonly most: number
  /** True when one more address would be beyond the Deployment's replicas, lent for its rollout. */
  readonly lends: boolean
  /** What a pod is told for which there is no room. */
  readonly refused: Refusal
}

/**
 * A pool with a size limits all its pods together; else a Deployment is limited by its replicas, in a pool or not. `rows`: those that
 * share with the pod's owner. Null: no limit.
 */
export function limitOf({ owner, workload, poolSize }: Demand, rows: readonly Allocation[]): Limit | null {
  const mine = rows.filter(row => isClaimed(row) && workloadKey(row.owner) === workloadKey(owner)).length
  if (owner.pool !== '' && poolSize !== null) {
    const used = rows.filter(row => !isKept(row.owner)).length
    const reached = `reached pool ${owner.pool} size limit of ${poolSize}`
    const stuck = mine > 0 && waitsForItself(workload)
    return { used, most: poolSize, lends: false, refused: refused(reached, stuck, 'give the pool a larger size') }
  }
  if (owner.kind !== DEPLOYMENT) return null
  const replicas = workload.state === 'present' ? workload.replicas : 0
  const surge = surgeOf(workload)
  const reached = `deployment ${owner.workload} has allocated ${mine} ips with replicas of ${replicas}, wait for releasing`
  const stuck = surge === 0 && waitsForItself(workload)
  const remedy = `annotate its pod template with ${ROLLOUT_SURGE}: allow`
  return { used: mine, most: replicas + surge, lends: mine >= replicas, refused: refused(reached, stuck, remedy) }
}

/** How many addresses beyond the replicas a Deployment may have now. */
function surgeOf(workload: Workload): number {
  if (workload.state !== 'present' || workload.rollout === undefined) return 0
  const { stage, maxSurge, surgeAllowed } = workload.rollout
  return surgeAllowed && (stage === 'replacing' || stage === 'finishing') ? maxSurge : 0
}

/** Until its rollout is over, a Deployment that may have more keeps what its ended pods had (R19); doubt keeps. */
export function keepsUntilOver(workload: Workload): boolean {
  return workload.state === 'present' && workload.rollout?.surgeAllowed === true && workload.rollout.stage !== 'over'
}

/** Its new pods wait for addresses of its old pods, and those stay until new ones run: nothing ends that. */
function waitsForItself(workload: Workload): boolean {
  if (workload.state !== 'present' || workload.rollout === undefined) return false
  return workload.rollout.stage === 'replacing' && workload.rollout.keepsOldPods
}

function refused(reached: string, stuck: boolean, remedy: string): Refusal {
  if (!stuck) return refusal('limit-reached', reached)
  return refusal(
    'rollout-deadlock',
    `${reached}: its rolling update ends no old pod before a new one runs, so set maxSurge: 0 or strategy Recreate, or ${remedy}`,
  )
}
