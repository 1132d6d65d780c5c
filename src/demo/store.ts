/** Owns the objects of the miniature cluster: one counter of versions, the newest state, and a short memory of what happened. */
import type { KubeObject } from './objects.ts'

export interface StoreEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  /** See {@link resourceId}. */
  readonly resource: string
  readonly object: KubeObject
  /** The object before; null when it is new. */
  readonly before: KubeObject | null
  readonly version: number
}

export type Listener = (event: StoreEvent) => void

export interface Store {
  readonly version: number
  get(resource: string, key: string): KubeObject | undefined
  /** Ordered by key, as etcd does. */
  list(resource: string): readonly KubeObject[]
  /** Writes with a new resourceVersion; gives back what is stored. */
  put(resource: string, object: KubeObject): KubeObject
  remove(resource: string, key: string): void
  /** What happened after this version; null: that is forgotten. */
  since(version: number): readonly StoreEvent[] | null
  /** Called within the write, in order; gives back how to stop. */
  subscribe(listener: Listener): () => void
}

/** A watch that was away for longer must list again. */
const HISTORY_DEFAULT = 5_000

export function objectKey({ metadata }: { readonly metadata: { namespace?: string; name: string } }): string {
  return keyOf(metadata.namespace, metadata.name)
}

export function keyOf(namespace: string | undefined, name: string): string {
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`
}

export function storeOf(options: { readonly history?: number } = {}): Store {
  const historyMax = options.history ?? HISTORY_DEFAULT
  const resources = new Map<string, Map<string, KubeObject>>()
  const history: StoreEvent[] = []
  const listeners = new Set<Listener>()
  let version = 1
  let forgottenUpTo = 0
  // A listener may write: its event waits until everybody has heard the one before.
  const untold: StoreEvent[] = []
  let telling = false

  function objectsOf(resource: string): Map<string, KubeObject> {
    const objects = resources.get(resource) ?? new Map<string, KubeObject>()
    resources.set(resource, objects)
    return objects
  }

  function happened(event: StoreEvent): void {
    history.push(event)
    if (history.length > historyMax) forgottenUpTo = history.shift()?.version ?? forgottenUpTo
    untold.push(event)
    if (telling) return
    telling = true
    try {
      for (let next = untold.shift(); next !== undefined; next = untold.shift()) {
        for (const listener of [...listeners]) listener(next)
      }
    } finally {
      telling = false
    }
  }

  return {
    get version() {
      return version
    },
    get: (resource, key) => resources.get(resource)?.get(key),
    list(resource) {
      const objects = [...(resources.get(resource) ?? [])]
      return objects.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object)
    },
    put(resource, object) {
      const objects = objectsOf(resource)
      const before = objects.get(objectKey(object)) ?? null
      version++
      const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } }
      objects.set(objectKey(object), stored)
      happened({ type: before === null ? 'ADDED' : 'MODIFIED', resource, object: stored, before, version })
      return stored
    },
    remove(resource, key) {
      const before = objectsOf(resource).get(key)
      if (before === undefined) return
      objectsOf(resource).delete(key)
      version++
      const last = { ...before, metadata: { ...before.metadata, resourceVersion: String(version) } }
      happened({ type: 'DELETED', resource, object: last, before, version })
    },
    since(from) {
      if (from < forgottenUpTo) return null
      const first = history.findIndex(event => event.version > from)
      return first < 0 ? [] : history.slice(first)
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
