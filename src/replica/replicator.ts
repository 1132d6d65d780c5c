/** Owns the way from the outbox to the FloatingIP objects: which address is written when, many at once, and who hears of it. */
import type { Allocation } from '../domain/allocation.ts'
import { type Address, parseAddress } from '../ip/address.ts'
import type { FloatingIpFact } from '../kube/floatingip.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { present } from '../lib/assert.ts'
import type { Clock } from '../lib/clock.ts'
import { Fault, messageOf } from '../lib/fault.ts'
import type { Log } from '../lib/log.ts'
import { type WriteParts, writesOn } from './writes.ts'

/** Addresses written at once: an API server beside us answers in 5 ms, so 32 give some 6,000 writes a second. */
const LANES = 32
const RETRY_FIRST_MS = 100
const RETRY_MOST_MS = 10_000
/** While somebody waits: the scheduler gives a bind 5 s, and an API server that is back should be found well within them. */
const AWAITED_MOST_MS = 1_000

export interface Replicator {
  /** The object of this address as the cluster has it: what is written next rests on it; what waits already only where it is still as it was before that. */
  seen(fact: FloatingIpFact): void
  /** True when the object says what the row says. */
  agrees(fact: FloatingIpFact, row: Allocation): boolean
  /** The object, as it was just seen, says what this revision says: nothing is to be written. */
  confirmed(address: Address, revision: number): void
  /** The object is not as we wrote it, or is missing: look, judge, and write again. */
  recheck(address: Address, revision: number): void
  /** There is no object of this address. */
  forget(address: Address): void
  /** A write of this address is under way or waits. */
  isBusy(address: Address): boolean
  /** Called whenever an address is busy no more. */
  onDone(listener: (address: Address) => void): void
  /** Writes what the outbox holds and nobody is writing: a commit whose answer was lost told nobody of its changes. */
  sweep(): void
  /** Begins to write: what the outbox holds, and all that comes. */
  start(): void
  /** Resolves when the cluster has this address at this revision or a newer one; rejects when our claim was withdrawn. */
  acknowledged(address: Address, revision: number): Promise<void>
  /** Addresses whose newest state is not written yet. */
  readonly pending: number
  /** For how long the one that waits longest has waited; 0: none waits. */
  oldestMs(): number
  /** Resolves when nothing is under way any more; no new write begins. */
  stop(): Promise<void>
}

export interface ReplicatorParts extends WriteParts {
  readonly ledger: Ledger
  readonly clock: Clock
  readonly log: Log
  readonly random: () => number
  /** An address's object is up to date, so long after the change was committed. */
  readonly onWritten?: (ms: number) => void
  readonly onFailed?: () => void
}

/** `--replicate=off`: SQLite alone; every state counts as acknowledged. */
export function noReplication(ledger: Ledger): Replicator {
  ledger.onCommit(changes => {
    for (const { address, revision } of changes) ledger.acknowledge(address.text, revision)
  })
  return {
    seen() {},
    agrees: () => true,
    confirmed() {},
    recheck() {},
    forget() {},
    isBusy: () => false,
    onDone() {},
    sweep() {},
    start() {},
    acknowledged: () => Promise.resolve(),
    pending: 0,
    oldestMs: () => 0,
    stop: () => Promise.resolve(),
  }
}

interface Waiter {
  readonly revision: number
  resolve(): void
  reject(error: unknown): void
}

interface Lane {
  readonly address: Address
  /** The revision to be written, at least. */
  revision: number
  failures: number
  /** queued: stands in `ready` or `urgent` or both, and is to be written from there once · resting: after a failure · over: done. */
  state: 'queued' | 'writing' | 'resting' | 'over'
  /** Cuts the rest short. */
  rest: AbortController
  /** The row before the first change that it writes; null: there was none, or nobody knows. */
  readonly before: Allocation | null
  /** Something of it has left for the API server: what was seen of its object before tells nothing any more. */
  sent: boolean
  /** Monotonic: since when something of it is not written. */
  sinceMs: number
  waiters: Waiter[]
}

