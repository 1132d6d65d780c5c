/** Owns what we keep of StatefulSets and Deployments: how many pods they want, counted from where. */
import { DEPLOYMENT, type Owner, STATEFUL_SET } from '../domain/owner.ts'
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
export const WORKLOAD_PLURALS = { [STATEFUL_SET]: 'statefulsets', [DEPLOYMENT]: 'deployments' } as const

export type WorkloadKind = keyof typeof WORKLOAD_PLURALS

export const WORKLOAD_KINDS = Object.keys(WORKLOAD_PLURALS) as readonly WorkloadKind[]

export function isWorkloadKind(kind: string): kind is WorkloadKind {
  return kind in WORKLOAD_PLURALS
}

/** The workload's owner without a pod, as commands name it. */
export function workloadOwner(kind: WorkloadKind, namespace: string, name: string): Owner {
  return { pool: '', kind, namespace, workload: name, pod: '' }
}
