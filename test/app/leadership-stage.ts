/** Owns a stage in virtual time for candidates of leader election: each with clocks and pauses of its own, one API server, a network that misbehaves. */
import { expect } from 'bun:test'
import { leadershipOn } from '../../src/app/leadership.ts'
import type { Leadership } from '../../src/app/leadership-port.ts'
import type { LeaseTiming } from '../../src/app/lease-timing.ts'
import type { ElderSighting, LeaseStore } from '../../src/kube/lease.ts'
import { elderLock, type LeaseRecord, type LeaseWrite, leaseBody, leaseRecord } from '../../src/kube/lease-record.ts'
import type { Clock } from '../../src/lib/clock.ts'
import { Fault } from '../../src/lib/fault.ts'
import { silentLog } from '../../src/lib/log.ts'
import { type Random, randomOf } from '../sim/random.ts'

export const TIMING: LeaseTiming = { leaseMs: 15_000, renewMs: 10_000, retryMs: 2_000 }
/** The wall clock of the world; candidates may differ from it. */
const EPOCH = 1_800_000_000_000

/** How one call fares: on its way, on its way back, and whether it or its answer gets lost. */
export interface Fate {
  readonly thereMs: number
  readonly backMs: number
  readonly lost: 'nothing' | 'the request' | 'the answer' | 'refused'
}
export const SMOOTH: Fate = { thereMs: 3, backMs: 2, lost: 'nothing' }

export interface Candidate {
  readonly name: string
  readonly leadership: Leadership
  readonly terms: number[]
  lostBecause: string | null
  finished: boolean
  /** Until then its code does not run, though its machine's clocks do. */
  pausedUntil: number
  /** As a pause, and the monotonic clock stands still too. */
  sleepMachine(ms: number): void
  jumpWall(ms: number): void
  /** SIGKILL: nothing of it runs any more. */
  crash(): void
  crashed: boolean
  released: boolean
  /** How fast its clocks go. */
  readonly rate: number
  release(): Promise<void>
}

interface Event {
  readonly at: number
  readonly order: number
  readonly of: Candidate | null
  readonly run: () => void
  readonly cancelled: () => boolean
}

