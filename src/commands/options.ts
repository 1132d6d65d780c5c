/** Owns the flags of `floatip serve`: galaxy-ipam's, so that its manifests start us unchanged. */
import { join } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type LeaseTiming, timingProblem } from '../app/lease-timing.ts'
import { UsageFault } from '../lib/exit.ts'
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from '../lib/log.ts'
import { type ConfigFile, readConfigFile } from './config-file.ts'
import { notYet, readBool, withGalaxyFlags } from './galaxy-flags.ts'

export interface ServeOptions {
  readonly bind: string
  readonly port: number
  readonly apiPort: number
  readonly master: string | undefined
  readonly kubeconfig: string | undefined
  readonly dataDir: string
  readonly logLevel: LogLevel
  readonly logFormat: LogFormat
  readonly holdMs: number
  /** How long an address rests that a container may still use; 0: not at all. */
  readonly restMs: number
  readonly replicate: boolean
  readonly installCrds: boolean
  /** Write Kubernetes Events. */
  readonly events: boolean
  /** How long a call to the address provider may take. */
  readonly cloudTimeoutMs: number
  readonly legacyFailedNodes: boolean
  /** The Swagger 1.2 listing is served too. */
  readonly swagger: boolean
  /** How much of the past is kept. */
  readonly history: { readonly rows: number; readonly ageMs: number }
  /** Null: no election, this is the only process. */
  readonly election: LeaseTiming | null
  readonly file: ConfigFile
  readonly profiling: boolean
  /** Flags that were given and whose capability is not built yet. */
  readonly notYet: readonly string[]
}

const CONFIG_DEFAULT = '/etc/galaxy/galaxy-ipam.json'
const DATA_DEFAULT = '/var/lib/floatip'
const PORT_DEFAULT = 9040

interface RawOptions {
  config: string
  bind: string
  port: number
  apiPort: number
  master?: string
  kubeconfig?: string
  dataDir: string
  logLevel?: LogLevel
  logFormat: LogFormat
  v?: number
  holdTimeout: number
  rest: number
  replicate: boolean
  installCrds: boolean
  events: boolean
  legacyFailedNodes: boolean
  cloudTimeout: number
  historyDays: number
  historyRows: number
  swagger?: boolean
  profiling?: boolean
  leaderElect: boolean
  leaderElectLeaseDuration: number
  leaderElectRenewDeadline: number
  leaderElectRetryPeriod: number
}

export function withServeOptions(command: Command): Command {
  command
    .option('--config <file>', 'JSON config file with schedule_plugin', CONFIG_DEFAULT)
    .option('--bind <address>', 'address to listen on', '0.0.0.0')
    .option('--port <port>', 'port of the scheduler extender', readPort, PORT_DEFAULT)
    .option('--api-port <port>', 'port of the HTTP API', readPort, 9041)
    .option('--master <url>', 'API server, instead of the one in the kubeconfig')
    .option('--kubeconfig <file>', 'kubeconfig; without it and --master: the pod’s own service account')
    .option(
      '--data-dir <dir>',
      `directory of the ledger; with a --port other than ${PORT_DEFAULT} the default is one of that number in it`,
      DATA_DEFAULT,
    )
    .addOption(
      duration('--hold-timeout <duration>', 'how long an address taken in filter waits for its bind', 60_000, '60s'),
    )
    .addOption(
      duration('--rest <duration>', 'how long others wait for the address of a pod that was killed', 30_000, '30s'),
    )
    .option('--replicate [bool]', 'write FloatingIP objects (off: SQLite alone)', readBool, true)
    .option(
      '--install-crds [bool]',
      'create custom resource definitions, and complete those of galaxy-ipam',
      readBool,
      true,
    )
    .option('--events [bool]', 'write Kubernetes Events about addresses', readBool, true)
    .option(
      '--legacy-failed-nodes [bool]',
      'for kube-scheduler before 1.21: refuse nodes in FailedNodes alone',
      readBool,
      false,
    )
    .addOption(
      duration('--cloud-timeout <duration>', 'how long a call to the address provider may take', 60_000, '60s'),
    )
    .option('--history-days <days>', 'how long changes of addresses are remembered', readCount, 90)
    .option('--history-rows <rows>', 'how many of them at most', readCount, 1_000_000)
    .option('--log-level <level>', `one of ${LOG_LEVELS.join(', ')}`, readLevel)
    .addOption(
      new Option('--log-format <format>', 'lines for machines, or for people').choices(LOG_FORMATS).default('json'),
    )
    .option('--swagger [bool]', 'serve the Swagger 1.2 listing at /apidocs.json', readBool)
    .option('--profiling [bool]', 'serve CPU profiles at /debug/profile of the API port', readBool)
    .option('--leader-elect [bool]', 'only the holder of Lease kube-system/galaxy-ipam answers', readBool, true)
    .addOption(
      duration('--leader-elect-lease-duration <duration>', 'others take over after this silence', 15_000, '15s'),
    )
    .addOption(
      duration(
        '--leader-elect-renew-deadline <duration>',
        'a leader that cannot renew for so long stops',
        10_000,
        '10s',
      ),
    )
    .addOption(duration('--leader-elect-retry-period <duration>', 'between two tries', 2_000, '2s'))
  return withGalaxyFlags(command)
}

