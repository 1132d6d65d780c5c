/** Owns the reading of a Deployment's rollout from its own object: generation, counts, the Progressing condition, strategy and template. */
import { NEVER, parsePolicy } from '../domain/policy.ts'
import { ROLLOUT_SURGE, type Rollout, type RolloutStage } from '../domain/rollout.ts'
import { POLICY_ANNOTATION, POOL_ANNOTATION } from './names.ts'
import type { RawMetadata, RawObject } from './raw.ts'

export interface RawDeployment extends RawObject {
  readonly metadata: RawMetadata & { readonly generation?: number }
  readonly spec?: {
    readonly replicas?: number | null
    readonly paused?: boolean
    readonly strategy?: {
      readonly type?: string
      readonly rollingUpdate?: { readonly maxSurge?: unknown; readonly maxUnavailable?: unknown } | null
    } | null
    readonly template?: {
      readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> | null } | null
    } | null
  } | null
  readonly status?: {
    readonly observedGeneration?: number
    readonly replicas?: number
    readonly updatedReplicas?: number
    readonly conditions?: readonly { readonly type?: string; readonly reason?: string }[] | null
  } | null
}

/** What Kubernetes takes where the strategy does not say. */
const SHARE_DEFAULT = '25%'
/** Reasons of the condition Progressing while a rollout is on its way; it keeps NewReplicaSetAvailable when pods are replaced or scaled later. */
const ON_ITS_WAY = ['NewReplicaSetCreated', 'FoundNewReplicaSet', 'ReplicaSetUpdated', 'ProgressDeadlineExceeded']

export function rolloutOf(raw: RawObject, replicas: number): Rollout {
  const { spec } = raw as RawDeployment
  const annotations = spec?.template?.metadata?.annotations ?? {}
  const pool = annotations[POOL_ANNOTATION] ?? ''
  const { maxSurge, maxUnavailable } = fencesOf(raw, replicas)
  return {
    stage: stageOf(raw, replicas),
    maxSurge,
    keepsOldPods: maxUnavailable === 0 && replicas > 0 && spec?.paused !== true,
    surgeAllowed: annotations[ROLLOUT_SURGE] === 'allow',
    policy: pool === '' ? parsePolicy(annotations[POLICY_ANNOTATION]) : NEVER,
    pool,
  }
}

/**
 * The counts leave out pods that are being deleted. ReplicaSets need not be looked at: pods beyond the updated ones are pods of older
 * ReplicaSets, and a template that the controller has not seen yet shows in the generation.
 */
function stageOf(raw: RawObject, replicas: number): RolloutStage {
  const { metadata, status } = raw as RawDeployment
  const observed = status?.observedGeneration
  if (observed === undefined || observed < (metadata.generation ?? 0)) return 'unclear'
  const all = status?.replicas ?? 0
  const updated = status?.updatedReplicas ?? 0
  if (all > updated) return 'replacing'
  if (all === updated && updated === replicas) return 'over'
  const reason = status?.conditions?.find(({ type }) => type === 'Progressing')?.reason ?? ''
  return ON_ITS_WAY.includes(reason) ? 'finishing' : 'unclear'
}

/** As the Deployment controller reckons: surge rounded up, unavailable rounded down, and never both 0. NaN: nobody can read it. */
function fencesOf(raw: RawObject, replicas: number): { maxSurge: number; maxUnavailable: number } {
  const { type = 'RollingUpdate', rollingUpdate } = (raw as RawDeployment).spec?.strategy ?? {}
  if (type !== 'RollingUpdate') return { maxSurge: 0, maxUnavailable: replicas }
  const surge = Math.ceil(podsOf(rollingUpdate?.maxSurge, replicas))
  const unavailable = Math.floor(podsOf(rollingUpdate?.maxUnavailable, replicas))
  const maxSurge = Number.isNaN(surge) || replicas === 0 ? 0 : surge
  return { maxSurge, maxUnavailable: surge === 0 && unavailable === 0 ? 1 : unavailable }
}

/** A number of pods, or a share of the replicas such as `25%`. */
function podsOf(value: unknown, replicas: number): number {
  const given = value ?? SHARE_DEFAULT
  if (typeof given === 'number') return Number.isInteger(given) && given >= 0 ? given : Number.NaN
  const percent = /^(\d+)%$/.exec(String(given))?.[1]
  return percent === undefined ? Number.NaN : (Number(percent) * replicas) / 100
}
