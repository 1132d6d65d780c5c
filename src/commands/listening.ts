/** Owns who hears what of the cluster: each change that a watch shows, and the use cases that it concerns. */
import type { AskedMemory } from '../app/asked.ts'
import type { ConfigurationInForce } from '../app/configuration.ts'
import type { Gate } from '../app/gate.ts'
import type { Holds } from '../app/holds.ts'
import { followKind } from '../app/kept.ts'
import { twinsOf } from '../app/node-addresses.ts'
import { podBound, podEnded } from '../app/pod-ends.ts'
import type { Pools } from '../app/pools.ts'
import type { Ports } from '../app/ports.ts'
import type { Telling } from '../app/telling.ts'
import type { WaitingList } from '../app/waiting.ts'
import type { Waking } from '../app/waking.ts'
import { workloadChanged } from '../app/workloads.ts'
import { workloadOwner } from '../domain/workload.ts'
import type { ClusterListeners } from '../kube/cluster.ts'
import type { Events } from '../kube/events.ts'

export interface Hearers {
  readonly gate: Gate
  readonly waiting: WaitingList
  readonly asked: AskedMemory
  readonly holds: Holds
  readonly waking: Waking
  readonly telling: Telling
  readonly events: Events
  readonly pools: Pools
  readonly configuration: ConfigurationInForce
  readonly signal: AbortSignal
}

export function listenersOn(ports: Ports, hearers: Hearers): ClusterListeners {
  const { gate, waiting, asked, holds, waking, telling, events, pools, configuration, signal } = hearers
  return {
    podEnded(end) {
      waiting.leave(end.pod.uid)
      asked.forget(end.pod.uid)
      holds.ended(end)
      void podEnded(ports, end, signal)
    },
    podSeen(pod) {
      const { namespace, name, uid, warnings } = pod
      if (pod.node === null) {
        for (const text of warnings)
          events.warn({ apiVersion: 'v1', kind: 'Pod', namespace, name, uid }, 'FloatingIPRequest', text)
        return
      }
      waiting.leave(pod.uid)
      holds.settle(pod.uid)
      telling.bound(pod)
      for (const text of twinsOf(pod, configuration.sharedWithNodes))
        events.warn({ apiVersion: 'v1', kind: 'Pod', namespace, name, uid }, 'AddressOfNode', text)
      if (gate.open) podBound(ports, pod)
    },
    workloadChanged(kind, { namespace, name, rollout }) {
      const owner = workloadOwner(kind, namespace, name)
      // What a rollout is lent in a pool is under the pool's name.
      for (const pool of new Set(['', rollout?.pool ?? ''])) void workloadChanged(ports, { ...owner, pool }, 'apps/v1')
    },
    customChanged: (workload, apiVersion) => void workloadChanged(ports, workload, apiVersion),
    customListed: (kind, group) => void followKind(ports, kind, group),
    poolChanged: name => {
      if (gate.open) pools.changed(name)
    },
    nodesChanged: () => configuration.nodesChanged(),
    factsChanged: () => waking.look(),
  }
}
