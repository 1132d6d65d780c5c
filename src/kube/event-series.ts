/** Owns which of the things said become Event objects: the same again counts up, many alike are put together, and nobody is talked about for ever (client-go's EventCorrelator). */
import type { WallMs } from '../lib/clock.ts'

/** The object that the Event is about. */
export interface Regarding {
  readonly apiVersion: string
  readonly kind: string
  /** Empty: not in a namespace. */
  readonly namespace: string
  readonly name: string
  readonly uid?: string
}

export type EventType = 'Normal' | 'Warning'

export interface Said {
  readonly regarding: Regarding
  readonly type: EventType
  readonly reason: string
  readonly message: string
}

/** One Event object: what was said of one thing, how often and when. */
export interface Series {
  readonly said: Said
  /** Of the object; unique, for it begins with the name and ends with the time. */
  readonly name: string
  message: string
  count: number
  readonly firstAt: WallMs
  lastAt: WallMs
  /** True once the API server has it. */
  written: boolean
}

export interface AllSeries {
  /** Null: too much was said of this object lately. */
  observe(said: Said, at: WallMs): Series | null
}

/** client-go's numbers. In so many ms the same is the same; more different messages of one reason than so many are put together. */
const SAME_FOR_MS = 10 * 60_000
const ALIKE_MAX = 10
/** Of one object: so many at once, then one in five minutes. */
const BURST = 25
const REFILL_MS = 5 * 60_000
/** Objects and texts that are remembered, the ones used last. */
const REMEMBERED_MAX = 4_096

interface Alike {
  readonly messages: Set<string>
  lastAt: WallMs
}

interface Bucket {
  tokens: number
  at: WallMs
}

export function allSeries(): AllSeries {
  const series = recent<Series>()
  const alike = recent<Alike>()
  const buckets = recent<Bucket>()
  let serial = 0

  /** Beyond ten different texts in ten minutes one Event stands for all of them, and says the newest. */
  function isOneOfMany({ message }: Said, aggregate: string, at: WallMs): boolean {
    const known = alike.get(aggregate)
    const one =
      known === undefined || at - known.lastAt > SAME_FOR_MS ? { messages: new Set<string>(), lastAt: at } : known
    one.lastAt = at
    one.messages.add(message)
    alike.put(aggregate, one)
    if (one.messages.size < ALIKE_MAX) return false
    const [oldest] = one.messages
    if (oldest !== undefined) one.messages.delete(oldest)
    return true
  }

  function mayBeSaid(object: string, at: WallMs): boolean {
    const bucket = buckets.get(object) ?? { tokens: BURST, at }
    const refilled = Math.min(BURST, bucket.tokens + Math.max(0, at - bucket.at) / REFILL_MS)
    const may = refilled >= 1
    buckets.put(object, { tokens: may ? refilled - 1 : refilled, at })
    return may
  }

  return {
    observe(said, at) {
      const { regarding, type, reason } = said
      const { apiVersion, kind, namespace, name, uid = '' } = regarding
      const object = [apiVersion, kind, namespace, name, uid].join('\n')
      const aggregate = [object, type, reason].join('\n')
      const many = isOneOfMany(said, aggregate, at)
      const key = many ? aggregate : `${aggregate}\n${said.message}`
      const known = series.get(key)
      const fresh = known === undefined || at - known.lastAt > SAME_FOR_MS
      const mine: Series = fresh ? begun(said, at, ++serial) : known
      if (!fresh) {
        mine.count++
        mine.lastAt = at
      }
      mine.message = many ? `(combined from similar events): ${said.message}` : said.message
      series.put(key, mine)
      return mayBeSaid(object, at) ? mine : null
    },
  }
}

function begun(said: Said, at: WallMs, serial: number): Series {
  // As client-go: the object's name and the time in nanoseconds; the name cut so that both fit into 253 characters.
  const stamp = (BigInt(at) * 1_000_000n + BigInt(serial % 1_000_000)).toString(16)
  const name = `${said.regarding.name.slice(0, 230).replace(/[-.]+$/, '')}.${stamp}`
  return { said, name, message: said.message, count: 1, firstAt: at, lastAt: at, written: false }
}

/** A map that forgets what was not used for longest. */
function recent<T>() {
  const entries = new Map<string, T>()
  return {
    get: (key: string) => entries.get(key),
    put(key: string, value: T): void {
      entries.delete(key)
      entries.set(key, value)
      const [oldest] = entries.keys()
      if (entries.size > REMEMBERED_MAX && oldest !== undefined) entries.delete(oldest)
    },
  }
}
