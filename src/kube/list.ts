/** Owns reading a whole collection, page by page, as one consistent snapshot. */
import type { RawObject } from './raw.ts'
import { ApiError, type Transport, Unanswered } from './transport.ts'

export interface Selectors {
  readonly labelSelector?: string
  readonly fieldSelector?: string
}

export interface ListOptions<T> extends Selectors {
  /** Objects per page. 500 pods are about 0.6 MB and 3 ms of JSON.parse: short enough between two turns of the ledger. */
  readonly limit?: number
  /** True: what etcd has now (no `resourceVersion`). False: what the server's cache has, maybe old; never evidence of absence. */
  readonly quorum: boolean
  /** Keeps the fields that we use, or null when the object does not concern us. */
  readonly pick: (raw: RawObject) => T | null
  readonly signal?: AbortSignal
  /** Called for each page: a sign of life of a long list. */
  readonly onPage?: () => void
}

export interface Listed<T> {
  readonly items: T[]
  /** Where a watch goes on. */
  readonly resourceVersion: string
}

/** Beginnings of one list. A continue token lives 5 minutes; two paged attempts that both outlive it mean that paging is too slow. */
const maxPagedAttempts = 2
/** API servers give up on a list after 60 s themselves. */
const pageTimeoutMs = 65_000

interface RawList {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string }
  readonly items?: readonly RawObject[] | null
}

export async function listAll<T>(transport: Transport, path: string, options: ListOptions<T>): Promise<Listed<T>> {
  for (let attempt = 1; attempt <= maxPagedAttempts; attempt++) {
    try {
      return await listOnce(transport, path, options, options.limit ?? 500)
    } catch (thrown) {
      // 410: the snapshot behind the continue token was compacted. Its pages must not be mixed with newer ones: begin again.
      if (!(thrown instanceof ApiError && thrown.status === 410)) throw thrown
    }
  }
  return await listOnce(transport, path, options, undefined)
}

async function listOnce<T>(
  transport: Transport,
  path: string,
  options: ListOptions<T>,
  limit: number | undefined,
): Promise<Listed<T>> {
  const items: T[] = []
  let resourceVersion = ''
  let next: string | undefined
  do {
    const { body } = await transport.request<RawList>({
      method: 'GET',
      path,
      query: {
        limit,
        continue: next,
        // A continue token carries its own version; both together are refused.
        resourceVersion: options.quorum || next !== undefined ? undefined : '0',
        labelSelector: options.labelSelector,
        fieldSelector: options.fieldSelector,
      },
      timeoutMs: pageTimeoutMs,
      ...(options.signal ? { signal: options.signal } : {}),
    })
    options.onPage?.()
    // What else has no version is no page, and would pass for the last one: all that is missing would be taken for absent.
    const version = body.metadata?.resourceVersion
    if (!version) throw new Unanswered(`GET ${path}: a page without a resourceVersion`, { retryable: true })
    // The first page's version: were the pages of different ages, a watch from the oldest would miss nothing.
    resourceVersion ||= version
    for (const raw of body.items ?? []) {
      const picked = options.pick(raw)
      if (picked !== null) items.push(picked)
    }
    next = body.metadata?.continue || undefined
  } while (next !== undefined)
  return { items, resourceVersion }
}
