/** Owns Events: what a person should see in `kubectl describe`, said once and not in a loop. */
import type { Clock, WallMs } from '../lib/clock.ts'
import { messageOf } from '../lib/fault.ts'
import type { Log } from '../lib/log.ts'
import type { Transport } from './transport.ts'

/** The object that the Event is about. */
export interface Regarding {
  readonly apiVersion: string
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly uid?: string
}

export interface Events {
  /** Never throws and never waits: an Event that is lost harms nobody. */
  warn(regarding: Regarding, reason: string, message: string): void
}

/** The same said of the same object is not said again for so long: Kubernetes keeps Events for an hour. */
const SAID_FOR_MS = 30 * 60_000
/** In any ten seconds: 500 pods with one mistake make as many Events, in time. */
const WINDOW_MS = 10_000
const WINDOW_MOST = 100

export interface EventsParts {
  readonly clock: Clock
  readonly log: Log
  /** One was not written: too many at once, or the API server failed. */
  readonly onDropped?: (why: 'limit' | 'failed') => void
}

export function eventsOn(transport: Transport, { clock, log, onDropped }: EventsParts): Events {
  const said = new Map<string, WallMs>()
  let windowStart = 0
  let inWindow = 0

  function mayBeSaid(key: string, now: WallMs): boolean {
    if (now - (said.get(key) ?? Number.NEGATIVE_INFINITY) < SAID_FOR_MS) return false
    if (now - windowStart > WINDOW_MS) {
      windowStart = now
      inWindow = 0
      for (const [old, at] of said) if (now - at > SAID_FOR_MS) said.delete(old)
    }
    if (++inWindow > WINDOW_MOST) {
      onDropped?.('limit')
      return false
    }
    said.set(key, now)
    return true
  }

  return {
    warn(regarding, reason, message) {
      const { namespace, name } = regarding
      const now = clock.now()
      if (!mayBeSaid([regarding.kind, namespace, name, regarding.uid ?? '', reason, message].join('\n'), now)) return
      const at = new Date(now).toISOString().replace(/\.\d+Z$/, 'Z')
      const body = {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { generateName: `${name}.`, namespace },
        involvedObject: regarding,
        type: 'Warning',
        ...{ reason, message, count: 1, firstTimestamp: at, lastTimestamp: at },
        source: { component: 'floatip' },
      }
      const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/events`
      transport.request({ method: 'POST', path, body }).catch(error => {
        onDropped?.('failed')
        log.debug({ reason, about: `${namespace}/${name}`, err: messageOf(error) }, 'an Event was not written')
      })
    },
  }
}
