/** Owns the single calls to the API server: quorum reads, the Binding, the patch that wakes, events. */
import { GONE, type PodRef, type Workload } from '../domain/demand.ts'
import type { Owner } from '../domain/owner.ts'
import type { PodAddress } from '../domain/pod-address.ts'
import { isCustomWorkload, isWorkloadKind } from '../domain/workload.ts'
import { messageOf } from '../lib/fault.ts'
import { writeAnswer } from './args.ts'
import type { CustomWorkloads } from './custom-workload.ts'
import { listAll } from './list.ts'
import { ARGS_ANNOTATION, RETRY_ANNOTATION } from './names.ts'
import { type NodeFact, nodeFact, type RawNode } from './node.ts'
import { type PodFact, podFact, type RawPod } from './pod.ts'
import { objectKey, type RawObject } from './raw.ts'
import { ApiError, isNotFound, mergePatch, type Transport } from './transport.ts'
import { WORKLOAD_PLURALS, workloadFact, workloadOf } from './workload.ts'

/** A bind must answer within the scheduler's time-out of 5 s; one call may take half of it. */
const CALL_TIMEOUT_MS = 2_500

export type BindingResult =
  | { readonly kind: 'bound' }
  /** The pod object is gone: the server said so of this pod. */
  | { readonly kind: 'gone' }
  /** The server refused, the pod is as it was before (or as somebody else made it). */
  | { readonly kind: 'refused'; readonly because: string; readonly conflict: boolean }
  /** Nobody knows whether it took place. */
  | { readonly kind: 'unknown'; readonly because: string }

export interface Calls {
  /** Null: gone, by the word of a quorum read. */
  getPod(namespace: string, name: string): Promise<PodFact | null>
  getNode(name: string): Promise<NodeFact | null>
  /** What tells this cluster from others: the UID of its namespace kube-system, made with it. Null: it may not be read, or is not there. */
  clusterId(): Promise<string | null>
  /** Of any kind: the owner without regard to its pod, and the owner reference's apiVersion. */
  getWorkload(owner: Owner, apiVersion: string): Promise<Workload>
  /** All of its kind, by `namespace/name` (or the name), in a paged quorum list; null: nobody can tell at this moment. */
  listWorkloads(owner: Owner, apiVersion: string): Promise<ReadonlyMap<string, Workload> | null>
  /**
   * Binds exactly the pod as last seen: UID and version are preconditions. `safeForMs` is asked now and when it leaves: how long it may
   * be under way.
   */
  postBinding(
    pod: PodFact,
    node: string,
    addresses: readonly PodAddress[],
    safeForMs: () => number,
  ): Promise<BindingResult>
  /** Patches the retry annotation; gives back the pod as it is then, null when it is gone or another one. */
  touchPod(pod: PodRef, value: string): Promise<PodFact | null>
}

export function callsOn(transport: Transport, custom: Pick<CustomWorkloads, 'read' | 'list'>): Calls {
  async function quorumGet<T>(path: string, name: string, read: (raw: RawObject) => T): Promise<T | null> {
    try {
      const { body } = await transport.request<RawObject>({ method: 'GET', path, timeoutMs: CALL_TIMEOUT_MS })
      return read(body)
    } catch (error) {
      if (isNotFound(error, name)) return null
      throw error
    }
  }

  return {
    getPod: (namespace, name) => quorumGet(podPath(namespace, name), name, raw => podFact(raw as RawPod)),
    getNode: name => quorumGet(`/api/v1/nodes/${encodeURIComponent(name)}`, name, raw => nodeFact(raw as RawNode)),

    async clusterId() {
      try {
        return await quorumGet('/api/v1/namespaces/kube-system', 'kube-system', raw => raw.metadata.uid)
      } catch (error) {
        if (error instanceof ApiError && (error.status === 403 || error.status === 404)) return null
        throw error
      }
    },

    async getWorkload(owner, apiVersion) {
      const { kind, namespace, workload: name } = owner
      if (!isWorkloadKind(kind) || isCustomWorkload(owner, apiVersion)) return await custom.read(owner, apiVersion)
      const path = `/apis/apps/v1/namespaces/${encodeURIComponent(namespace)}/${WORKLOAD_PLURALS[kind]}/${encodeURIComponent(name)}`
      const fact = await quorumGet(path, name, workloadFact(kind))
      return fact === null ? GONE : workloadOf(fact)
    },

    async listWorkloads(owner, apiVersion) {
      const { kind } = owner
      if (!isWorkloadKind(kind) || isCustomWorkload(owner, apiVersion)) return await custom.list(owner, apiVersion)
      const read = workloadFact(kind)
      const pick = (raw: RawObject) => [objectKey(raw), workloadOf(read(raw))] as const
      return new Map(
        (await listAll(transport, `/apis/apps/v1/${WORKLOAD_PLURALS[kind]}`, { quorum: true, pick })).items,
      )
    },

    async postBinding(pod, node, addresses, safeForMs) {
      const { namespace, name, uid, resourceVersion } = pod
      try {
        await transport.request({
          method: 'POST',
          path: `${podPath(namespace, name)}/binding`,
          timeoutMs: Math.min(CALL_TIMEOUT_MS, safeForMs()),
          // The wall clock goes on while a machine sleeps, and timers do not.
          maySend: () => safeForMs() > 0,
          body: {
            apiVersion: 'v1',
            kind: 'Binding',
            metadata: {
              name,
              namespace,
              uid,
              resourceVersion,
              annotations: { [ARGS_ANNOTATION]: writeAnswer(pod.args, addresses) },
            },
            target: { apiVersion: 'v1', kind: 'Node', name: node },
          },
        })
        return { kind: 'bound' }
      } catch (error) {
        if (isNotFound(error, name)) return { kind: 'gone' }
        const because = messageOf(error)
        if (error instanceof ApiError && error.outcome === 'refused') {
          return { kind: 'refused', because, conflict: error.status === 409 }
        }
        return { kind: 'unknown', because }
      }
    },

    async touchPod({ namespace, name, uid }, value) {
      try {
        const { body } = await transport.request<RawPod>({
          method: 'PATCH',
          path: podPath(namespace, name),
          contentType: mergePatch,
          timeoutMs: CALL_TIMEOUT_MS,
          body: { metadata: { uid, annotations: { [RETRY_ANNOTATION]: value } } },
        })
        return podFact(body)
      } catch (error) {
        if (isNotFound(error, name)) return null
        if (error instanceof ApiError && error.status === 409) {
          const pod = await this.getPod(namespace, name)
          if (pod === null || pod.uid !== uid) return null
        }
        throw error
      }
    },
  }
}

function podPath(namespace: string, name: string): string {
  return `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}`
}