export function replicatorOf(parts: ReplicatorParts): Replicator {
  const { ledger, objects, clock, log, random } = parts
  const writes = writesOn(parts)
  const lanes = new Map<string, Lane>()
  const ready: Lane[] = []
  /** Somebody waits for these: a bind must not stand behind a takeover of thousands. */
  const urgent: Lane[] = []
  const listeners: ((address: Address) => void)[] = []
  /** As seen where the row said otherwise, and nothing of ours was under way. */
  const unlike = new Map<string, FloatingIpFact>()
  let running = 0
  let started = false
  const stopping = new AbortController()
  let idle: (() => void) | null = null

  ledger.onCommit(changes => {
    for (const { address, revision, before } of changes) enqueue(address, revision, before)
  })

  function enqueue(address: Address, revision: number, before: Allocation | null = null): Lane {
    const known = lanes.get(address.text)
    const lane = known ?? begun(address, revision, before)
    lane.revision = Math.max(lane.revision, revision)
    if (known === undefined) {
      lookIfUnlike(address)
      lanes.set(address.text, lane)
      queue(lane)
    }
    pump()
    return lane
  }

  /** Somebody else's object, seen and not judged yet, is the ground of its own adoption only (R27). */
  function lookIfUnlike(address: Address): void {
    const fact = unlike.get(address.text)
    if (fact === undefined) return
    unlike.delete(address.text)
    const row = ledger.read(view => view.at(address))
    if (row === null || !objects.agrees(fact, row)) writes.doubt(address)
  }

  function queue(lane: Lane): void {
    lane.state = 'queued'
    const line = lane.waiters.length > 0 ? urgent : ready
    line.push(lane)
  }

  /** Somebody waits for it from now on. */
  function hurry(lane: Lane): void {
    if (lane.state === 'queued') urgent.push(lane)
    else if (lane.state === 'resting') lane.rest.abort()
  }

  function sweep(): void {
    for (const { address, revision } of ledger.outbox()) {
      if (!lanes.has(address)) enqueue(present(parseAddress(address), address), revision)
    }
  }

  function pump(): void {
    while (started && !stopping.signal.aborted && running < LANES) {
      const lane = urgent.shift() ?? ready.shift()
      if (lane === undefined) break
      if (lane.state !== 'queued') continue
      lane.state = 'writing'
      lane.sent = true
      running++
      void drain(lane).finally(() => {
        running--
        pump()
        if (running === 0) idle?.()
      })
    }
  }

  /** Writes one address until its newest state is acknowledged, or asks for a later try. */
  async function drain(lane: Lane): Promise<void> {
    const revision = lane.revision
    try {
      // The disk may have failed, and not be read back yet.
      const row = ledger.read(view => view.at(lane.address))
      const verdict = await writes.write(lane.address, row)
      lane.failures = 0
      if (verdict === 'withdrawn')
        return settle(lane, revision, new Fault('its FloatingIP object belongs to somebody else', { retryable: true }))
      ledger.acknowledge(lane.address.text, revision)
      parts.onWritten?.(performance.now() - lane.sinceMs)
      settle(lane, revision, null)
    } catch (error) {
      lane.failures++
      parts.onFailed?.()
      if (lane.failures === 1)
        log.warn({ ip: lane.address.text, err: messageOf(error) }, 'FloatingIP object not written, will retry')
      rest(lane)
    }
  }

  function rest(lane: Lane): void {
    lane.state = 'resting'
    lane.rest = new AbortController()
    const most = lane.waiters.length > 0 ? AWAITED_MOST_MS : RETRY_MOST_MS
    const ms = Math.min(most, RETRY_FIRST_MS * 2 ** Math.min(lane.failures, 10)) * (0.5 + random() / 2)
    void clock.sleep(ms, lane.rest.signal).then(() => {
      queue(lane)
      pump()
    })
  }

  function settle(lane: Lane, revision: number, error: Fault | null): void {
    const done = lane.waiters.filter(waiter => waiter.revision <= revision)
    lane.waiters = lane.waiters.filter(waiter => waiter.revision > revision)
    for (const waiter of done) error === null ? waiter.resolve() : waiter.reject(error)
    if (lane.revision > revision) {
      lane.sinceMs = performance.now()
      queue(lane)
      return
    }
    lane.state = 'over'
    lanes.delete(lane.address.text)
    for (const listener of listeners) listener(lane.address)
  }

  return {
    seen(fact) {
      const { address } = fact
      if (address === null) return
      const lane = lanes.get(address.text)
      if (lane?.sent) return
      const row = lane === undefined ? ledger.read(view => view.at(address)) : lane.before
      const isLike = row !== null && objects.agrees(fact, row)
      // Decided before we saw it: somebody else's object would be taken away, or written over, without a verdict (R27).
      if (lane !== undefined && !isLike) return writes.doubt(address)
      writes.seen(fact)
      if (isLike) unlike.delete(address.text)
      else unlike.set(address.text, fact)
    },
    agrees: objects.agrees,
    confirmed(address, revision) {
      const lane = lanes.get(address.text)
      if (lane === undefined || lane.sent || lane.revision !== revision) return
      ledger.acknowledge(address.text, revision)
      settle(lane, revision, null)
    },
    recheck(address, revision) {
      writes.doubt(address)
      enqueue(address, revision)
    },
    forget(address) {
      unlike.delete(address.text)
      writes.forget(address)
    },
    isBusy: address => lanes.has(address.text),
    onDone: listener => void listeners.push(listener),
    sweep,
    start() {
      started = true
      sweep()
      pump()
    },
    acknowledged(address, revision) {
      return new Promise((resolve, reject) => {
        const lane = enqueue(address, revision)
        lane.waiters.push({ revision, resolve, reject })
        hurry(lane)
        pump()
      })
    },
    get pending() {
      return lanes.size
    },
    oldestMs() {
      let since = performance.now()
      const now = since
      for (const lane of lanes.values()) if (lane.sinceMs < since) since = lane.sinceMs
      return now - since
    },
    async stop() {
      stopping.abort()
      for (const lane of lanes.values()) lane.rest.abort()
      if (running > 0)
        await new Promise<void>(resolve => {
          idle = resolve
        })
    },
  }
}

function begun(address: Address, revision: number, before: Allocation | null): Lane {
  const sinceMs = performance.now()
  return {
    ...{ address, revision, before, sinceMs, waiters: [] },
    ...{ failures: 0, state: 'queued', rest: new AbortController(), sent: false },
  }
}