export class Stage {
  nowMs = 0
  fateOf: (candidate: Candidate) => Fate = () => SMOOTH
  elders: Record<string, string> = {}
  writes = 0
  readonly candidates: Candidate[] = []
  /** Called after each event; between two events only time passes. */
  onEvent: () => void = () => {}
  #object: {
    metadata: { name: string; uid: string; resourceVersion: string; annotations?: object }
    spec: object
  } | null = null
  #version = 0
  #events: Event[] = []
  #order = 0
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  get record(): LeaseRecord | null {
    return this.#object === null ? null : leaseRecord(this.#object as Parameters<typeof leaseRecord>[0])
  }

  deleteLease(): void {
    this.#object = null
  }

  putLease(spec: object): void {
    this.#object = { metadata: { name: 'galaxy-ipam', uid: 'u', resourceVersion: String(++this.#version) }, spec }
  }

  at(ms: number, run: () => void, of: Candidate | null = null, cancelled = () => false): void {
    this.#events.push({ at: ms, order: this.#order++, of, run, cancelled })
  }

  leaders(): Candidate[] {
    return this.candidates.filter(({ crashed, leadership }) => !crashed && leadership.isLeader())
  }

  /** Runs until virtual `endMs`. */
  async until(endMs: number): Promise<void> {
    do {
      await settled()
      this.onEvent()
    } while (this.#step(endMs))
    this.nowMs = endMs
    this.onEvent()
  }

  /** False: nothing is left to happen before `endMs`. */
  #step(endMs: number): boolean {
    for (let next = this.#next(endMs); next !== null; next = this.#next(endMs)) {
      const { of } = next
      if (next.cancelled() || of?.crashed) continue
      if (of !== null && of.pausedUntil > next.at) {
        this.#events.push({ ...next, at: of.pausedUntil, order: this.#order++ })
        continue
      }
      this.nowMs = Math.max(this.nowMs, next.at)
      next.run()
      return true
    }
    return false
  }

  #next(endMs: number): Event | null {
    let best = -1
    for (const [index, event] of this.#events.entries()) {
      const than = this.#events[best]
      if (than === undefined || event.at < than.at || (event.at === than.at && event.order < than.order)) best = index
    }
    const found = this.#events[best]
    if (found === undefined || found.at > endMs) return null
    this.#events.splice(best, 1)
    return found
  }

  /** A process that starts to run for office at once. `rate` is how fast its clocks go. */
  candidate(name: string, { rate = 1, wallOffMs = 0, timing = TIMING } = {}): Candidate {
    const stage = this
    const born = this.nowMs
    let sleptMs = 0
    let jumpedMs = wallOffMs
    const own = () => (stage.nowMs - born) * rate
    const clock: Clock = {
      now: () => Math.round(EPOCH + born + own() + jumpedMs),
      sleep: (ms, signal) =>
        new Promise(resolve => {
          if (signal?.aborted) return resolve()
          let over = false
          const done = () => {
            over = true
            signal?.removeEventListener('abort', done)
            resolve()
          }
          stage.at(stage.nowMs + Math.max(0, ms) / rate, done, candidate, () => over)
          signal?.addEventListener('abort', done)
        }),
    }
    const stopping = new AbortController()
    const candidate: Candidate = {
      name,
      leadership: leadershipOn({
        store: this.#store(() => candidate),
        clock,
        monotonicMs: () => own() - sleptMs,
        random: () => this.#random.below(1_000) / 1_000,
        log: silentLog,
        identity: name,
        timing,
      }),
      terms: [],
      lostBecause: null,
      finished: false,
      pausedUntil: 0,
      crashed: false,
      released: false,
      rate,
      sleepMachine(ms) {
        candidate.pausedUntil = Math.max(candidate.pausedUntil, stage.nowMs + ms)
        sleptMs += ms * rate
      },
      jumpWall(ms) {
        jumpedMs += ms
      },
      crash() {
        candidate.crashed = true
        stopping.abort()
      },
      release() {
        candidate.released = true
        return candidate.leadership.release()
      },
    }
    this.candidates.push(candidate)
    const { signal } = stopping
    const running = candidate.leadership.run(
      {
        started: term => void candidate.terms.push(term),
        lost(why) {
          candidate.lostBecause = why
        },
      },
      signal,
    )
    running.then(() => {
      candidate.finished = true
    })
    return candidate
  }

  #store(me: () => Candidate): LeaseStore {
    return {
      where: 'Lease kube-system/galaxy-ipam',
      read: () => this.#call(me(), () => this.record),
      elders: () => this.#call(me(), () => this.#sightings()),
      create: write => this.#call(me(), () => (this.#object === null ? this.#write(write) : null)),
      update: (write, version) =>
        this.#call(me(), () => (this.#object?.metadata.resourceVersion === version ? this.#write(write) : null)),
    }
  }

  #sightings(): ElderSighting[] {
    return ['Endpoints e', 'ConfigMap c'].map(where => ({ where, lock: elderLock(where, this.elders[where]) }))
  }

  #write(write: LeaseWrite): LeaseRecord {
    const { metadata, spec } = leaseBody(write)
    const before = this.#object
    const annotations = { ...before?.metadata.annotations, ...metadata.annotations }
    const fixed = { name: 'galaxy-ipam', uid: 'u', resourceVersion: String(++this.#version) }
    this.#object = { metadata: { ...fixed, annotations }, spec: { ...before?.spec, ...spec } }
    this.writes++
    return leaseRecord(this.#object as Parameters<typeof leaseRecord>[0])
  }

  /** The signal is ignored on purpose: a request on its way cannot be called back. */
  #call<T>(me: Candidate, apply: () => T): Promise<T> {
    const { thereMs, backMs, lost } = this.fateOf(me)
    return new Promise<T>((resolve, reject) => {
      const arrival = this.nowMs + thereMs
      if (lost === 'the request') return
      this.at(arrival, () => {
        const back = (answer: () => void) => this.at(arrival + backMs, answer, me)
        if (lost === 'refused') return back(() => reject(new Fault('500 by chance', { retryable: true })))
        const result = apply()
        if (lost === 'nothing') back(() => resolve(result))
      })
    })
  }
}

/** All that can run without time passing has run. */
function settled(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

export const stageOf = () => new Stage(randomOf(1))
/** A whole lease, twice a retry period with its jitter, and the calls. */
export const TAKEOVER_MS = TIMING.leaseMs + 2 * TIMING.retryMs * 2.2 + 100

export async function led(options: { timing?: typeof TIMING } = {}) {
  const stage = stageOf()
  const a = stage.candidate('a', options)
  await stage.until(1_000)
  const b = stage.candidate('b')
  await stage.until(20_000)
  expect(stage.leaders()).toEqual([a])
  return { stage, a, b }
}

export async function leadsWithin(stage: Stage, candidate: Candidate, ms: number): Promise<number> {
  const began = stage.nowMs
  while (!candidate.leadership.isLeader() && stage.nowMs < began + ms) await stage.until(stage.nowMs + 50)
  expect(candidate.leadership.isLeader()).toBe(true)
  return stage.nowMs - began
}
