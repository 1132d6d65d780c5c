/** Owns reservations over HTTP: made all or none and answered once replicated (R34), ended by their time or by a person, over restarts too. */
import type { Allocation } from '../domain/allocation.ts'
import type { Committed } from '../domain/change.ts'
import type { Owner } from '../domain/owner.ts'
import { isRefusal, type Refusal } from '../domain/refusal.ts'
import { BLOCKING_OWNER, type Reservation } from '../domain/reservation.ts'
import { type Address, compareAddresses, parseAddress } from '../ip/address.ts'
import type { RangeSet } from '../ip/range.ts'
import type { WallMs } from '../lib/clock.ts'
import { Fault, messageOf } from '../lib/fault.ts'
import { inTime } from './in-time.ts'
import type { Ports } from './ports.ts'
import { REPLICATED_WITHIN_MS } from './replicated.ts'

export interface ReservationRequest {
  /** One address for each; null: as many out of circulation as `count` says. */
  readonly owners: readonly Owner[] | null
  readonly apiVersion: string
  readonly count: number
  readonly addresses: readonly Address[] | null
  readonly within: RangeSet | null
  readonly contiguous: boolean
  readonly expiresAt: WallMs | null
  readonly note: string
}

export interface Reserved {
  readonly id: string
  /** Null: made by an object with the label `reserved` (or one that cannot be read), not over the API. */
  readonly reservation: Reservation | null
  readonly rows: readonly Allocation[]
}

export interface Reservations {
  now(): WallMs
  list(): readonly Reserved[]
  get(id: string): Reserved | null
  /** Throws a Fault when it could not be replicated in time: then nothing is reserved. */
  create(request: ReservationRequest): Promise<Reserved | Refusal>
  /** Null: there is none of this id. Throws a Fault when its end is not replicated yet. */
  end(id: string): Promise<{ readonly freed: number; readonly left: number } | null>
  /** Begins to end those whose time has come. */
  start(): void
  stop(): void
}

export interface ReservationParts {
  /** A new id each time. */
  readonly newId: () => string
}

function byAddress(a: Allocation, b: Allocation): number {
  return compareAddresses(a.address, b.address)
}

/** As our picture of the cluster has them: what is kept under their names is not let go (R11). */
export function unfinishedPods({ cluster }: Pick<Ports, 'cluster'>): ReadonlySet<string> {
  const unfinished = [...cluster.pods.values()].filter(pod => !pod.finished)
  return new Set(unfinished.map(pod => `${pod.namespace}/${pod.name}`))
}

/** Timers are looked at again at least so often: a wall clock may be set. */
const LOOK_AT_LEAST_MS = 60_000
const RETRY_MS = 5_000

