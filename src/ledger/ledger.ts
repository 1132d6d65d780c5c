/** Owns the turn: the one place where anything is decided. It takes the queued commands, decides, applies, commits once, and only then answers. */
import type { Committed } from '../domain/change.ts'
import type { Geometry } from '../domain/geometry.ts'
import type { Refusal } from '../domain/refusal.ts'
import { isRefusal } from '../domain/refusal.ts'
import { Bug, present } from '../lib/assert.ts'
import { Fault } from '../lib/fault.ts'
import { type AnswerOf, type CommandKind, type CommandOf, rules } from '../rules/decide.ts'
import type { Rule, View } from '../rules/view.ts'
import type { Actor, Journal } from './journal.ts'
import type { State } from './state.ts'

/** Commands waiting for a turn: at 10,000 commands/s a second's worth; beyond that the askers' time-outs have passed. */
export const QUEUE_MAX = 10_000
/** Commands in one turn: 512 × about 20 µs keep the event loop busy for some 10 ms. */
export const TURN_MAX = 512
/** So many that fail alone, one after the other, are the disk's fault: the rest of their turn is told so, and not tried. */
const FAILURES_IN_A_ROW = 3
/** Acknowledgements may ride on a later turn: losing one repeats a write that changes nothing. */
const ACKNOWLEDGE_WITHIN_MS = 50

/** One turn, for whoever measures: a few looks at the clock for all of its commands together. Times are monotonic milliseconds. */
export interface Turn {
  readonly commands: number
  readonly beganMs: number
  /** How long the command that waited longest had waited. */
  readonly waitedMs: number
  readonly decideMs: number
  /** Statements and commit. */
  readonly persistMs: number
}

/** What a command led to, on disk when this is returned. */
export interface Outcome<A> {
  readonly answer: A
  readonly changes: readonly Committed[]
  /** The ledger's revision after the command. */
  readonly revision: number
  readonly turn: Turn
}

export interface Ledger {
  /** The number of the last change. It moves exactly when the ledger changes. */
  readonly revision: number
  /** Commands that wait for a turn. */
  readonly waiting: number
  /** Asks the state in force; the answer must not outlive an `await` except as a fence. */
  read<T>(question: (view: State) => T): T
  /** Resolves once decided and on disk. Rejects with a retryable Fault when the queue is full or the disk failed. */
  submit<K extends CommandKind>(kind: K, command: CommandOf<K>): Promise<Outcome<AnswerOf<K>> | Refusal>
  /** The cluster has this address as of this revision. */
  acknowledge(address: string, revision: number): void
  /** The cloud has this address on this node no more, as of this revision. */
  left(address: string, node: string, revision: number): void
  leftovers(): ReturnType<Journal['leftovers']>
  /**
   * Another configuration: the same rows and what was found in the cluster (R17), over other slots. Between two turns, so nobody sees
   * both. Throws a Fault when the disk fails: then the configuration is as before.
   */
  reshape(geometry: Geometry, found?: readonly CommandOf<'adopt'>[]): void
  /** Asked within each turn that lets addresses go: who else has them, as far as the cluster shows (R6)? They are adopted in it. */
  onParting(heirs: (changes: readonly Committed[]) => readonly CommandOf<'adopt'>[]): void
  outbox(): ReturnType<Journal['outbox']>
  /** Called after every commit with what it changed. */
  onCommit(listener: (changes: readonly Committed[], turn: Turn) => void): void
  /** Decides what is queued, then refuses all that comes. */
  close(): void
}

interface Queued {
  readonly kind: CommandKind
  readonly command: CommandOf<CommandKind>
  readonly queuedMs: number
  resolve(outcome: Outcome<unknown> | Refusal): void
  reject(error: unknown): void
}

const UNHEARD: Pick<Queued, 'resolve' | 'reject'> = { resolve() {}, reject() {} }

