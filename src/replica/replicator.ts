/** Owns the way from the outbox to the FloatingIP objects: the newest state of each address, many addresses at once. */
import type { Allocation } from '../domain/allocation.ts'
import { type Address, parseAddress } from '../ip/address.ts'
import type { FloatingIpFact } from '../kube/floatingip.ts'
import type { ObjectStore, Version } from '../kube/object-store.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { present } from '../lib/assert.ts'
import type { Clock } from '../lib/clock.ts'
import { Fault, messageOf } from '../lib/fault.ts'
import type { Log } from '../lib/log.ts'

/** Addresses written at once: an API server beside us answers in 5 ms, so 32 give some 6,000 writes a second. */
const LANES = 32
const RETRY_FIRST_MS = 100
const RETRY_MOST_MS = 10_000

/** What to do about an object that somebody else made or changed. */
export type Verdict = 'overwrite' | 'withdrawn'

export interface Replicator {
  /** The object of this address as the cluster was found to have it at start-up. */
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

export interface ReplicatorParts {
  readonly ledger: Ledger
  readonly objects: ObjectStore
  readonly clock: Clock
  readonly log: Log
  readonly random: () => number
  /** Asked in the step in which a write leaves. */
  isLeader(): boolean
  /** Asked of the Lease itself before a foreign object is judged: it may be the next leader's. */
  stillLeads(): Promise<boolean>
  /** An address's object is up to date, so long after the change was committed. */
  readonly onWritten?: (ms: number) => void
  readonly onFailed?: () => void
  /** Decides about a foreign object, on the ground of quorum reads. */
  judge(row: Allocation | null, foreign: FloatingIpFact): Promise<Verdict>
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
  running: boolean
  /** Stands in `ready` (or `urgent`, or both), and is to be written from there once. */
  queued: boolean
  /** Monotonic: since when something of it is not written. */
  sinceMs: number
  waiters: Waiter[]
}

/** Our knowledge of one object: its version; null: there is none; undefined: look first. */
type Known = Version | null | undefined

export function replicatorOf(parts: ReplicatorParts): Replicator {
  const { ledger, objects, clock, log, random, isLeader, stillLeads, judge } = parts
  const known = new Map<string, Known>()
  /** Objects last seen with the label `reserved`: never deleted by us (R23), so looked at before each write. */
  const labelled = new Set<string>()
  const lanes = new Map<string, Lane>()
  const ready: Lane[] = []
  /** Somebody waits for these: a bind must not stand behind a takeover of thousands. */
  const urgent: Lane[] = []
  let running = 0
  let started = false
  const stopping = new AbortController()
  let idle: (() => void) | null = null

  ledger.onCommit(changes => {
    for (const { address, revision } of changes) enqueue(address, revision)
  })

  function enqueue(address: Address, revision: number): Lane {
    const sinceMs = performance.now()
    const lane = lanes.get(address.text) ?? {
      ...{ address, revision, sinceMs, waiters: [] },
      ...{ failures: 0, running: false, queued: false },
    }
    lane.revision = Math.max(lane.revision, revision)
    if (!lanes.has(address.text)) {
      lanes.set(address.text, lane)
      queue(lane)
    }
    pump()
    return lane
  }

  function queue(lane: Lane): void {
    lane.queued = true
    ready.push(lane)
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
      if (!lane.queued) continue
      lane.queued = false
      running++
      lane.running = true
      void drain(lane).finally(() => {
        running--
        pump()
        if (running === 0) idle?.()
      })
    }
  }

  /** Writes one address until its newest state is acknowledged, or asks for a later try. */
  async function drain(lane: Lane): Promise<void> {
    const row = ledger.read(view => view.at(lane.address))
    const revision = lane.revision
    try {
      const verdict = await write(lane.address, row)
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
      const wait = Math.min(RETRY_MOST_MS, RETRY_FIRST_MS * 2 ** Math.min(lane.failures, 10)) * (0.5 + random() / 2)
      void clock.sleep(wait, stopping.signal).then(() => {
        queue(lane)
        pump()
      })
    }
  }

  function settle(lane: Lane, revision: number, error: Fault | null): void {
    const done = lane.waiters.filter(waiter => waiter.revision <= revision)
    lane.waiters = lane.waiters.filter(waiter => waiter.revision > revision)
    for (const waiter of done) error === null ? waiter.resolve() : waiter.reject(error)
    if (lane.revision > revision) {
      lane.sinceMs = performance.now()
      queue(lane)
    } else lanes.delete(lane.address.text)
  }

  /** One write by compare-and-swap on the version that we know; a conflict is looked into and never forced blindly. */
  async function write(address: Address, row: Allocation | null): Promise<Verdict> {
    const key = address.text
    // What an administrator keeps out of circulation by an object of theirs is not ours to write.
    if (row?.blocked && row.reservation === null) return 'overwrite'
    const remembered = labelled.has(key) ? undefined : known.has(key) ? known.get(key) : null
    const version = remembered === undefined ? await look(address, row) : remembered
    if (version === 'withdrawn') return 'withdrawn'
    if (!isLeader()) throw new Fault('this floatip does not lead any more', { retryable: true })
    known.set(key, undefined) // until the answer is in, nobody knows
    if (row === null) {
      if (version !== null && !(await objects.remove(address, version))) return lookAgain(address, row)
      known.delete(key)
      return 'overwrite'
    }
    const written = version === null ? await objects.create(row) : await objects.update(row, version)
    if (written === null) return lookAgain(address, row)
    known.set(key, written)
    return 'overwrite'
  }

  async function lookAgain(address: Address, row: Allocation | null): Promise<Verdict> {
    const version = await look(address, row)
    if (version === 'withdrawn') return 'withdrawn'
    known.set(address.text, version)
    throw new Fault(`the FloatingIP object of ${address.text} was changed by somebody else`, { retryable: true })
  }

  /** The version on which the next write may rest, after a quorum read of the object and, if it is foreign, a verdict. */
  async function look(address: Address, row: Allocation | null): Promise<Version | null | 'withdrawn'> {
    const fact = await objects.get(address)
    if (fact?.reserved) labelled.add(address.text)
    else labelled.delete(address.text)
    if (fact === null) return null
    if (row !== null && objects.agrees(fact, row)) return fact
    if (!(await stillLeads())) throw new Fault('this floatip does not lead any more', { retryable: true })
    if ((await judge(row, fact)) === 'overwrite') return fact
    // An administrator keeps what its owner has let go: the object says so (R23).
    const cleared = row === null && fact.reserved && fact.owner !== null ? await objects.disown(address, fact) : null
    known.set(address.text, cleared ?? fact)
    return 'withdrawn'
  }

  return {
    seen(fact) {
      if (fact.address === null) return
      known.set(fact.address.text, { uid: fact.uid, resourceVersion: fact.resourceVersion })
      if (fact.reserved) labelled.add(fact.address.text)
    },
    agrees: objects.agrees,
    confirmed(address, revision) {
      const lane = lanes.get(address.text)
      if (lane === undefined || lane.running || lane.revision !== revision) return
      lane.queued = false
      ledger.acknowledge(address.text, revision)
      settle(lane, revision, null)
    },
    recheck(address, revision) {
      known.set(address.text, undefined)
      enqueue(address, revision)
    },
    forget(address) {
      known.delete(address.text)
    },
    isBusy: address => lanes.has(address.text),
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
        if (lane.queued) urgent.push(lane)
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
      if (running > 0)
        await new Promise<void>(resolve => {
          idle = resolve
        })
    },
  }
}
