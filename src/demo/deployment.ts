/** Owns Deployments: a ReplicaSet for each template, and how many pods each may have while one replaces the other. */
import type { Api } from './api.ts'
import { controllerOf, type Workload } from './objects.ts'
import { hashOf, ownedBy, podsOf, setStatus } from './pods.ts'
import { type OnFailure, queueOf, type Running } from './queue.ts'
import { DEPLOYMENTS, REPLICA_SETS, resourceId } from './resources.ts'
import { keyOf, objectKey } from './store.ts'

const HASH_LABEL = 'pod-template-hash'

export function deploymentController(api: Api, onFailure: OnFailure): Running {
  const queue = queueOf(key => {
    const [namespace = '', name = ''] = key.split('/')
    const deployment = api.find<Workload>(DEPLOYMENTS, namespace, name)
    if (deployment !== undefined) reconcile(api, deployment)
  }, onFailure)

  const unsubscribe = api.store.subscribe(({ resource, object }) => {
    if (resource === resourceId(DEPLOYMENTS)) queue.add(objectKey(object))
    const owner = resource === resourceId(REPLICA_SETS) ? controllerOf(object) : undefined
    if (owner?.kind === 'Deployment') queue.add(keyOf(object.metadata.namespace, owner.name))
  })
  return {
    stop() {
      unsubscribe()
      queue.stop()
    },
  }
}

function reconcile(api: Api, deployment: Workload): void {
  const current = currentSet(api, deployment)
  const sets = setsOf(api, deployment)
  const old = sets.filter(set => set.metadata.name !== current.metadata.name)
  setStatus(api, deployment, DEPLOYMENTS, {
    replicas: sum(sets, set => podsOf(api, set).length),
    updatedReplicas: podsOf(api, current).length,
    readyReplicas: sum(sets, readyIn),
    availableReplicas: sum(sets, readyIn),
    observedGeneration: deployment.metadata.generation,
  })
  if (deployment.spec.strategy?.type === 'Recreate') recreate(api, deployment, current, old)
  else roll(api, deployment, current, old)
}

/** Old pods are gone before the first new one is made. */
function recreate(api: Api, deployment: Workload, current: Workload, old: readonly Workload[]): void {
  for (const set of old) scale(api, set, 0)
  if (old.every(set => podsOf(api, set).length === 0)) scale(api, current, replicasOf(deployment))
}

/** As Kubernetes counts: by the sizes of the sets, so a pod that still terminates makes room for a new one. */
function roll(api: Api, deployment: Workload, current: Workload, old: readonly Workload[]): void {
  const wanted = replicasOf(deployment)
  const { maxSurge, maxUnavailable } = deployment.spec.strategy?.rollingUpdate ?? {}
  const surge = share(maxSurge, wanted, Math.ceil)
  const unavailable = Math.max(share(maxUnavailable, wanted, Math.floor), surge === 0 ? 1 : 0)
  const total = sum([current, ...old], replicasOf)

  const size = replicasOf(current)
  if (size > wanted) {
    scale(api, current, wanted)
    return
  }
  const grown = Math.min(wanted, size + Math.max(0, wanted + surge - total))
  if (grown !== size) {
    scale(api, current, grown)
    return
  }

  // Old pods that do not run go first, and then as many others as may be missing.
  const leastReady = wanted - unavailable
  let mayGo = total - leastReady - (size - readyIn(current))
  for (const set of old) {
    const idle = Math.max(0, Math.min(mayGo, replicasOf(set) - readyIn(set)))
    if (idle > 0) {
      scale(api, set, replicasOf(set) - idle)
      return
    }
  }
  mayGo = Math.min(mayGo, sum([current, ...old], readyIn) - leastReady)
  for (const set of old) {
    const going = Math.min(mayGo, replicasOf(set))
    if (going > 0) {
      scale(api, set, replicasOf(set) - going)
      return
    }
  }
}

function currentSet(api: Api, deployment: Workload): Workload {
  const { template } = deployment.spec
  const { namespace } = deployment.metadata
  const hash = hashOf(template)
  const name = `${deployment.metadata.name}-${hash}`
  const existing = api.find<Workload>(REPLICA_SETS, namespace, name)
  if (existing !== undefined) return existing
  const labels = { ...template.metadata?.labels, [HASH_LABEL]: hash }
  const created = api.create(REPLICA_SETS, namespace, {
    metadata: { name, labels, ownerReferences: [ownedBy(deployment)] },
    spec: {
      replicas: 0,
      selector: { matchLabels: labels },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  })
  return created as Workload
}

function setsOf(api: Api, deployment: Workload): readonly Workload[] {
  const sets = api.list<Workload>(REPLICA_SETS, deployment.metadata.namespace)
  return sets.filter(set => controllerOf(set)?.uid === deployment.metadata.uid)
}

function scale(api: Api, set: Workload, replicas: number): void {
  const { namespace, name } = set.metadata
  api.update(REPLICA_SETS, namespace, name, current => {
    return { ...current, spec: { ...(current as Workload).spec, replicas } }
  })
}

function replicasOf({ spec }: Workload): number {
  return spec.replicas ?? 1
}

function readyIn(set: Workload): number {
  return (set.status as { readyReplicas?: number } | undefined)?.readyReplicas ?? 0
}

/** A number, or a percentage of the replicas; Kubernetes' default is 25 %. */
function share(value: number | string | undefined, of: number, round: (n: number) => number): number {
  if (typeof value === 'number') return value
  return round((of * Number.parseInt(value ?? '25%', 10)) / 100)
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}
