/** Owns what we keep of StatefulSets and Deployments: how many pods they want, counted from where. */
import type { WorkloadKind } from '../domain/workload.ts'
import type { RawObject } from './raw.ts'

export interface WorkloadFact {
  readonly namespace: string
  readonly name: string
  readonly replicas: number
  readonly firstOrdinal: number
}

interface RawWorkload extends RawObject {
  readonly spec?: {
    readonly replicas?: number | null
    readonly ordinals?: { readonly start?: number | null } | null
  } | null
}

export function workloadFact(raw: RawObject): WorkloadFact {
  const { metadata, spec } = raw as RawWorkload
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    replicas: spec?.replicas ?? 1, // apps/v1: absent means 1
    firstOrdinal: spec?.ordinals?.start ?? 0,
  }
}

/** The collections that hold workloads, by owner kind. */
export const WORKLOAD_PLURALS: Readonly<Record<WorkloadKind, string>> = { sts: 'statefulsets', dp: 'deployments' }
