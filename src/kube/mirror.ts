/** Owns a copy of one collection that follows the API server for as long as it runs: list, watch, and list again when in doubt. */
import type { Clock } from '../lib/clock.ts'
import { Fault, messageOf } from '../lib/fault.ts'
import type { Log } from '../lib/log.ts'
import { type Change, type CopyOptions, copy, type Entry } from './copy.ts'
import { listAll, type Selectors } from './list.ts'
import { ApiError, type Transport, Unanswered } from './transport.ts'
import { watchOnce } from './watch.ts'

export type MirrorState =
  /** Nothing was listed yet. */
  | 'starting'
  /** Listed, and a watch is (or is about to be) open. */
  | 'following'
  /** The last call failed; what we have is as old as `ageMs` says. */
  | 'failing'
  /** The API server does not know the collection (404): a custom resource whose definition is missing. */
  | 'absent'
  | 'stopped'
  /** `pick` or `onChange` threw, see `onFailure`. */
  | 'broken'

export interface MirrorOptions<T> extends Selectors {
  readonly transport: Transport
  /** Of the collection, as `/api/v1/pods`. */
  readonly path: string
  readonly pick: CopyOptions<T>['pick']
  /** Synchronous, and after the mirror itself has changed. What it throws ends the mirror. */
  readonly onChange: (change: Change<T>) => void
  /** Receives what `pick` or `onChange` threw: a bug, since neither talks to the world. */
  readonly onFailure: (thrown: unknown) => void
  /** Of every change but to `broken`, which `onFailure` tells. */
  readonly onState?: (state: MirrorState) => void
  readonly log: Log
  readonly clock: Pick<Clock, 'sleep'>
  /** In [0, 1). */
  readonly random: () => number
  readonly monotonicMs?: () => number
  readonly pageLimit?: number
  readonly idleMs?: number
}

export interface Mirror<T> {
  start(): void
  /** Ends the connections; resolves when nothing of the mirror runs any more. No change is told after this call. */
  stop(): Promise<void>
  /** Resolves once the first whole list has been told; never rejects, and stays open if the mirror is stopped before. */
  readonly synced: Promise<void>
  /** Stays true from then on, also while failing or absent: see `state` and `ageMs` for how things are now. */
  readonly isSynced: boolean
  readonly state: MirrorState
  /** What was thrown last; null while all is well. */
  readonly failure: unknown
  /** Since the last sign of life (page, event, bookmark, opened watch); Infinity before the first. Up to `idleMs` is normal. */
  readonly ageMs: number
  readonly size: number
  get(key: string): T | undefined
  values(): IterableIterator<T>
  entries(): IterableIterator<[string, T]>
}

const backoffBaseMs = 500
/** 30 s as client-go, for a server that answers: each try may cost it a whole list. */
const backoffMaxMs = 30_000
/**
 * While nobody answers a try costs nothing: some ten watches every 2.5 s on average are 4 requests a second. Once the server is back, who
 * waits for an address that was freed meanwhile waits no longer than this.
 */
const silenceMaxMs = 5_000
/** A missing custom resource definition is usually being installed at this moment. */
const absentRetryMs = 3_000
/** A missing right is being given by a person who waits for the effect; asking costs a refused list, and no whole one. */
const forbiddenRetryMs = 3_000
/** A watch that lived this long was no failure, whatever ended it. */
const healthyWatchMs = 30_000
/** Watches in a row without one event or bookmark: is our version one that the server has ever had (a restored etcd)? List again. */
const maxFruitlessWatches = 5

/** Full jitter: anything between nothing and the exponential bound, so that those who failed together do not return together. */
export function backoffMs(failures: number, random: () => number, maxMs = backoffMaxMs): number {
  return Math.floor(random() * Math.min(maxMs, backoffBaseMs * 2 ** Math.min(failures - 1, 16)))
}

/** Wraps what our own callbacks threw, even a Fault, so that it is not taken for a failure of this collection. */
class CallbackError extends Error {}

function ours<R>(call: () => R): R {
  try {
    return call()
  } catch (cause) {
    throw new CallbackError(messageOf(cause), { cause })
  }
}

export type { Change }

