/** Owns the instruments: every metric that is counted where it happens, under the name that a person finds in /metrics. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/** From 10 µs, what a decision takes, to 10 s, twice the scheduler's patience: 1-2.5-5 a decade, 19 bounds. */
export const SECONDS = [1e-5, 1e-4, 1e-3, 0.01, 0.1, 1]
  .flatMap(decade => [decade, 2.5 * decade, 5 * decade])
  .concat(10)
  .map(bound => Number(bound.toPrecision(2)))

/** galaxy-ipam's own bounds, so that queries by `le` go on working, and below them those that show anything of us. */
const GALAXY_SECONDS = [...SECONDS.filter(bound => bound < 0.1), ...[0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4]]

/** A turn takes at most 512 commands. */
const TURN_COMMANDS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]

/** One turn of the ledger. Times in milliseconds. */
export interface TurnTimes {
  readonly commands: number
  /** How long the command that waited longest waited for the turn. */
  readonly waitedMs: number
  readonly decideMs: number
  /** Statements and commit. */
  readonly persistMs: number
}

export interface ApiCall {
  readonly verb: string
  readonly resource: string
  /** HTTP status, or `unanswered`. */
  readonly code: string
  readonly ms: number
}

export interface CloudCall {
  readonly verb: 'assign' | 'unassign'
  readonly outcome: string
  readonly ms: number
}

export interface SchedulerAnswer {
  readonly verb: 'filter' | 'priority' | 'bind' | 'preempt'
  /** Only pods that ask are measured; `refused` names the code of the refusal. */
  readonly outcome: 'done' | 'refused' | 'failed'
  readonly reason: string | null
  readonly ms: number
}

/** Observations that wait to be counted: 256 of the costliest take a fifth of a millisecond. */
const BACKLOG_MAX = 256

/**
 * Registers them all. Measuring is paid once a turn or once a request, never once a command, and what it costs there is the push into a list:
 * counting, which hashes labels and looks for buckets, is done for many at once, when the list is long enough or somebody scrapes.
 */
export function instrumentsIn(registry: Registry) {
  const drains: (() => void)[] = []
  function later<T>(count: (observation: T) => void): (observation: T) => void {
    const backlog: T[] = []
    const drain = () => {
      for (const observation of backlog.splice(0)) count(observation)
    }
    drains.push(drain)
    return observation => {
      if (backlog.push(observation) >= BACKLOG_MAX) drain()
    }
  }
  const registers = [registry]
  const seconds = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Histogram<L>({ name, help, labelNames, buckets: SECONDS, registers })
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter<L>({ name, help, labelNames, registers })

  const queue = seconds(
    'floatip_queue_duration_seconds',
    'How long the command that waited longest waited for its turn, for each turn.',
  )
  const decide = seconds('floatip_decide_duration_seconds', 'Deciding and applying all commands of a turn.')
  const persist = seconds('floatip_persist_duration_seconds', 'Writing a turn to SQLite, its commit included.')
  const commands = new Histogram({
    name: 'floatip_turn_commands',
    help: 'Commands decided in one turn, which is one commit.',
    buckets: TURN_COMMANDS,
    registers,
  })
  const turnsFailed = counter('floatip_turns_failed_total', 'Turns that the disk refused; nothing of them happened.')
  const replicate = seconds(
    'floatip_replicate_duration_seconds',
    'From the commit of an address’s change until its FloatingIP object is written.',
  )
  const replicateFailed = counter('floatip_replicate_failures_total', 'Writes of FloatingIP objects to be tried again.')
  const api = seconds(
    'floatip_kubernetes_request_duration_seconds',
    'Calls to the API server; a watch until it has begun.',
    ['verb', 'resource'],
  )
  const apiCalls = counter('floatip_kubernetes_requests_total', 'Calls to the API server, by their HTTP status.', [
    'verb',
    'resource',
    'code',
  ])
  const cloud = seconds('floatip_cloud_request_duration_seconds', 'Calls to the address provider.', ['verb', 'outcome'])
  const galaxyCloud = new Histogram({
    name: 'galaxy_cloud_provider_latency',
    help: 'Calls to the address provider in seconds, as galaxy-ipam names it.',
    labelNames: ['func'],
    buckets: GALAXY_SECONDS,
    registers,
  })
  const scheduler = seconds(
    'floatip_scheduler_request_duration_seconds',
    'Answers to kube-scheduler for pods that ask.',
    ['verb', 'outcome'],
  )
  const refusals = counter('floatip_refusals_total', 'Answers that gave the pod no node, by their first reason.', [
    'verb',
    'reason',
  ])
  const galaxySchedule = new Histogram({
    name: 'galaxy_schedule_latency',
    help: 'Filters and successful binds in seconds, as galaxy-ipam names it.',
    labelNames: ['func'],
    buckets: GALAXY_SECONDS,
    registers,
  })
  const drift = new Gauge({
    name: 'floatip_drift',
    help: 'What the last comparison of ledger, objects and pods found to differ.',
    labelNames: ['kind'],
    registers,
  })
  const compared = new Gauge({
    name: 'floatip_last_resync_timestamp_seconds',
    help: 'When ledger, objects and pods were last compared.',
    registers,
  })
  const rejected = counter('floatip_configuration_rejected_total', 'Configurations that were refused as invalid.')
  const eventsDropped = counter('floatip_events_dropped_total', 'Kubernetes Events that were not written.', ['reason'])

  // A series that appears with its first failure has no rate for that failure.
  for (const reason of ['limit', 'failed']) eventsDropped.inc({ reason }, 0)

  return {
    turn: later<TurnTimes>(({ commands: count, waitedMs, decideMs, persistMs }) => {
      if (count > 0) {
        commands.observe(count)
        queue.observe(waitedMs / 1000)
        decide.observe(decideMs / 1000)
      }
      persist.observe(persistMs / 1000)
    }),
    turnFailed: () => turnsFailed.inc(),
    replicated: later<number>(ms => replicate.observe(ms / 1000)),
    replicationFailed: () => replicateFailed.inc(),
    apiCall: later<ApiCall>(({ verb, resource, code, ms }) => {
      api.observe({ verb, resource }, ms / 1000)
      apiCalls.inc({ verb, resource, code })
    }),
    cloudCall: later<CloudCall>(({ verb, outcome, ms }) => {
      cloud.observe({ verb, outcome }, ms / 1000)
      galaxyCloud.observe({ func: verb === 'assign' ? 'AssignIP' : 'UnAssignIP' }, ms / 1000)
    }),
    scheduler: later<SchedulerAnswer>(({ verb, outcome, reason, ms }) => {
      scheduler.observe({ verb, outcome }, ms / 1000)
      if (reason !== null) refusals.inc({ verb, reason })
      if (verb === 'filter' && outcome !== 'failed') galaxySchedule.observe({ func: 'filter' }, ms / 1000)
      if (verb === 'bind' && outcome === 'done') galaxySchedule.observe({ func: 'bind' }, ms / 1000)
    }),
    /** How many of each kind; kinds are a fixed set. */
    compared(kinds: Readonly<Record<string, number>>, at: number): void {
      for (const [kind, count] of Object.entries(kinds)) drift.set({ kind }, count)
      compared.set(at / 1000)
    },
    configurationRejected: () => rejected.inc(),
    eventDropped: (reason: 'limit' | 'failed') => eventsDropped.inc({ reason }),
    /** Everything that was observed until now is counted. */
    drain(): void {
      for (const drain of drains) drain()
    },
  }
}
