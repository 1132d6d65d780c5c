/** Owns one watch connection: from its first byte to its end, whichever way it ends. */
import type { Selectors } from './list.ts'
import type { RawObject } from './raw.ts'
import { ApiError, type Transport, Unanswered } from './transport.ts'

export type WatchEvent =
  /** The server has accepted the watch; nothing has changed yet. */
  | { readonly type: 'OPENED' }
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: RawObject }
  /** Everything up to this version has been sent. */
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string }

export interface WatchOptions extends Selectors {
  readonly resourceVersion: string
  readonly signal?: AbortSignal
  /** Silence that ends the watch. */
  readonly idleMs?: number
  /** In [0, 1); spreads the watches' ends, so that they do not all reconnect together. */
  readonly random: () => number
}

/**
 * API servers send a bookmark about once a minute (up to 1.25 min with jitter): two missed ones mean a half-open connection. A collection
 * that never changed since the server's start may get none; then this costs one reconnection, not a list.
 */
const defaultIdleMs = 150_000
/** As client-go: 5 to 10 minutes, here 290 s to 590 s, below the 10 min at which many load balancers cut. */
const minTimeoutSeconds = 290
const maxTimeoutSeconds = 590

interface RawEvent {
  readonly type?: string
  readonly object?: RawObject & { readonly code?: number }
}

/**
 * Yields OPENED, then what changes. Returns when the server ends the watch in good order; throws {@link ApiError} for a refusal or an
 * `ERROR` event (410: list again) and {@link Unanswered} for a broken or silent connection.
 */
export async function* watchOnce(
  transport: Transport,
  path: string,
  options: WatchOptions,
): AsyncGenerator<WatchEvent> {
  const seconds = minTimeoutSeconds + Math.floor(options.random() * (maxTimeoutSeconds - minTimeoutSeconds + 1))
  // A signal of our own, so that the connection ends also when the reader leaves before its first line.
  const leaving = new AbortController()
  const leave = () => leaving.abort()
  options.signal?.addEventListener('abort', leave)
  if (options.signal?.aborted) leave()
  try {
    const lines = await transport.stream({
      path,
      query: {
        watch: true,
        allowWatchBookmarks: true,
        timeoutSeconds: seconds,
        resourceVersion: options.resourceVersion,
        labelSelector: options.labelSelector,
        fieldSelector: options.fieldSelector,
      },
      idleMs: options.idleMs ?? defaultIdleMs,
      signal: leaving.signal,
    })
    yield { type: 'OPENED' }
    for await (const line of lines) yield eventOf(path, line)
  } finally {
    options.signal?.removeEventListener('abort', leave)
    leave()
  }
}

function eventOf(path: string, line: string): WatchEvent {
  let raw: RawEvent
  try {
    raw = JSON.parse(line)
  } catch (cause) {
    // The connection was cut in the middle of a line, or something that is not an API server answers.
    throw new Unanswered(`watch ${path}: a line that is not JSON: ${line.slice(0, 100)}`, { retryable: true, cause })
  }
  const { type, object } = raw
  if (type === 'ERROR') throw new ApiError(`watch ${path}`, object?.code ?? 500, object)
  const version = object?.metadata?.resourceVersion
  if (object !== undefined && version !== undefined) {
    if (type === 'BOOKMARK') return { type, resourceVersion: version }
    if (type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED') return { type, object }
  }
  throw new Unanswered(`watch ${path}: not a watch event: ${line.slice(0, 100)}`, { retryable: true })
}