export function mirror<T>(options: MirrorOptions<T>): Mirror<T> {
  const { transport, path, log, clock, random, labelSelector, fieldSelector } = options
  const monotonicMs = options.monotonicMs ?? (() => performance.now())
  const selectors: Selectors = {
    ...(labelSelector !== undefined && { labelSelector }),
    ...(fieldSelector !== undefined && { fieldSelector }),
  }
  const ourCopy = copy<T>({
    pick: options.pick,
    selects: Object.keys(selectors).length > 0,
    onChange(change) {
      if (!stopping.signal.aborted) options.onChange(change)
    },
  })
  const { entries } = ourCopy
  const stopping = new AbortController()
  const synced = Promise.withResolvers<void>()
  let isSynced = false
  let state: MirrorState = 'starting'
  let aliveAt = Number.NEGATIVE_INFINITY
  let failures = 0
  /** The last failure was no answer at all. */
  let silent = false
  /** Versions in a row that the server took for too old. */
  let expired = 0
  let running: Promise<void> | null = null
  let lastFailure: unknown = null

  function become(next: MirrorState, why: unknown = null) {
    lastFailure = why
    if (next === state) return
    state = next
    const fields = { path, state, objects: entries.size, ...(why === null ? {} : { because: messageOf(why) }) }
    if (next === 'following') log.info(fields, `following ${path}`)
    else if (next === 'stopped') log.info(fields, `${path} is no longer followed`)
    else log.warn(fields, `${path} cannot be followed now`)
    ours(() => options.onState?.(next))
  }

  function alive() {
    aliveAt = monotonicMs()
  }

  /** Always a quorum list (R31): one from the server's cache could take us back in time. */
  async function list(): Promise<string> {
    const listed = await listAll<Entry<T | null>>(transport, path, {
      quorum: true,
      pick: raw => ours(() => ourCopy.listed(raw)),
      signal: stopping.signal,
      onPage: alive,
      ...(options.pageLimit !== undefined && { limit: options.pageLimit }),
      ...selectors,
    })
    if (stopping.signal.aborted) return listed.resourceVersion
    ours(() => ourCopy.applyList(listed.items))
    // Later only an opened watch shows that all is well: lists may work where watches are forbidden.
    if (!isSynced) become('following')
    isSynced = true
    synced.resolve()
    return listed.resourceVersion
  }

  /** Watches from this version until a new list is needed; returns after good ends, throws the failure otherwise. */
  async function follow(from: string): Promise<void> {
    let version = from
    for (let fruitless = 0; fruitless < maxFruitlessWatches; fruitless++) {
      const openedAt = monotonicMs()
      let failure: unknown
      try {
        const watch = watchOnce(transport, path, {
          resourceVersion: version,
          signal: stopping.signal,
          random,
          ...(options.idleMs !== undefined && { idleMs: options.idleMs }),
          ...selectors,
        })
        for await (const event of watch) {
          if (stopping.signal.aborted) return
          alive()
          become('following')
          if (event.type === 'OPENED') continue
          fruitless = -1
          failures = 0
          expired = 0
          if (event.type === 'BOOKMARK') version = event.resourceVersion
          else {
            ours(() => ourCopy.applyEvent(event.type, event.object))
            version = event.object.metadata.resourceVersion
          }
        }
      } catch (thrown) {
        if (!mayWatchAgain(thrown)) throw thrown
        failure = thrown
      }
      if (monotonicMs() - openedAt >= healthyWatchMs) failures = 0
      await pause(failure)
      if (stopping.signal.aborted) return
    }
  }

  /** Before the next try: longer and longer, with jitter, unless something was received in between. */
  async function pause(failure: unknown) {
    if (stopping.signal.aborted) return
    // A watch that ends in silence or by a cut is everyday; only the second failure in a row is news.
    if (failure !== undefined && (failures > 0 || !isSynced)) become('failing', failure)
    // A server that comes back refuses a few requests at first: that is another failure, and its waits begin anew.
    const unanswered = failure instanceof Unanswered
    if (unanswered !== silent) failures = 0
    silent = unanswered
    failures++
    const maxMs = unanswered ? silenceMaxMs : backoffMaxMs
    const asked = failure instanceof ApiError ? (failure.retryAfterMs ?? 0) : 0
    await clock.sleep(Math.max(asked, backoffMs(failures, random, maxMs)), stopping.signal)
  }

  async function run() {
    while (!stopping.signal.aborted) {
      let isListed = false
      try {
        const version = await list()
        isListed = true
        await follow(version)
      } catch (thrown) {
        if (stopping.signal.aborted) break
        // Only faults are the world's; everything else is a bug of ours.
        if (!(thrown instanceof Fault)) throw thrown
        if (thrown instanceof ApiError && thrown.status === 404) {
          become('absent', thrown)
          await clock.sleep(absentRetryMs, stopping.signal)
        } else if (thrown instanceof ApiError && thrown.status === 403 && !isListed) {
          become('failing', thrown)
          await clock.sleep(forbiddenRetryMs, stopping.signal)
        } else if (thrown instanceof ApiError && thrown.status === 410) {
          // Our version is too old: listing again is the cure, at once, however often the server was away before; only when the new
          // version is too old as well does it take a back-off.
          log.debug({ path }, 'version expired, listing again')
          if (expired++ > 0) await clock.sleep(backoffMs(expired, random), stopping.signal)
        } else await pause(thrown)
      }
    }
  }

  return {
    synced: synced.promise,
    get isSynced() {
      return isSynced
    },
    get state() {
      return state
    },
    get failure() {
      return lastFailure
    },
    get ageMs() {
      return monotonicMs() - aliveAt
    },
    get size() {
      return entries.size
    },
    get: key => entries.get(key)?.value,
    *values() {
      for (const entry of entries.values()) yield entry.value
    },
    *entries() {
      for (const [key, entry] of entries) yield [key, entry.value] as [string, T]
    },
    start() {
      running ??= run().catch(thrown => {
        stopping.abort()
        const cause = thrown instanceof CallbackError ? thrown.cause : thrown
        state = 'broken'
        log.error({ path, state, because: messageOf(cause) }, `${path} is no longer followed`)
        options.onFailure(cause)
      })
    },
    async stop() {
      stopping.abort()
      await running
      if (state !== 'broken') become('stopped')
    },
  }
}

/** The version is still good: only the connection or the server's momentary state was not. */
function mayWatchAgain(thrown: unknown): boolean {
  return thrown instanceof Unanswered || (thrown instanceof ApiError && (thrown.status === 429 || thrown.status >= 500))
}
