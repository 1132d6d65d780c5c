/** Owns reading collections: lists page by page from one snapshot, and watches from a version on. */
import { ApiFailure, badRequest, expired } from './failure.ts'
import type { KubeObject } from './objects.ts'
import { groupVersion, type Resource, resourceId } from './resources.ts'
import type { Selector } from './selectors.ts'
import type { Store, StoreEvent } from './store.ts'

export interface Page {
  readonly items: readonly KubeObject[]
  readonly metadata: {
    readonly resourceVersion: string
    readonly continue?: string
    readonly remainingItemCount?: number
  }
}

export interface Pages {
  list(resource: Resource, selector: Selector, query: URLSearchParams): Page
}

/** Snapshots behind `continue` tokens; a token that is older than that many lists is answered 410, as after a compaction. */
const SNAPSHOTS_MAX = 20

export function pagesOn(store: Store): Pages {
  const snapshots = new Map<string, readonly KubeObject[]>()

  function remember(token: string, objects: readonly KubeObject[]): void {
    snapshots.set(token, objects)
    const oldest = snapshots.keys().next().value
    if (snapshots.size > SNAPSHOTS_MAX && oldest !== undefined) snapshots.delete(oldest)
  }

  return {
    list(resource, selector, query) {
      const limit = Number(query.get('limit') ?? 0) || Number.POSITIVE_INFINITY
      const token = query.get('continue') ?? ''
      if (token !== '' && (query.get('resourceVersion') ?? '') !== '') {
        throw badRequest('specifying resource version is not allowed when using continue')
      }
      const fresh = token === ''
      const left = fresh ? store.list(resourceId(resource)).filter(selector) : snapshots.get(token)
      if (left === undefined) throw expired('The provided continue parameter is too old to display a consistent list')
      const resourceVersion = fresh ? String(store.version) : (token.split('.')[0] ?? '')
      const items = left.slice(0, limit)
      const rest = left.slice(items.length)
      if (rest.length === 0) return { items, metadata: { resourceVersion } }
      const next = `${resourceVersion}.${crypto.randomUUID()}`
      remember(next, rest)
      return { items, metadata: { resourceVersion, continue: next, remainingItemCount: rest.length } }
    },
  }
}

export interface WatchLine {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  readonly object: object
}

export interface WatchParts {
  readonly store: Store
  readonly resource: Resource
  readonly selector: Selector
  readonly query: URLSearchParams
  readonly send: (line: WatchLine) => void
  /** The watch ended in good order. */
  readonly end: () => void
  readonly bookmarkEveryMs: number
}

/** Sends what has happened since the asked version, then what happens; gives back how to stop. */
export function watch({ store, resource, selector, query, send, end, bookmarkEveryMs }: WatchParts): () => void {
  const id = resourceId(resource)
  const from = query.get('resourceVersion') ?? ''
  if (query.get('sendInitialEvents') === 'true') {
    throw new ApiFailure(
      422,
      'Invalid',
      'sendInitialEvents is forbidden for watch: the miniature API server has no WatchList',
    )
  }

  function tell(event: StoreEvent): void {
    const line = event.resource === id ? lineOf(event, selector) : null
    if (line !== null) send(line)
  }

  function bookmark(): void {
    const metadata = { resourceVersion: String(store.version), creationTimestamp: null }
    send({ type: 'BOOKMARK', object: { kind: resource.kind, apiVersion: groupVersion(resource), metadata } })
  }

  if (from === '' || from === '0') {
    for (const object of store.list(id).filter(selector)) send({ type: 'ADDED', object })
  } else {
    const missed = store.since(Number(from))
    if (missed === null) {
      const { status } = expired(`too old resource version: ${from} (${store.version})`)
      send({ type: 'ERROR', object: status })
      end()
      return () => {}
    }
    for (const event of missed) tell(event)
  }
  const unsubscribe = store.subscribe(tell)
  const allowed = query.get('allowWatchBookmarks') === 'true'
  const ticking = allowed ? setInterval(bookmark, bookmarkEveryMs) : undefined
  const seconds = Number(query.get('timeoutSeconds') ?? 0)
  const timeout = seconds > 0 ? setTimeout(finish, seconds * 1_000) : undefined

  function stop(): void {
    unsubscribe()
    clearInterval(ticking)
    clearTimeout(timeout)
  }

  function finish(): void {
    stop()
    if (allowed) bookmark()
    end()
  }
  return stop
}

/** An object that leaves the selection is DELETED for this watch, one that enters is ADDED. */
function lineOf({ type, object, before }: StoreEvent, selector: Selector): WatchLine | null {
  const was = before !== null && selector(before)
  const is = type !== 'DELETED' && selector(object)
  if (is) return { type: was ? 'MODIFIED' : 'ADDED', object }
  return was ? { type: 'DELETED', object } : null
}
