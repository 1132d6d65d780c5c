/** Owns leadership: whether this process may decide, by a Lease that it renews and that others take over when it does not. */
import type { CallLimits, LeaseStore } from '../kube/lease.ts'
import type { LeaseRecord, LeaseWrite } from '../kube/lease-record.ts'
import { assert } from '../lib/assert.ts'
import type { Clock, WallMs } from '../lib/clock.ts'
import { Fault } from '../lib/fault.ts'
import type { Log } from '../lib/log.ts'
import { elderLocksOf, expiredTexts } from './elder-locks.ts'
import type { Leadership, LeadershipCallbacks } from './leadership-port.ts'
import { callWithin } from './lease-call.ts'
import { observationOf, RELEASED_MS } from './lease-observation.ts'
import { type LeaseTiming, safeForMs } from './lease-timing.ts'

export interface LeadershipParts {
  readonly store: LeaseStore
  readonly clock: Clock
  readonly monotonicMs: () => number
  readonly random: () => number
  readonly log: Log
  /** Of this process alone: `<hostname>_<uuid>`. */
  readonly identity: string
  readonly timing: LeaseTiming
}

interface Held {
  /** When the request was sent that last renewed it: whoever saw its effect saw it later, and waits a whole lease from there. */
  readonly since: { readonly monotonic: number; readonly wall: WallMs }
  readonly version: string
  readonly term: number
}

/** client-go's: candidates wait up to 1 + 1.2 retry periods, so that they do not all come at once. */
const JITTER = 1.2
/** After a failure the deadline runs: come again sooner than every retry period, but not in a loop. */
const HURRY = 0.25
/** A conflict on release comes from a renewal of ours that arrived late. */
const RELEASES_MAX = 3

