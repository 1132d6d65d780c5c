/** Owns the rollout: how far a workload's pods are with its present template, and what its strategy allows meanwhile. */
import type { ReleasePolicy } from './policy.ts'

/** In the pod template's annotations, value `allow`: pods beyond the replicas may have addresses of their own during a rollout. */
export const ROLLOUT_SURGE = 'k8s.v1.cni.galaxy.io/rollout-surge'

/**
 * replacing: pods of an older template are there · finishing: only pods of the present one, not all of them yet ·
 * over: all of them, and no others · unclear: the Deployment does not tell; then nothing is given beyond the replicas, and nothing is
 * taken away.
 */
export type RolloutStage = 'replacing' | 'finishing' | 'over' | 'unclear'

/** As the workload's own object tells it. */
export interface Rollout {
  readonly stage: RolloutStage
  /** Pods beyond the replicas that may exist meanwhile. */
  readonly maxSurge: number
  /** No old pod goes before a new one runs: maxUnavailable comes to 0. */
  readonly keepsOldPods: boolean
  /** The template says {@link ROLLOUT_SURGE}. */
  readonly surgeAllowed: boolean
  /** What the template's pods ask for. */
  readonly policy: ReleasePolicy
  readonly pool: string
}
