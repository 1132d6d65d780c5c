/** Owns the demand: what one pod asks for, as facts gathered at one moment. */
import type { RangeList } from '../ip/range.ts'
import type { Owner } from './owner.ts'
import type { ReleasePolicy } from './policy.ts'
import type { Refusal } from './refusal.ts'
import type { Rollout } from './rollout.ts'

export interface PodRef {
  readonly namespace: string
  readonly name: string
  /** The pod's UID: its incarnation. */
  readonly uid: string
}

/** What is known of the pod's workload. `unlooked` when no rule needs it for this pod, or nobody could tell: never act on it. */
export type Workload =
  | { readonly state: 'unlooked' }
  | { readonly state: 'gone' }
  /** Its kind does not tell how many pods it wants, or we may not read it. */
  | { readonly state: 'unscaled'; readonly because: string }
  | {
      readonly state: 'present'
      readonly replicas: number
      readonly firstOrdinal: number
      /** Of a Deployment, and of a StatefulSet whose pods are in a pool. */
      readonly rollout?: Rollout
    }

export const UNLOOKED: Workload = { state: 'unlooked' }
export const GONE: Workload = { state: 'gone' }

export interface Demand {
  readonly pod: PodRef
  readonly owner: Owner
  /** apiVersion of the controller's owner reference; empty for a bare pod. */
  readonly apiVersion: string
  readonly policy: ReleasePolicy
  /** One address from each list, in this order; empty: one address, wherever there is one. */
  readonly request: readonly RangeList[]
  readonly workload: Workload
  /** Size of the pod's pool; null: no pool, or one without a size. */
  readonly poolSize: number | null
  /** What the pod's author has to mend first (an annotation that cannot be read, say). */
  readonly problem: Refusal | null
}

/** Most range lists in one request: as many as the core matches at once. */
export const REQUEST_LISTS_MAX = 64

/** Most ranges in one request, as written: one takes 13 µs to read, and a pod is read at each of its changes. */
export const REQUEST_RANGES_MAX = 4_096
