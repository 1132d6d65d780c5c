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
  /** galaxy-ipam looked at it: it is in the namespace of its pools. */
  readonly galaxys: boolean
  /** Moves with each change of its spec. */
  readonly generation: number
  /** What its status says that we made of it; null: nothing of ours is there. */
  readonly judged: JudgedPool | null
}

/**
 * applied: a change of its spec was carried out · inherited: found at a takeover, it limits, and nothing is freed for it · aside: found
 * with more in use than its size, it limits nobody (R22). Both until its next change.
 */
export type PoolStanding = 'applied' | 'inherited' | 'aside'

export interface JudgedPool {
  readonly generation: number
  readonly standing: PoolStanding
}

interface RawPool extends RawObject {
  readonly metadata: RawMetadata & { readonly creationTimestamp?: string | null; readonly generation?: number }
  readonly size?: unknown
  readonly preAllocateIP?: unknown
  readonly status?: Partial<PoolStatus> | null
}

/** Null: an object whose size is no number cannot be in force. */
export function poolFact(raw: RawObject): PoolFact | null {
  const { metadata, size, preAllocateIP, status } = raw as RawPool
  if (typeof size !== 'number' || !Number.isInteger(size) || size < 0) return null
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid,
    size,
    preallocate: preAllocateIP === true,
    createdAt: Date.parse(metadata.creationTimestamp ?? '') || 0,
    galaxys: metadata.namespace === POOL_NAMESPACE,
    generation: metadata.generation ?? 0,
    judged: judgedBy(status ?? {}),
  }
}

function judgedBy({ observedGeneration, conditions }: Partial<PoolStatus>): JudgedPool | null {
  const inForce = Array.isArray(conditions) ? conditions.find(({ type }) => type === 'InForce') : undefined
  if (typeof observedGeneration !== 'number' || inForce === undefined || inForce.reason === 'Shadowed') return null
  const found = inForce.status === 'True' ? 'inherited' : 'aside'
  return { generation: observedGeneration, standing: inForce.reason === 'Inherited' ? found : 'applied' }
}

export function sameSpec(a: PoolFact, b: PoolFact): boolean {
  return a.size === b.size && a.preallocate === b.preallocate
}

/** Pools of one name, the one that counts first: that of kube-system, else the oldest. */
export function byPrecedence(pools: readonly PoolFact[]): readonly PoolFact[] {
  const rank = ({ galaxys }: PoolFact) => (galaxys ? 0 : 1)
  return [...pools].sort(
    (a, b) => rank(a) - rank(b) || a.createdAt - b.createdAt || (a.namespace < b.namespace ? -1 : 1),
  )
}

/** What `kubectl get pool -o yaml` shows under status. */
export interface PoolStatus {
  /** Of the spec that was carried out, or is left as it was found; null: another pool is in force. */
  readonly observedGeneration: number | null
  readonly size: number
  readonly allocated: number
  readonly inUse: number
  readonly conditions: readonly {
    readonly type: string
    readonly status: 'True' | 'False'
    /** Inherited: the next leader knows by it that no change of the spec was carried out. */
    readonly reason: 'InForce' | 'Inherited' | 'Shadowed' | 'WithinSize' | 'InUse'
    readonly message: string
  }[]
}

export interface PoolStore {
  /** Quorum read in kube-system; null: there is none. */
  get(name: string): Promise<PoolFact | null>
  /** Creates it or changes size and pre-allocation; gives back what is stored then. */
  put(name: string, size: number, preallocate: boolean): Promise<PoolFact | null>
  /** False: there is none. */
  remove(name: string): Promise<boolean>
  /** False: not found, as the API server says of a pool that is gone, and of one whose definition has no status (galaxy's own). */
  writeStatus(pool: PoolFact, status: PoolStatus): Promise<boolean>
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
      const patched = await unlessMissing(name, null, () => {
        const path = at(POOL_NAMESPACE, name)
        return transport.request<RawObject>({ method: 'PATCH', path, contentType: mergePatch, body: spec })
      })
      if (patched !== null) return poolFact(patched.body)
      const body = { apiVersion: GROUP_VERSION, kind: 'Pool', metadata: { name, namespace: POOL_NAMESPACE }, ...spec }
      const post = { method: 'POST', path: collection(POOL_NAMESPACE), body } as const
      return poolFact((await transport.request<RawObject>(post)).body)
    },
    remove: name =>
      unlessMissing(name, false, async () => {
        await transport.request({ method: 'DELETE', path: at(POOL_NAMESPACE, name) })
        return true
      }),
    async writeStatus({ namespace, name }, status) {
      const path = `${at(namespace, name)}/status`
      const patch = { method: 'PATCH', path, contentType: mergePatch, body: { status } } as const
      return await unlessMissing(name, false, async () => {
        await transport.request(patch)
        return true
      })
    },
  }
}