/** What the parsed flags and the file say together. Throws a UsageFault that names file and field. */
export function readServeOptions(command: Command): ServeOptions {
  const raw = command.opts<RawOptions>()
  const explicit = (name: string) => command.getOptionValueSource(name) === 'cli'
  const file = readConfigFile(raw.config, explicit('config'))
  return {
    bind: raw.bind,
    port: raw.port,
    apiPort: raw.apiPort,
    master: raw.master,
    kubeconfig: raw.kubeconfig,
    dataDir: explicit('dataDir') ? raw.dataDir : defaultDataDir(raw.port),
    cloudTimeoutMs: raw.cloudTimeout,
    history: { rows: raw.historyRows, ageMs: raw.historyDays * 24 * 3_600_000 },
    logLevel: raw.logLevel ?? ((raw.v ?? 0) >= 4 ? 'debug' : 'info'),
    logFormat: raw.logFormat,
    holdMs: raw.holdTimeout,
    restMs: raw.rest,
    replicate: raw.replicate,
    installCrds: raw.installCrds,
    events: raw.events,
    legacyFailedNodes: raw.legacyFailedNodes,
    swagger: raw.swagger ?? false,
    election: raw.leaderElect ? readElection(raw) : null,
    file,
    profiling: raw.profiling ?? false,
    notYet: notYet(command),
  }
}

/**
 * galaxy-ipam has no such directory: two processes on one machine, a leader and its standby or one for each cluster, differ by their ports
 * alone, and a ledger is one process's.
 */
function defaultDataDir(port: number): string {
  return port === PORT_DEFAULT || port === 0 ? DATA_DEFAULT : join(DATA_DEFAULT, `${port}`)
}

function readElection(raw: RawOptions): LeaseTiming {
  const timing = {
    leaseMs: raw.leaderElectLeaseDuration,
    renewMs: raw.leaderElectRenewDeadline,
    retryMs: raw.leaderElectRetryPeriod,
  }
  const problem = timingProblem(timing)
  if (problem !== null) throw new UsageFault(problem)
  return timing
}

/** A duration in Go's form, with its default as people write it. */
function duration(flags: string, description: string, ms: number, text: string): Option {
  return new Option(flags, description).argParser(readDuration).default(ms, text)
}

function readPort(text: string): number {
  const port = Number(text)
  if (/^\d+$/.test(text) && port <= 65_535) return port
  throw new InvalidArgumentError('a port is a whole number from 0 (any free one) to 65535.')
}

/** At most 2^31, far beyond what a disk holds of changes, or a person remembers of days. */
function readCount(text: string): number {
  const count = Number(text)
  if (/^\d+$/.test(text) && count >= 1 && count <= 2 ** 31) return count
  throw new InvalidArgumentError('use a whole number from 1.')
}

/** Timers of more than 2^31 ms (24 days) fire at once; nobody means to wait a day. */
const DURATION_MAX_MS = 24 * 3_600_000
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** Go's form of durations: 15s, 1m30s, 500ms. In milliseconds. */
function readDuration(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)]
  const ms = parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNITS[unit ?? ''] ?? 0), 0)
  if (parts.length === 0 || parts.map(([whole]) => whole).join('') !== text || ms > DURATION_MAX_MS) {
    throw new InvalidArgumentError('use a duration such as 15s, 1m30s or 500ms, at most 24h.')
  }
  return ms
}

function readLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find(each => each === text)
  if (level !== undefined) return level
  throw new InvalidArgumentError(`use one of ${LOG_LEVELS.join(', ')}.`)
}
