/** Owns the reading of a workload's rollout from its own object: generation, counts, revisions, the Progressing condition, strategy and template. */
import { NEVER, parsePolicy } from '../domain/policy.ts'
import { ROLLOUT_SURGE, type Rollout, type RolloutStage } from '../domain/rollout.ts'
import { POLICY_ANNOTATION, POOL_ANNOTATION } from './names.ts'
import type { RawMetadata, RawObject } from './raw.ts'

export interface RawRolled extends RawObject {
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
    /** Of a StatefulSet: they are one once all its pods are of the newest template. */
    readonly currentRevision?: string
    readonly updateRevision?: string
    readonly conditions?: readonly { readonly type?: string; readonly reason?: string }[] | null
  } | null
}

/** What Kubernetes takes where the strategy does not say. */
const SHARE_DEFAULT = '25%'
/** Reasons of the condition Progressing while a rollout is on its way; it keeps NewReplicaSetAvailable when pods are replaced or scaled later. */
const ON_ITS_WAY = ['NewReplicaSetCreated', 'FoundNewReplicaSet', 'ReplicaSetUpdated', 'ProgressDeadlineExceeded']

/** Of a Deployment. */
export function rolloutOf(raw: RawObject, replicas: number): Rollout {
  const { spec } = raw as RawRolled
  const { maxSurge, maxUnavailable } = fencesOf(raw, replicas)
  return {
    stage: stageOf(raw, replicas),
    maxSurge,
    keepsOldPods: maxUnavailable === 0 && replicas > 0 && spec?.paused !== true,
    surgeAllowed: annotationsOf(raw)[ROLLOUT_SURGE] === 'allow',
    ...askedBy(raw),
  }
}

/** Of a StatefulSet, which makes each pod after the end of the one before. Null: its pods are in no pool, and nothing follows from it. */
export function setRolloutOf(raw: RawObject): Rollout | null {
  const asked = askedBy(raw)
  if (asked.pool === '') return null
  return { stage: setStageOf(raw), maxSurge: 0, keepsOldPods: false, surgeAllowed: false, ...asked }
}

/** With a partition, or pods that are replaced by hand, the revisions may differ for good: then it is not over. */
function setStageOf(raw: RawObject): RolloutStage {
  const { status } = raw as RawRolled
  if (isUnobserved(raw) || status?.updateRevision === undefined) return 'unclear'
  return status.currentRevision === status.updateRevision ? 'over' : 'replacing'
}

function annotationsOf(raw: RawObject): Readonly<Record<string, string>> {
  return (raw as RawRolled).spec?.template?.metadata?.annotations ?? {}
}

/** What the template's pods ask for. */
function askedBy(raw: RawObject): Pick<Rollout, 'policy' | 'pool'> {
  const annotations = annotationsOf(raw)
  const pool = annotations[POOL_ANNOTATION] ?? ''
  return { policy: pool === '' ? parsePolicy(annotations[POLICY_ANNOTATION]) : NEVER, pool }
}

/** Its controller has not seen it as it is now. */
function isUnobserved(raw: RawObject): boolean {
  const { metadata, status } = raw as RawRolled
  return status?.observedGeneration === undefined || status.observedGeneration < (metadata.generation ?? 0)
}

/**
 * The counts leave out pods that are being deleted. ReplicaSets need not be looked at: pods beyond the updated ones are pods of older
 * ReplicaSets, and a template that the controller has not seen yet shows in the generation.
 */
function stageOf(raw: RawObject, replicas: number): RolloutStage {
  const { status } = raw as RawRolled
  if (isUnobserved(raw)) return 'unclear'
  const all = status?.replicas ?? 0
  const updated = status?.updatedReplicas ?? 0
  if (all > updated) return 'replacing'
  if (all === updated && updated === replicas) return 'over'
  const reason = status?.conditions?.find(({ type }) => type === 'Progressing')?.reason ?? ''
  return ON_ITS_WAY.includes(reason) ? 'finishing' : 'unclear'
}

/** As the Deployment controller reckons: surge rounded up, unavailable rounded down, and never both 0. NaN: nobody can read it. */
function fencesOf(raw: RawObject, replicas: number): { maxSurge: number; maxUnavailable: number } {
  const { type = 'RollingUpdate', rollingUpdate } = (raw as RawRolled).spec?.strategy ?? {}
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
