/** Owns which object an Event about an address belongs to, as `kubectl describe` finds it: by kind, name and UID. */
import type { Allocation } from '../domain/allocation.ts'
import type { PodRef } from '../domain/demand.ts'
import { isKept, type Owner, workloadKey } from '../domain/owner.ts'
import { isCustomWorkload, isWorkloadKind, type WorkloadKind } from '../domain/workload.ts'
import type { Cluster } from '../kube/cluster.ts'
import type { Regarding } from '../kube/event-series.ts'
import type { PodFact } from '../kube/pod.ts'

export interface Subjects {
  ofPod(pod: PodRef): Regarding
  /** Who keeps an address without a pod: its pool, else its workload; a bare pod keeps and loses its own. */
  ofKept(row: Kept): Regarding
  /** The pod that has it, else who keeps it. */
  ofRow(row: Allocation): Regarding
  /** A pod of a custom workload tells its workload's kind and UID. */
  seen(pod: PodFact): void
}

type Kept = Pick<Allocation, 'owner' | 'apiVersion' | 'incarnation'>

const KINDS: Readonly<Record<WorkloadKind, string>> = { sts: 'StatefulSet', dp: 'Deployment' }
/** Custom workloads whose kind and UID are remembered, the ones seen last. */
const CUSTOM_MAX = 1_000

export function subjectsOf(cluster: Pick<Cluster, 'workloads' | 'poolInForce'>): Subjects {
  const custom = new Map<string, Regarding>()

  function ofWorkload({ owner, apiVersion }: Kept): Regarding | null {
    const { kind, namespace, workload } = owner
    if (isCustomWorkload(owner, apiVersion)) return custom.get(keyOf(owner)) ?? null
    if (!isWorkloadKind(kind)) return null
    return subjectOf(cluster, kind, namespace, workload)
  }

  function ofPool(name: string): Regarding | null {
    const pool = name === '' ? null : cluster.poolInForce(name)
    if (pool === null) return null
    const { namespace, uid } = pool
    return { apiVersion: 'galaxy.k8s.io/v1alpha1', kind: 'Pool', namespace, name, uid }
  }

  function ofPod({ namespace, name, uid }: PodRef): Regarding {
    return { apiVersion: 'v1', kind: 'Pod', namespace, name, ...(uid !== '' && { uid }) }
  }

  function ofKept(row: Kept): Regarding {
    const { namespace, pod: name, pool } = row.owner
    const keeper = ofPool(pool) ?? ofWorkload(row)
    if (keeper !== null) return keeper
    // A pool without an object, and nobody of whom more is known.
    if (name === '') return { apiVersion: 'galaxy.k8s.io/v1alpha1', kind: 'Pool', namespace: 'kube-system', name: pool }
    return ofPod({ namespace, name, uid: row.incarnation ?? '' })
  }

  return {
    ofPod,
    ofKept,
    ofRow(row) {
      const { namespace, pod: name } = row.owner
      const { incarnation } = row
      return incarnation === null || isKept(row.owner) ? ofKept(row) : ofPod({ namespace, name, uid: incarnation })
    },
    seen({ owner, controller, apiVersion, namespace }) {
      if (controller === null || !isCustomWorkload(owner, apiVersion)) return
      const key = keyOf(owner)
      custom.delete(key)
      custom.set(key, { apiVersion, kind: controller.kind, namespace, name: owner.workload, uid: controller.uid })
      const [oldest] = custom.keys()
      if (custom.size > CUSTOM_MAX && oldest !== undefined) custom.delete(oldest)
    },
  }
}

/** A Deployment or StatefulSet, with its UID as far as we know it. */
export function subjectOf(
  { workloads }: Pick<Cluster, 'workloads'>,
  kind: WorkloadKind,
  namespace: string,
  name: string,
): Regarding {
  const uid = workloads[kind].get(`${namespace}/${name}`)?.uid
  return { apiVersion: 'apps/v1', kind: KINDS[kind], namespace, name, ...(uid !== undefined && { uid }) }
}

function keyOf(owner: Owner): string {
  return workloadKey({ ...owner, pool: '' })
}
