/** Owns the Pool object: a named set of addresses that Deployments share, with a size. */
import { GROUP_VERSION } from './floatingip.ts'
import type { RawMetadata, RawObject } from './raw.ts'
import { isNotFound, mergePatch, type Transport } from './transport.ts'

export const POOLS_PATH = `/apis/${GROUP_VERSION}/pools`
/** Where galaxy-ipam keeps its pools, and the HTTP API ours. */
const POOL_NAMESPACE = 'kube-system'

export interface PoolFact {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly size: number
  readonly preallocate: boolean
  readonly createdAt: number
}

interface RawPool extends RawObject {
  readonly metadata: RawMetadata & { readonly creationTimestamp?: string | null }
  readonly size?: unknown
  readonly preAllocateIP?: unknown
}

/** Null: an object whose size is no number cannot be in force. */
export function poolFact(raw: RawObject): PoolFact | null {
  const { metadata, size, preAllocateIP } = raw as RawPool
  if (typeof size !== 'number' || !Number.isInteger(size) || size < 0) return null
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid,
    size,
    preallocate: preAllocateIP === true,
    createdAt: Date.parse(metadata.creationTimestamp ?? '') || 0,
  }
}

export function sameSpec(a: PoolFact, b: PoolFact): boolean {
  return a.size === b.size && a.preallocate === b.preallocate
}

/** Of pools of one name: that of kube-system, else the oldest. */
export function inForce(pools: readonly PoolFact[]): PoolFact | null {
  const ours = pools.find(pool => pool.namespace === POOL_NAMESPACE)
  const byAge = [...pools].sort((a, b) => a.createdAt - b.createdAt || (a.namespace < b.namespace ? -1 : 1))
  return ours ?? byAge[0] ?? null
}

/** What `kubectl get pool -o yaml` shows under status. */
export interface PoolStatus {
  readonly size: number
  readonly allocated: number
  readonly inUse: number
  readonly conditions: readonly {
    readonly type: string
    readonly status: 'True' | 'False'
    readonly reason: string
    readonly message: string
  }[]
}

export interface PoolStore {
  /** Quorum read in kube-system; null: there is none. */
  get(name: string): Promise<PoolFact | null>
  /** Creates it or changes size and pre-allocation. */
  put(name: string, size: number, preallocate: boolean): Promise<void>
  /** False: there is none. */
  remove(name: string): Promise<boolean>
  /** Nothing happens on a cluster whose definition has no status (galaxy's own). */
  writeStatus(pool: PoolFact, status: PoolStatus): Promise<void>
}

export function poolStoreOn(transport: Transport): PoolStore {
  const collection = (namespace: string) => `/apis/${GROUP_VERSION}/namespaces/${encodeURIComponent(namespace)}/pools`
  const at = (namespace: string, name: string) => `${collection(namespace)}/${encodeURIComponent(name)}`

  async function unlessMissing<T>(name: string, missing: T, call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (error) {
      if (isNotFound(error, name)) return missing
      throw error
    }
  }

  return {
    get: name =>
      unlessMissing(name, null, async () => {
        const { body } = await transport.request<RawObject>({ method: 'GET', path: at(POOL_NAMESPACE, name) })
        return poolFact(body)
      }),
    async put(name, size, preallocate) {
      const spec = { size, preAllocateIP: preallocate }
      const patched = await unlessMissing(name, false, async () => {
        await transport.request({
          method: 'PATCH',
          path: at(POOL_NAMESPACE, name),
          contentType: mergePatch,
          body: spec,
        })
        return true
      })
      if (patched) return
      const body = { apiVersion: GROUP_VERSION, kind: 'Pool', metadata: { name, namespace: POOL_NAMESPACE }, ...spec }
      await transport.request({ method: 'POST', path: collection(POOL_NAMESPACE), body })
    },
    remove: name =>
      unlessMissing(name, false, async () => {
        await transport.request({ method: 'DELETE', path: at(POOL_NAMESPACE, name) })
        return true
      }),
    async writeStatus({ namespace, name }, status) {
      const path = `${at(namespace, name)}/status`
      await unlessMissing(name, undefined, async () => {
        await transport.request({ method: 'PATCH', path, contentType: mergePatch, body: { status } })
      })
    },
  }
}