export function leadershipOn(parts: LeadershipParts): Leadership {
  const { store, clock, monotonicMs, random, log, identity, timing } = parts
  const { leaseMs, renewMs, retryMs } = timing
  const lease = observationOf(leaseMs)
  const elders = elderLocksOf(leaseMs)
  const ending = new AbortController()
  let phase: 'new' | 'waiting' | 'leading' | 'over' = 'new'
  let held: Held | null = null
  let leader = ''
  let standing = `${store.where} has not been read yet`
  let running: Promise<void> = Promise.resolve()
  let lose: (why: string) => void = () => {}

  const now = (): Held['since'] => ({ monotonic: monotonicMs(), wall: clock.now() })

  /** Age is the larger of both clocks' (R38): monotonic time stands still while a machine sleeps, wall time can be set back. */
  const ageMs = ({ since }: Held) => Math.max(monotonicMs() - since.monotonic, clock.now() - since.wall)
  const leftMs = () => (held === null ? 0 : renewMs - ageMs(held))
  const isLeader = () => phase === 'leading' && leftMs() > 0

  function end(): void {
    phase = 'over'
    ending.abort()
  }

  function leads(who: string, where: string): void {
    if (leader !== who) log.info({ leader: who, where }, 'another one leads, waiting')
    leader = who
    standing = `leadership: ${who || 'somebody without a name'} leads (${where})`
  }

  function troubled(error: Fault): void {
    const text = `leadership: ${error.message}`
    if (text !== standing) log.warn({ err: error.message }, 'leader election does not get on')
    standing = text
  }

  function call<T>(work: (limits: CallLimits) => Promise<T>, signal = ending.signal): Promise<T> {
    const timeoutMs = phase === 'leading' ? Math.max(1, Math.min(leftMs(), renewMs / 2)) : renewMs / 2
    return callWithin(clock, timeoutMs, signal, work)
  }

  function writeOf(since: Held['since'], term: number, anew: readonly string[] | null): LeaseWrite {
    const acquiredAt = anew === null ? null : since.wall
    const { wall: renewedAt } = since
    return { holder: identity, durationMs: leaseMs, transitions: term, renewedAt, acquiredAt, expiredLocks: anew }
  }

  async function attempt(): Promise<Held | null> {
    const [record, sightings] = await Promise.all([
      call(limits => store.read(limits)),
      call(limits => store.elders(limits)),
    ])
    if (phase !== 'waiting') return null
    const at = monotonicMs()
    lease.see(record, at)
    const elder = elders.living(sightings, at, record?.expiredLocks ?? [])
    // Ours without our knowing: an answer got lost.
    const ours = record !== null && record.holder === identity
    if (!ours && lease.heldForMs(at) > 0) leads(lease.holder, store.where)
    else if (elder !== null) leads(elder.holder, `an older galaxy-ipam, ${elder.where}`)
    else return take(record, ours, expiredTexts(sightings))
    return null
  }

  async function take(record: LeaseRecord | null, ours: boolean, expired: readonly string[]): Promise<Held | null> {
    const since = now()
    const term = record === null ? 0 : ours ? record.transitions : record.transitions + 1
    const write = writeOf(since, term, expired)
    const version = record?.resourceVersion
    const written = await call(limits =>
      version === undefined ? store.create(write, limits) : store.update(write, version, limits),
    )
    return written === null ? null : { since, version: written.resourceVersion, term }
  }

  /** Null: stopped before. */
  async function acquire(): Promise<Held | null> {
    for (;;) {
      try {
        held = await attempt()
      } catch (error) {
        if (!(error instanceof Fault)) throw error
        if (phase === 'waiting') troubled(error)
      }
      if (phase !== 'waiting') return null
      // An answer that took too long gives no leadership; the record is ours, and the next attempt finds it so.
      if (held !== null && leftMs() > 0) return held
      held = null
      await clock.sleep(retryMs * (1 + random() * JITTER), ending.signal)
      if (phase !== 'waiting') return null
    }
  }

  async function elect({ started, lost }: LeadershipCallbacks): Promise<void> {
    const won = await acquire()
    if (won === null || phase !== 'waiting') return
    phase = 'leading'
    leader = identity
    standing = 'leadership: ours'
    log.info({ identity, term: won.term }, 'leading')
    lose = why => {
      if (phase !== 'leading') return
      end()
      standing = `leadership: lost: ${why}`
      log.error({ identity, term: won.term, why }, 'leadership lost')
      lost(why)
    }
    started(won.term)
    await Promise.all([keep(), watchElders()])
  }

  /** Renews every retry period; loses when that did not succeed in time, before anyone else can have taken over. */
  async function keep(): Promise<void> {
    let began = held?.since.monotonic ?? 0
    let failure = ''
    while (phase === 'leading') {
      const rest = began + retryMs - monotonicMs()
      await clock.sleep(Math.min(leftMs(), Math.max(rest, failure === '' ? 0 : retryMs * HURRY)), ending.signal)
      if (phase !== 'leading') return
      if (leftMs() <= 0) return lose(`not renewed within ${renewMs / 1000} s${failure && `: ${failure}`}`)
      began = monotonicMs()
      try {
        await renew()
        failure = ''
      } catch (error) {
        if (!(error instanceof Fault)) throw error
        if (failure === '' && !ending.signal.aborted) log.warn({ err: error.message }, 'the Lease was not renewed')
        failure = error.message
      }
    }
  }

  function isTaken({ holder }: LeaseRecord): boolean {
    if (holder === identity) return false
    leader = holder
    lose(holder === '' ? 'the Lease was released by somebody else' : `${holder} took the Lease`)
    return true
  }

  async function stillLeads(): Promise<boolean> {
    if (!isLeader()) return false
    const record = await call(limits => store.read(limits))
    return isLeader() && (record === null || !isTaken(record))
  }

  async function renew(): Promise<void> {
    const base = held
    if (base === null) return
    const since = now()
    const written = await call(limits => store.update(writeOf(since, base.term, null), base.version, limits))
    if (written !== null) return renewed({ ...base, since, version: written.resourceVersion })
    // Somebody wrote it, perhaps we ourselves in a request whose answer was lost: read again.
    const record = await call(limits => store.read(limits))
    if (record === null) return await restore(base)
    lease.see(record, monotonicMs())
    if (isTaken(record)) return
    renewed({ ...base, version: record.resourceVersion })
    throw new Fault(`${store.where} was written by somebody else`, { retryable: true })
  }

  /** Deleted: create it again, under the same term, unless somebody was faster. */
  async function restore(base: Held): Promise<void> {
    const since = now()
    const written = await call(limits => store.create(writeOf(since, base.term, []), limits))
    if (written === null)
      throw new Fault(`${store.where} was deleted and created by somebody else`, { retryable: true })
    renewed({ ...base, since, version: written.resourceVersion })
  }

  /** A renewal whose answer came after the deadline renews nothing: what was lost stays lost. */
  function renewed(next: Held): void {
    if (phase === 'leading' && leftMs() > 0) held = next
  }

  /** An older galaxy-ipam knows nothing of our Lease: if one takes office beside us, we leave. */
  async function watchElders(): Promise<void> {
    while (phase === 'leading') {
      const sightings = await call(limits => store.elders(limits)).catch(error => {
        if (!(error instanceof Fault)) throw error
        return []
      })
      const found = elders.newcomer(sightings)
      if (found !== null && phase === 'leading') {
        leader = found.holder
        return lose(`${found.holder} leads by ${found.where}: an older galaxy-ipam runs beside us`)
      }
      await clock.sleep(retryMs, ending.signal)
    }
  }

  async function release(): Promise<void> {
    const ran = phase !== 'new'
    end()
    await running.catch(() => {})
    if (!ran) return
    const { signal } = new AbortController()
    try {
      for (let round = 1; round <= RELEASES_MAX; round++) {
        const record = await call(limits => store.read(limits), signal)
        if (record === null || record.holder !== identity) return
        const write = { ...writeOf(now(), record.transitions, null), holder: '', durationMs: RELEASED_MS }
        if ((await call(limits => store.update(write, record.resourceVersion, limits), signal)) !== null) {
          leader = ''
          return log.info({ identity, term: record.transitions }, 'leadership released')
        }
      }
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      log.warn({ err: error.message }, 'leadership not released: a successor waits until the Lease has expired')
    }
  }

  return {
    isLeader,
    stillLeads,
    safeForMs: () => (held === null || !isLeader() ? 0 : safeForMs(timing, ageMs(held))),
    get leader() {
      return leader
    },
    get standing() {
      return standing
    },
    get term() {
      return held?.term ?? 0
    },
    run(callbacks, signal) {
      assert(phase === 'new', 'leadership runs once')
      phase = 'waiting'
      signal.addEventListener('abort', end)
      if (signal.aborted) end()
      running = elect(callbacks).finally(() => {
        end()
        signal.removeEventListener('abort', end)
      })
      return running
    },
    release,
  }
}