const ACTORS: Record<CommandKind, Actor> = {
  filter: 'scheduler',
  bind: 'scheduler',
  giveBack: 'floatip',
  unbind: 'cluster',
  follow: 'cluster',
  reclaim: 'cluster',
  rested: 'floatip',
  unblock: 'person',
  resizePool: 'person',
  release: 'person',
  reserve: 'person',
  unreserve: 'person',
  importAll: 'person',
  expire: 'floatip',
  adopt: 'cluster',
  forget: 'floatip',
}

export interface LedgerParts {
  readonly journal: Journal
  /** What is configured at first. */
  readonly geometry: Geometry
  /** Builds the memory from the disk: start-up, recovery after a failed commit and a crash are this one function. */
  recover(geometry: Geometry): { readonly state: State; readonly revision: number }
  /** A broken invariant: the process must end. */
  onBug(bug: unknown): void
  /** After each turn; null: it failed, and nothing of it happened. */
  readonly onTurn?: (turn: Turn | null) => void
}

export function openLedger({ journal, geometry, recover, onBug, onTurn = () => {} }: LedgerParts): Ledger {
  let { state, revision } = recover(geometry)
  const queue: Queued[] = []
  /** What the cluster, or (with a node) the cloud, has done. */
  let acknowledged: { address: string; node: string | null; revision: number }[] = []
  const listeners: ((changes: readonly Committed[], turn: Turn) => void)[] = []
  let heirsOf: (changes: readonly Committed[]) => readonly CommandOf<'adopt'>[] = () => []
  let armed = false
  let lazy: ReturnType<typeof setTimeout> | null = null
  let closed = false
  /** True while memory may be ahead of the disk: a turn failed, and the disk could not be read back yet. */
  let ahead = false
  let stopped = false

  function arm(): void {
    if (armed || closed) return
    armed = true
    setImmediate(() => {
      armed = false
      turn()
      if (queue.length > 0) arm()
    })
  }

  function turn(): void {
    const batch = queue.splice(0, TURN_MAX)
    let failure = attempt(batch)
    if (failure === null) return
    // One poisonous command must not reject its neighbours: each gets a turn of its own, once. When the disk is full, each reads all rows back.
    let inARow = batch.length > 1 ? 0 : FAILURES_IN_A_ROW
    for (const queued of batch) {
      if (inARow < FAILURES_IN_A_ROW) failure = attempt([queued])
      inARow = failure === null ? 0 : inARow + 1
      if (failure !== null) queued.reject(failure)
    }
  }

  /** Memory as the last commit left it. */
  function reload(to: Geometry): void {
    const before = revision
    try {
      ;({ state, revision } = recover(to))
    } catch (error) {
      if (error instanceof Bug) throw error
      throw new Fault('the ledger could not be read', { retryable: true, cause: error })
    }
    revision = Math.max(revision, before)
    ahead = false
  }

  /** The turn did not happen. When the disk cannot be read either, the next turn or question tries again. */
  function undo(error: unknown): Fault {
    ahead = true
    try {
      journal.rollback()
      if (!(error instanceof Bug)) reload(state.geometry)
    } catch (worse) {
      if (worse instanceof Bug) return stop(worse)
    }
    return error instanceof Bug
      ? stop(error)
      : new Fault('the ledger could not be written', { retryable: true, cause: error })
  }

  /** Nothing is decided after a broken invariant, whatever time the process takes to end. */
  function stop(bug: Bug): Fault {
    if (!stopped) onBug(bug)
    stopped = true
    return new Fault('the ledger stopped on a broken invariant', { retryable: false, cause: bug })
  }

  /** Null, or why nothing of the batch happened. */
  function attempt(batch: readonly Queued[]): Fault | null {
    if (stopped) return new Fault('the ledger stopped on a broken invariant', { retryable: false })
    const outcomes: (Outcome<unknown> | Refusal)[] = []
    const committed: Committed[] = []
    const actors: Actor[] = []
    const before = revision
    const beganMs = performance.now()
    const waitedMs = beganMs - (batch[0]?.queuedMs ?? beganMs)
    const turn = { commands: batch.length, beganMs, waitedMs, decideMs: 0, persistMs: 0 }

    function decide(kind: CommandKind, command: CommandOf<CommandKind>): Outcome<unknown> | Refusal {
      const decision = (rules[kind] as Rule<unknown, unknown>)(state as View, command)
      if (isRefusal(decision)) return decision
      if (decision.changes.length > 0) revision++
      const changes = decision.changes.map(change => state.apply(change, command.at, revision))
      for (const change of changes) {
        committed.push(change)
        actors.push(ACTORS[kind])
      }
      return { answer: decision.answer, changes, revision, turn }
    }

    try {
      if (ahead) reload(state.geometry)
      journal.begin()
      for (const { address, node, revision: at } of acknowledged) {
        if (node === null) journal.acknowledge(address, at)
        else journal.left(address, node, at)
      }
      const decidingMs = performance.now()
      for (const { kind, command } of batch) outcomes.push(decide(kind, command))
      const parted = committed.filter(({ after }) => after === null || after.incarnation === null)
      if (parted.length > 0) for (const heir of heirsOf(parted)) decide('adopt', heir)
      const decidedMs = performance.now()
      committed.forEach((change, at) => {
        journal.append(change, present(actors[at], 'actor'))
      })
      journal.commit()
      turn.decideMs = decidedMs - decidingMs
      turn.persistMs = performance.now() - beganMs - turn.decideMs
    } catch (error) {
      revision = before
      onTurn(null)
      return undo(error)
    }
    acknowledged = []
    // What waited for a turn of its own rode on this one.
    if (lazy !== null) clearTimeout(lazy)
    lazy = null
    state.settle()
    onTurn(turn)
    if (committed.length > 0) for (const listener of listeners) listener(committed, turn)
    batch.forEach((queued, at) => {
      queued.resolve(outcomes[at] as Outcome<unknown> | Refusal)
    })
    return null
  }

  function acknowledge(address: string, node: string | null, at: number): void {
    acknowledged.push({ address, node, revision: at })
    lazy ??= setTimeout(() => {
      lazy = null
      arm()
    }, ACKNOWLEDGE_WITHIN_MS)
  }

  return {
    get revision() {
      return revision
    },
    get waiting() {
      return queue.length
    },
    read(question) {
      if (ahead) reload(state.geometry)
      return question(state)
    },
    submit(kind, command) {
      return new Promise((resolve, reject) => {
        if (closed) return reject(new Fault('the ledger is closed', { retryable: true }))
        if (queue.length >= QUEUE_MAX) return reject(new Fault('too many commands are waiting', { retryable: true }))
        queue.push({ kind, command, queuedMs: performance.now(), resolve: resolve as Queued['resolve'], reject })
        arm()
      })
    },
    acknowledge: (address, at) => acknowledge(address, null, at),
    left: acknowledge,
    leftovers: () => journal.leftovers(),
    reshape(to, found = []) {
      for (let at = 0; at < found.length; at += TURN_MAX) {
        const queuedMs = performance.now()
        const queued = (command: CommandOf<'adopt'>): Queued => ({ kind: 'adopt', command, queuedMs, ...UNHEARD })
        const failure = attempt(found.slice(at, at + TURN_MAX).map(queued))
        if (failure !== null) throw failure
      }
      reload(to)
    },
    onParting: heirs => {
      heirsOf = heirs
    },
    outbox() {
      // What is acknowledged already must not be written again: the disk hears of it now.
      if (acknowledged.length > 0) attempt([])
      return journal.outbox()
    },
    onCommit: listener => {
      listeners.push(listener)
    },
    close() {
      if (lazy !== null) clearTimeout(lazy)
      while (queue.length > 0) turn()
      if (acknowledged.length > 0) attempt([])
      closed = true
    },
  }
}
