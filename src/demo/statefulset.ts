/** Owns StatefulSets: their pods under stable names, made, replaced, updated and taken away in order. */
import type { Api } from './api.ts'
import { controllerOf, isDeleting, isFinished, isReady, type Pod, type Workload } from './objects.ts'
import { createPod, deletePod, hashOf, podsOf, setStatus } from './pods.ts'
import { type OnFailure, queueOf, type Running } from './queue.ts'
import { PODS, resourceId, STATEFUL_SETS } from './resources.ts'
import { keyOf, objectKey } from './store.ts'

const REVISION_LABEL = 'controller-revision-hash'

export function statefulSetController(api: Api, onFailure: OnFailure): Running {
  const queue = queueOf(key => {
    const [namespace = '', name = ''] = key.split('/')
    const set = api.find<Workload>(STATEFUL_SETS, namespace, name)
    if (set !== undefined) reconcile(api, set)
  }, onFailure)

  const unsubscribe = api.store.subscribe(({ resource, object }) => {
    if (resource === resourceId(STATEFUL_SETS)) queue.add(objectKey(object))
    const owner = resource === resourceId(PODS) ? controllerOf(object) : undefined
    if (owner?.kind === 'StatefulSet') queue.add(keyOf(object.metadata.namespace, owner.name))
  })
  return {
    stop() {
      unsubscribe()
      queue.stop()
    },
  }
}

function reconcile(api: Api, set: Workload): void {
  const pods = podsOf(api, set)
  const revision = `${set.metadata.name}-${hashOf(set.spec.template)}`
  setStatus(api, set, STATEFUL_SETS, {
    replicas: pods.length,
    readyReplicas: pods.filter(isReady).length,
    availableReplicas: pods.filter(isReady).length,
    observedGeneration: set.metadata.generation,
    currentRevision: revision,
    updatedReplicas: pods.filter(pod => pod.metadata.labels?.[REVISION_LABEL] === revision).length,
    updateRevision: revision,
  })
  step(api, set, pods, revision)
}

/** One step at a time unless the pods may go in parallel: the next event brings the next step. */
function step(api: Api, set: Workload, pods: readonly Pod[], revision: string): void {
  const { spec, metadata } = set
  const parallel = spec.podManagementPolicy === 'Parallel'
  const first = spec.ordinals?.start ?? 0
  const wanted = Array.from({ length: spec.replicas ?? 1 }, (_, at) => `${metadata.name}-${first + at}`)
  const byName = new Map(pods.map(pod => [pod.metadata.name, pod]))

  for (const name of wanted) {
    const pod = byName.get(name)
    // A finished pod goes at once; that it went brings us here again.
    if (pod !== undefined && isFinished(pod) && !isDeleting(pod)) deletePod(api, pod)
    if (pod === undefined) {
      const labels = { [REVISION_LABEL]: revision, 'statefulset.kubernetes.io/pod-name': name }
      createPod(api, set, spec.template, { name, labels })
    }
    if (!parallel && (pod === undefined || !isReady(pod))) return
  }

  const surplus = pods.filter(pod => !wanted.includes(pod.metadata.name)).sort((a, b) => ordinalOf(b) - ordinalOf(a))
  for (const pod of surplus) {
    if (!isDeleting(pod)) deletePod(api, pod)
    if (!parallel) return
  }

  if (spec.updateStrategy?.type === 'OnDelete') return
  for (const name of wanted.toReversed()) {
    const pod = byName.get(name)
    const outdated = pod !== undefined && pod.metadata.labels?.[REVISION_LABEL] !== revision
    if (outdated && !isDeleting(pod)) {
      deletePod(api, pod)
      return
    }
    if (pod === undefined || !isReady(pod)) return
  }
}

function ordinalOf({ metadata }: Pod): number {
  return Number(metadata.name.slice(metadata.name.lastIndexOf('-') + 1))
}
