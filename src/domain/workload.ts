/** Owns the kinds of workloads: those that Kubernetes itself has, and custom ones. */
import { DEPLOYMENT, NO_CONTROLLER, type Owner, STATEFUL_SET } from './owner.ts'

export const WORKLOAD_KINDS = [STATEFUL_SET, DEPLOYMENT] as const

export type WorkloadKind = (typeof WORKLOAD_KINDS)[number]

export function isWorkloadKind(kind: string): kind is WorkloadKind {
  return kind === STATEFUL_SET || kind === DEPLOYMENT
}

/** The API group of an apiVersion, empty for the core group; null when nobody told an apiVersion. */
export function groupOf(apiVersion: string): string | null {
  if (apiVersion === '') return null
  const slash = apiVersion.indexOf('/')
  return slash < 0 ? '' : apiVersion.slice(0, slash)
}

/** True for an owner of any other kind than Kubernetes' own two, and for a StatefulSet of another group than theirs. */
export function isCustomWorkload({ kind }: Owner, apiVersion: string): boolean {
  if (kind === NO_CONTROLLER || kind === '') return false
  if (!isWorkloadKind(kind)) return true
  // A Deployment's apiVersion is that of the ReplicaSet between it and its pod.
  return kind === STATEFUL_SET && (groupOf(apiVersion) ?? 'apps') !== 'apps'
}

/** The workload's owner without a pod, as commands name it. */
export function workloadOwner(kind: WorkloadKind, namespace: string, name: string): Owner {
  return { pool: '', kind, namespace, workload: name, pod: '' }
}