export function reservationsOn(ports: Ports, { newId }: ReservationParts): Reservations {
  const { ledger, replicator, clock, log, ended } = ports
  const expiries = new Map<string, WallMs>()
  const stopping = new AbortController()
  let timer = new AbortController()
  let started = false

  function learn(rows: Iterable<Allocation | null>): void {
    let earlier = false
    for (const row of rows) {
      const reservation = row?.reservation
      if (!reservation || reservation.expiresAt === null || expiries.has(reservation.id)) continue
      expiries.set(reservation.id, reservation.expiresAt)
      earlier = true
    }
    if (earlier) arm()
  }
  ledger.onCommit(changes => learn(changes.map(({ after }) => after)))

  function arm(): void {
    timer.abort()
    timer = new AbortController()
    if (!started || stopping.signal.aborted || expiries.size === 0) return
    const next = [...expiries.values()].reduce((first, at) => Math.min(first, at))
    const { signal } = timer
    void clock.sleep(Math.min(LOOK_AT_LEAST_MS, Math.max(0, next - clock.now())), signal).then(async () => {
      if (signal.aborted || stopping.signal.aborted) return
      const now = clock.now()
      const due = [...expiries].filter(([, at]) => at <= now).map(([id]) => id)
      for (const id of due) await expire(id)
      arm()
    })
  }

  async function expire(id: string): Promise<void> {
    expiries.delete(id)
    try {
      // The ledger has it then; nobody waits for the objects, and the next reservation is due, too.
      const outcome = await endOf('expire', id, 'its reservation expired', false)
      if (outcome.freed + outcome.left > 0) log.info({ reservation: id, ...outcome }, 'a reservation expired')
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      log.warn({ reservation: id, err: messageOf(error) }, 'the end of a reservation is not booked yet, will retry')
      expiries.set(id, clock.now() + RETRY_MS)
    }
  }

  async function endOf(kind: 'unreserve' | 'expire', id: string, because: string, waits = true) {
    // Until its objects are gone: whoever sees one meanwhile must not adopt it again.
    ended.add(id)
    const unfinished = unfinishedPods(ports)
    const outcome = await ledger.submit(kind, { at: clock.now(), id, address: null, because, unfinished })
    if (isRefusal(outcome)) throw new Fault(outcome.because, { retryable: true })
    expiries.delete(id)
    const written = replicated(outcome.changes).then(() => ended.delete(id))
    if (waits) await awaited(written, `the end of reservation ${id}`)
    else written.catch(() => {})
    return outcome.answer
  }

  async function replicated(changes: readonly Committed[]): Promise<void> {
    await Promise.all(changes.map(({ address, revision }) => replicator.acknowledged(address, revision)))
  }

  async function awaited<T>(work: Promise<T>, what: string): Promise<T> {
    const first = await inTime(clock, work, REPLICATED_WITHIN_MS)
    if (first !== 'late') return first
    throw new Fault(`${what} was not replicated to the API server within ${REPLICATED_WITHIN_MS / 1000} s`, {
      retryable: true,
    })
  }

  function find(id: string): Reserved | null {
    const rows = ledger.read(view => view.ofReservation(id))
    if (rows.length > 0) return { id, reservation: rows[0]?.reservation ?? null, rows: [...rows].sort(byAddress) }
    // What an object keeps has no other name than its address.
    const address = parseAddress(id)
    const row = address === null ? null : ledger.read(view => view.at(address))
    return row?.blocked && row.reservation === null ? { id, reservation: null, rows: [row] } : null
  }

  return {
    now: () => clock.now(),
    list() {
      const byId = new Map<string, Allocation[]>()
      for (const row of ledger.read(view => [...view.rows()])) {
        const id = row.reservation?.id ?? (row.blocked ? row.address.text : null)
        if (id === null) continue
        const same = byId.get(id)
        if (same === undefined) byId.set(id, [row])
        else same.push(row)
      }
      return [...byId].map(([id, rows]) => ({
        id,
        reservation: rows[0]?.reservation ?? null,
        rows: rows.sort(byAddress),
      }))
    },

    get: find,

    async create({ owners, apiVersion, count, addresses, within, contiguous, expiresAt, note }) {
      const reservation: Reservation = { id: newId(), expiresAt, note }
      const outcome = await ledger.submit('reserve', {
        at: clock.now(),
        reservation,
        owners: owners ?? Array.from({ length: count }, () => BLOCKING_OWNER),
        apiVersion,
        blocked: owners === null,
        ...{ addresses, within, contiguous },
      })
      if (isRefusal(outcome)) return outcome
      try {
        await awaited(replicated(outcome.changes), `reservation ${reservation.id}`)
      } catch (error) {
        if (!stopping.signal.aborted) await endOf('unreserve', reservation.id, 'it could not be replicated', false)
        throw new Fault(`nothing is reserved: ${messageOf(error)}`, { retryable: true, cause: error })
      }
      return find(reservation.id) ?? { id: reservation.id, reservation, rows: [] }
    },

    async end(id) {
      if ((find(id)?.reservation ?? null) === null) return null
      const outcome = await endOf('unreserve', id, 'its reservation was ended over HTTP')
      return outcome
    },

    start() {
      started = true
      learn(ledger.read(view => [...view.rows()]))
      arm()
    },
    stop() {
      stopping.abort()
      timer.abort()
    },
  }
}
