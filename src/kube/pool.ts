/** Owns the Pool object: a named set of addresses that Deployments share, with a size. */
import { GROUP_VERSION } from './floatingip.ts'
import type { RawMetadata, RawObject } from './raw.ts'
import { ApiError, isNotFound, mergePatch, type Transport } from './transport.ts'

export const POOLS_PATH = `/apis/${GROUP_VERSION}/pools`
/** Where galaxy-ipam keeps its pools, and where the HTTP API makes new ones. */
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

/** After a gap in the watch one that was made again, or changed and changed back, looks the same: nobody has judged it as it is now. */
export function sameSpec(a: PoolFact, b: PoolFact): boolean {
  return a.uid === b.uid && a.generation === b.generation && a.size === b.size && a.preallocate === b.preallocate
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

/** The pool of a name is that of kube-system, else the one {@link poolStoreOn} is told of; a new one is made in kube-system. */
export interface PoolStore {
  /** Quorum read; null: there is none. */
  get(name: string): Promise<PoolFact | null>
  /** Creates it or changes size and pre-allocation; gives back what is stored then. */
  put(name: string, size: number, preallocate: boolean): Promise<PoolFact | null>
  /** False: there is none. */
  remove(name: string): Promise<boolean>
  /** False: not found, as the API server says of a pool that is gone, and of one whose definition has no status (galaxy's own). */
  writeStatus(pool: PoolFact, status: PoolStatus): Promise<boolean>
}

/** `elsewhere`: the namespace of the pool that counts where kube-system has none of this name; null: no other has either. */
export function poolStoreOn(transport: Transport, elsewhere: (name: string) => string | null): PoolStore {
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

  /** Of the API server's answer; null: neither kube-system nor another namespace has it. */
  async function wherever(name: string, call: (path: string) => Promise<RawObject>): Promise<RawObject | null> {
    const there = await unlessMissing(name, null, () => call(at(POOL_NAMESPACE, name)))
    const other = there === null ? elsewhere(name) : null
    return other === null ? there : await unlessMissing(name, null, () => call(at(other, name)))
  }

  return {
    async get(name) {
      const found = await wherever(name, async path => {
        return (await transport.request<RawObject>({ method: 'GET', path })).body
      })
      return found === null ? null : poolFact(found)
    },
    async put(name, size, preallocate) {
      const spec = { size, preAllocateIP: preallocate }
      const patch = { method: 'PATCH', contentType: mergePatch, body: spec } as const
      const patched = () => wherever(name, async path => (await transport.request<RawObject>({ ...patch, path })).body)
      const known = await patched()
      if (known !== null) return poolFact(known)
      const body = { apiVersion: GROUP_VERSION, kind: 'Pool', metadata: { name, namespace: POOL_NAMESPACE }, ...spec }
      const post = { method: 'POST', path: collection(POOL_NAMESPACE), body } as const
      try {
        return poolFact((await transport.request<RawObject>(post)).body)
      } catch (error) {
        // Somebody else has made it in between.
        const made = error instanceof ApiError && error.status === 409 ? await patched() : null
        if (made === null) throw error
        return poolFact(made)
      }
    },
    async remove(name) {
      const removed = await wherever(name, async path => {
        return (await transport.request<RawObject>({ method: 'DELETE', path })).body
      })
      return removed !== null
    },
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
