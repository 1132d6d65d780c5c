/** Owns ReplicaSets: as many unfinished pods as asked for, the least useful taken away first. */
import type { Api } from './api.ts'
import { controllerOf, isDeleting, isFinished, isReady, type Pod, type Workload } from './objects.ts'
import { createPod, deletePod, podsOf, setStatus } from './pods.ts'
import { type OnFailure, queueOf, type Running } from './queue.ts'
import { PODS, REPLICA_SETS, resourceId } from './resources.ts'
import { keyOf, objectKey } from './store.ts'

export function replicaSetController(api: Api, onFailure: OnFailure): Running {
  const queue = queueOf(key => {
    const [namespace = '', name = ''] = key.split('/')
    const set = api.find<Workload>(REPLICA_SETS, namespace, name)
    if (set !== undefined) reconcile(api, set)
  }, onFailure)

  const unsubscribe = api.store.subscribe(({ resource, object }) => {
    if (resource === resourceId(REPLICA_SETS)) queue.add(objectKey(object))
    const owner = resource === resourceId(PODS) ? controllerOf(object) : undefined
    if (owner?.kind === 'ReplicaSet') queue.add(keyOf(object.metadata.namespace, owner.name))
  })
  return {
    stop() {
      unsubscribe()
      queue.stop()
    },
  }
}

function reconcile(api: Api, set: Workload): void {
  // Evicted pods stay as objects and count no more; a terminating one is replaced while it ends.
  const pods = podsOf(api, set).filter(pod => !isFinished(pod) && !isDeleting(pod))
  const wanted = set.spec.replicas ?? 1
  for (let missing = wanted - pods.length; missing > 0; missing--) {
    createPod(api, set, set.spec.template, { generateName: `${set.metadata.name}-`, labels: {} })
  }
  const leastUsefulFirst = [...pods].sort((a, b) => usefulness(a) - usefulness(b))
  for (const pod of leastUsefulFirst.slice(0, Math.max(0, pods.length - wanted))) deletePod(api, pod)
  const left = podsOf(api, set).filter(pod => !isFinished(pod))
  setStatus(api, set, REPLICA_SETS, { replicas: left.length, readyReplicas: left.filter(isReady).length })
}

function usefulness(pod: Pod): number {
  if (pod.spec.nodeName === undefined) return 0
  return isReady(pod) ? 2 : 1
}
