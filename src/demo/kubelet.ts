/** Owns the fake kubelets, one for all nodes: bound pods run, deleted pods end, and a dead node does neither. */
import type { Api } from './api.ts'
import {
  addressesOf,
  condition,
  isDeleting,
  isFinished,
  type KubeObject,
  type Node,
  type Pod,
  RESOURCE,
  requests,
  STUCK_LABEL,
  withCondition,
} from './objects.ts'
import { deletePod, setStatus } from './pods.ts'
import { type OnFailure, queueOf, type Running } from './queue.ts'
import { NODES, PODS, resourceId } from './resources.ts'
import { objectKey } from './store.ts'

export interface Kubelets extends Running {
  /** The node answers no more: NotReady, cordoned; its pods stay as they are. */
  fail(node: string): void
  recover(node: string): void
}

export interface KubeletTimes {
  readonly startMs: number
  readonly stopMs: number
}

export function kubelets(api: Api, times: KubeletTimes, onFailure: OnFailure): Kubelets {
  const dead = new Set<string>()

  const starting = queueOf(key => {
    const pod = found(key)
    if (pod !== undefined && mayStart(pod)) run(pod)
  }, onFailure)
  const stopping = queueOf(key => {
    const pod = found(key)
    if (pod !== undefined && mayStop(pod)) end(pod)
  }, onFailure)
  const joining = queueOf(name => setReady(name, true), onFailure)

  function found(key: string): Pod | undefined {
    const [namespace = '', name = ''] = key.split('/')
    return api.find<Pod>(PODS, namespace, name)
  }

  function isAlive({ spec }: Pod): boolean {
    return (
      spec.nodeName !== undefined && !dead.has(spec.nodeName) && api.find(NODES, undefined, spec.nodeName) !== undefined
    )
  }

  /** Without its address a CNI plugin would fail, so the pod stays Pending. */
  function mayStart(pod: Pod): boolean {
    if (!isAlive(pod) || isDeleting(pod) || pod.status?.phase !== 'Pending') return false
    return !requests(pod, [RESOURCE]) || addressesOf(pod).length > 0
  }

  function mayStop(pod: Pod): boolean {
    return isAlive(pod) && isDeleting(pod) && pod.metadata.labels?.[STUCK_LABEL] === undefined
  }

  function run(pod: Pod): void {
    const [podIP] = addressesOf(pod)
    const startedAt = new Date().toISOString()
    setStatus(api, pod, PODS, {
      phase: 'Running',
      startTime: startedAt,
      ...(podIP !== undefined && { podIP, podIPs: [{ ip: podIP }] }),
      conditions: conditionsOf(pod, 'True'),
      containerStatuses: containers(pod, true, { running: { startedAt } }),
    })
  }

  /** First the containers end, then the object goes: as a real kubelet does it. */
  function end(pod: Pod): void {
    const finishedAt = new Date().toISOString()
    if (!isFinished(pod)) {
      setStatus(api, pod, PODS, {
        conditions: conditionsOf(pod, 'False'),
        containerStatuses: containers(pod, false, { terminated: { exitCode: 0, reason: 'Completed', finishedAt } }),
      })
    }
    deletePod(api, pod, 0)
  }

  function setReady(name: string, ready: boolean): void {
    const node = api.find<Node>(NODES, undefined, name)
    if (node === undefined) return
    const status = ready ? 'True' : 'Unknown'
    const reason = ready ? 'KubeletReady' : 'NodeStatusUnknown'
    const conditions = withCondition(node.status?.conditions, { type: 'Ready', status, reason })
    setStatus(api, node, NODES, { conditions })
  }

  function cordon(name: string, unschedulable: boolean): void {
    api.update(NODES, undefined, name, node => ({ ...node, spec: { ...(node as Node).spec, unschedulable } }))
  }

  function look(pod: KubeObject): void {
    if (mayStart(pod as Pod)) starting.add(objectKey(pod), times.startMs)
    if (mayStop(pod as Pod)) stopping.add(objectKey(pod), times.stopMs)
  }

  const unsubscribe = api.store.subscribe(({ type, resource, object }) => {
    if (type === 'DELETED') return
    if (resource === resourceId(PODS)) look(object)
    if (resource === resourceId(NODES) && type === 'ADDED') {
      if (condition(object as Node, 'Ready')?.status !== 'True') joining.add(object.metadata.name)
      for (const pod of api.list<Pod>(PODS)) if (pod.spec.nodeName === object.metadata.name) look(pod)
    }
  })

  return {
    fail(node) {
      dead.add(node)
      setReady(node, false)
      cordon(node, true)
    },
    recover(node) {
      dead.delete(node)
      setReady(node, true)
      cordon(node, false)
      for (const pod of api.list(PODS)) look(pod)
    },
    stop() {
      unsubscribe()
      for (const queue of [starting, stopping, joining]) queue.stop()
    },
  }
}

function conditionsOf(pod: Pod, status: 'True' | 'False') {
  return ['Ready', 'ContainersReady'].reduce(
    (conditions, type) => withCondition(conditions, { type, status }),
    [...(pod.status?.conditions ?? [])],
  )
}

function containers(pod: Pod, ready: boolean, state: object): object[] {
  return pod.spec.containers.map(({ name, image }) => {
    return { name, image, imageID: '', ready, started: ready, restartCount: 0, state }
  })
}
