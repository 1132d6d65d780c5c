/** Owns what is said of a rolling update that waits for itself: once on the Deployment, and again when it comes back. */
import { DEPLOYMENT } from '../domain/owner.ts'
import type { Refusal } from '../domain/refusal.ts'
import type { Cluster } from '../kube/cluster.ts'
import type { Events } from '../kube/events.ts'
import type { PodFact } from '../kube/pod.ts'
import { subjectOf } from './subjects.ts'

export interface StuckRollouts {
  /** What a pod was just told. */
  told(pod: PodFact, verdicts: readonly (Refusal | null)[]): void
}

/** Deployments remembered: more than wait for themselves in any cluster. One that was deleted meanwhile is forgotten here. */
const SAID_MAX = 1_000

export function stuckRolloutsOf(cluster: Pick<Cluster, 'workloads'>, events: Pick<Events, 'warn'>): StuckRollouts {
  /** By Deployment. */
  const said = new Map<string, string>()
  return {
    told({ owner: { kind, namespace, workload: name } }, verdicts) {
      if (kind !== DEPLOYMENT) return
      const key = `${namespace}/${name}`
      const stuck = stuckAmong(verdicts)
      if (stuck === undefined) {
        said.delete(key)
        return
      }
      if (said.get(key) === stuck.because) return
      if (said.size >= SAID_MAX) said.clear()
      said.set(key, stuck.because)
      events.warn(subjectOf(cluster, DEPLOYMENT, namespace, name), 'RolloutDeadlock', stuck.because)
    },
  }
}

export function stuckAmong(verdicts: Iterable<Refusal | null>): Refusal | undefined {
  return [...verdicts].find((verdict): verdict is Refusal => verdict?.code === 'rollout-deadlock')
}
