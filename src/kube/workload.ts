/** Owns what we keep of StatefulSets and Deployments: how many pods they want, counted from where, and how their rollout stands. */
import type { Workload } from '../domain/demand.ts'
import { DEPLOYMENT } from '../domain/owner.ts'
import type { Rollout } from '../domain/rollout.ts'
import type { WorkloadKind } from '../domain/workload.ts'
import type { RawObject } from './raw.ts'
import { rolloutOf, setRolloutOf } from './rollout.ts'

export interface WorkloadFact {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly replicas: number
  readonly firstOrdinal: number
  /** Null: none that anything follows from. */
  readonly rollout: Rollout | null
}

interface RawWorkload extends RawObject {
  readonly spec?: {
    readonly replicas?: number | null
    readonly ordinals?: { readonly start?: number | null } | null
  } | null
}

/** Reads an object of this kind. */
export function workloadFact(kind: WorkloadKind): (raw: RawObject) => WorkloadFact {
  return raw => {
    const { metadata, spec } = raw as RawWorkload
    const replicas = spec?.replicas ?? 1 // apps/v1: absent means 1
    return {
      namespace: metadata.namespace ?? '',
      name: metadata.name,
      uid: metadata.uid,
      replicas,
      firstOrdinal: spec?.ordinals?.start ?? 0,
      rollout: kind === DEPLOYMENT ? rolloutOf(raw, replicas) : setRolloutOf(raw),
    }
  }
}

/** As commands carry it. */
export function workloadOf({ replicas, firstOrdinal, rollout }: WorkloadFact): Workload {
  return { state: 'present', replicas, firstOrdinal, ...(rollout !== null && { rollout }) }
}

/** True when no rule can tell them apart: most writes to a Deployment's status change nothing here. */
export function sameWorkload(a: WorkloadFact, b: WorkloadFact): boolean {
  return Bun.deepEquals(workloadOf(a), workloadOf(b))
}

/** The collections that hold workloads, by owner kind. */
export const WORKLOAD_PLURALS: Readonly<Record<WorkloadKind, string>> = { sts: 'statefulsets', dp: 'deployments' }
