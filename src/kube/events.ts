/** Owns Events: what a person should see in `kubectl describe`; they go last, a few at a time, and one that is lost harms nobody. */
import { hostname } from 'node:os'
import type { Clock, WallMs } from '../lib/clock.ts'
import { messageOf } from '../lib/fault.ts'
import type { Log } from '../lib/log.ts'
import { allSeries, type EventType, type Regarding, type Series } from './event-series.ts'
import { ApiError, isNotFound, mergePatch, type Transport } from './transport.ts'

export type { Regarding }

export interface Events {
  /** Said once in half an hour, however often it is called. Never throws and never waits. */
  warn(regarding: Regarding, reason: string, message: string): void
  /** Something happened: said again, it counts up. Never throws and never waits. */
  tell(regarding: Regarding, type: EventType, reason: string, message: string): void
  /** What was not written yet never is. */
  stop(): void
}

/** The same said of the same object is not said again for so long: Kubernetes keeps Events for an hour. */
const SAID_FOR_MS = 30 * 60_000
const SAID_MAX = 10_000
/**
 * One request at a time, and no more than 20 a second after the first hundred: a write costs the API server and etcd about 5 ms of CPU,
 * so ours cost a tenth of a core at most, and one of the 64 places that requests share. Five thousand pods that begin to wait at once
 * are told of in part, and within 100 s.
 */
const PER_SECOND = 20
const BURST = 100
const QUEUE_MAX = 2_000
const TIMEOUT_MS = 5_000

export interface EventsParts {
  readonly clock: Clock
  readonly log: Log
  /** One was not written: too many at once, or the API server failed. */
  readonly onDropped?: (why: 'limit' | 'failed') => void
}

/** An administrator wants none. */
export const NO_EVENTS: Events = { warn() {}, tell() {}, stop() {} }

export function eventsOn(transport: Transport, { clock, log, onDropped }: EventsParts): Events {
  const said = new Map<string, WallMs>()
  const series = allSeries()
  /** Warnings go before what is merely good to know. */
  const queues: Record<EventType, Set<Series>> = { Warning: new Set(), Normal: new Set() }
  const stopping = new AbortController()
  const pace = paceOf(clock)
  let writing = false
  let dropped = 0
  let forbidden = false

  const size = () => queues.Warning.size + queues.Normal.size

  function drop(): void {
    onDropped?.('limit')
    if (dropped++ === 0) log.warn({ waiting: QUEUE_MAX }, 'too many Events at once: some are not written')
  }

  function tell(regarding: Regarding, type: EventType, reason: string, message: string): void {
    if (stopping.signal.aborted) return
    const one = series.observe({ regarding, type, reason, message }, clock.now())
    if (one === null) {
      onDropped?.('limit')
      return
    }
    // Waiting already: then it is written with the newest count.
    if (queues[type].has(one)) return
    if (size() >= QUEUE_MAX) {
      drop()
      const [oldest] = queues.Normal
      if (type === 'Normal' || oldest === undefined) return
      queues.Normal.delete(oldest)
    }
    queues[type].add(one)
    if (!writing) void writeAll()
  }

  async function writeAll(): Promise<void> {
    writing = true
    while (size() > 0 && !stopping.signal.aborted) {
      await clock.sleep(pace.waitMs(), stopping.signal)
      // Chosen now: a warning may have come meanwhile.
      const one = next()
      if (one === undefined || stopping.signal.aborted) break
      queues[one.said.type].delete(one)
      await write(one)
    }
    writing = false
    if (dropped > 0) log.warn({ dropped }, 'Events were not written, for there were too many at once')
    dropped = 0
  }

  function next(): Series | undefined {
    const [warning] = queues.Warning
    const [normal] = queues.Normal
    return warning ?? normal
  }

  async function write(one: Series): Promise<void> {
    try {
      if (!one.written || !(await update(one))) await create(one)
      one.written = true
    } catch (error) {
      onDropped?.('failed')
      const { reason, regarding } = one.said
      log.debug({ reason, about: regarding.name, err: messageOf(error) }, 'an Event was not written')
      if (isForbidden(error) && !forbidden) {
        forbidden = true
        log.warn(
          { err: messageOf(error) },
          'Events cannot be written: allow create and patch of events, or use --events=false',
        )
      }
    }
  }

  async function create(one: Series): Promise<void> {
    await transport.request({ method: 'POST', path: pathOf(one), body: bodyOf(one), timeoutMs: TIMEOUT_MS })
  }

  /** False: it has expired, or somebody has deleted it. */
  async function update(one: Series): Promise<boolean> {
    const body = { count: one.count, lastTimestamp: timeOf(one.lastAt), message: one.message }
    const path = `${pathOf(one)}/${encodeURIComponent(one.name)}`
    try {
      await transport.request({ method: 'PATCH', path, contentType: mergePatch, body, timeoutMs: TIMEOUT_MS })
      return true
    } catch (error) {
      if (isNotFound(error, one.name)) return false
      throw error
    }
  }

  return {
    warn(regarding, reason, message) {
      const { kind, namespace, name, uid = '' } = regarding
      const key = [kind, namespace, name, uid, reason, message].join('\n')
      const now = clock.now()
      if (now - (said.get(key) ?? Number.NEGATIVE_INFINITY) < SAID_FOR_MS) return
      if (said.size >= SAID_MAX) for (const [old, at] of said) if (now - at > SAID_FOR_MS) said.delete(old)
      if (said.size >= SAID_MAX) said.clear()
      said.set(key, now)
      tell(regarding, 'Warning', reason, message)
    },
    tell,
    stop: () => stopping.abort(),
  }
}

/** A burst, then so many a second. */
function paceOf(clock: Pick<Clock, 'now'>) {
  let tokens = BURST
  let at = clock.now()
  return {
    /** Until the next one may go. */
    waitMs(): number {
      const now = clock.now()
      tokens = Math.min(BURST, tokens + (Math.max(0, now - at) * PER_SECOND) / 1_000) - 1
      at = now
      return tokens >= 0 ? 0 : Math.ceil((-tokens * 1_000) / PER_SECOND)
    },
  }
}

/** Not where the namespace itself is about to go: that forbids too, and nobody need mend it. */
function isForbidden(error: unknown): boolean {
  return error instanceof ApiError && error.status === 403 && !error.message.includes('being terminated')
}

/** What lies in no namespace is told of in `default`, as kubectl expects it. */
function pathOf({ said }: Series): string {
  return `/api/v1/namespaces/${encodeURIComponent(said.regarding.namespace || 'default')}/events`
}

function bodyOf({ said: { regarding, type, reason }, name, message, count, firstAt, lastAt }: Series) {
  const { namespace, ...named } = regarding
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name, namespace: namespace || 'default' },
    involvedObject: namespace === '' ? named : regarding,
    ...{ type, reason, message, count },
    ...{ firstTimestamp: timeOf(firstAt), lastTimestamp: timeOf(lastAt) },
    source: { component: 'floatip' },
    reportingComponent: 'floatip',
    reportingInstance: hostname(),
  }
}

/** Seconds, as metav1.Time has them. */
function timeOf(at: WallMs): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, 'Z')
}
