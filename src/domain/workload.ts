/** Owns the kinds of workloads whose size we know. Custom workloads join here. */
import { DEPLOYMENT, type Owner, STATEFUL_SET } from './owner.ts'

export const WORKLOAD_KINDS = [STATEFUL_SET, DEPLOYMENT] as const

export type WorkloadKind = (typeof WORKLOAD_KINDS)[number]

export function isWorkloadKind(kind: string): kind is WorkloadKind {
  return kind === STATEFUL_SET || kind === DEPLOYMENT
}

/** The workload's owner without a pod, as commands name it. */
export function workloadOwner(kind: WorkloadKind, namespace: string, name: string): Owner {
  return { pool: '', kind, namespace, workload: name, pod: '' }
}
