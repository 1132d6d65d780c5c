/** Owns the stage of these tests: everything that `floatip serve` composes, over the fake API server and a ledger in a directory of its own. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LeaseTiming } from '../../src/app/lease-timing.ts'
import { compose } from '../../src/commands/compose.ts'
import type { ServeOptions } from '../../src/commands/options.ts'
import { ownerKey } from '../../src/domain/owner.ts'
import { parseAddress } from '../../src/ip/address.ts'
import { present } from '../../src/lib/assert.ts'
import { systemClock } from '../../src/lib/clock.ts'
import type { LevelledLog } from '../../src/lib/log.ts'
import { type ApiServer, startApiServer } from './api-server.ts'
import { fastClock } from './clock.ts'
import { configMap, entry, type Kube, node } from './objects.ts'

export interface WorldOptions {
  /** The cluster of a world before, for a restart; its ledger too with `dir`. */
  api?: ApiServer
  dir?: string
  /** `floatingips`; by default {@link ENTRIES}. Null: there is no ConfigMap. */
  entries?: readonly object[] | null
  /** As in a config file. */
  file?: unknown
  /** There is an election; the cluster has no Leases, so that nobody wins it. */
  election?: LeaseTiming
  holdMs?: number
  restMs?: number
  speed?: number
  replicate?: boolean
  events?: boolean
  resyncMinutes?: number
  legacyFailedNodes?: boolean
  swagger?: boolean
  profiling?: boolean
  history?: { rows: number; ageMs: number }
  /** host:port of an address provider. */
  cloudProvider?: string
  /** What tells the cluster from others. */
  clusterId?: string
  /** What the cluster has before floatip starts. */
  pods?: readonly Kube[]
  statefulsets?: readonly Kube[]
  deployments?: readonly Kube[]
  floatingips?: readonly Kube[]
  pools?: readonly Kube[]
  /** As others left them. */
  definitions?: readonly Kube[]
  installCrds?: boolean
}

/** Rack a: four addresses for nodes in 10.49.0.0/24. Rack b: two for 10.50.0.0/24. */
export const ENTRIES = [
  entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2~10.0.0.5'),
  entry('10.50.0.0/24', '10.0.1.0/24', '10.0.1.2~10.0.1.3'),
]
export const NODES = [node('a1', '10.49.0.11'), node('a2', '10.49.0.12'), node('b1', '10.50.0.11')]

const made: string[] = []
const open = new Set<{ stop(): Promise<void>; api: ApiServer }>()

/** For afterEach: nothing of a test outlives it. */
export async function closeWorlds(): Promise<void> {
  const apis = new Set([...open].map(({ api }) => api))
  for (const world of open) await world.stop()
  for (const api of apis) await api.stop()
  open.clear()
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true, force: true })
}

function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'floatip-world-'))
  made.push(dir)
  return dir
}

function clusterWith(options: WorldOptions): ApiServer {
  const api = startApiServer(options.clusterId)
  if (options.entries !== null) api.put('configmaps', configMap(JSON.stringify(options.entries ?? ENTRIES)))
  for (const each of NODES) api.put('nodes', each)
  for (const each of options.pods ?? []) api.put('pods', each)
  for (const each of options.statefulsets ?? []) api.put('statefulsets', each)
  for (const each of options.deployments ?? []) api.put('deployments', each)
  for (const each of options.floatingips ?? []) api.put('floatingips', each)
  for (const each of options.pools ?? []) api.put('pools', each)
  for (const each of options.definitions ?? []) api.put('customresourcedefinitions', each)
  return api
}

export async function openWorld(options: WorldOptions = {}) {
  const world = startWorld(options)
  await world.ready()
  return world
}

/** Like {@link openWorld}, without waiting for ready. */
export function startWorld(options: WorldOptions = {}) {
  const api = options.api ?? clusterWith(options)
  const dir = options.dir ?? tempDir()
  const clock = options.speed === undefined ? systemClock : fastClock(options.speed)
  const logged: string[] = []
  const note = (level: string) => (fields: object, message: string) => {
    logged.push(
      `${level} ${message} ${JSON.stringify(fields, (_, value) => (value instanceof Error ? value.stack : value))}`,
    )
  }
  const log: LevelledLog = {
    level: 'debug',
    debug: note('debug'),
    info: note('info'),
    warn: note('warn'),
    error: note('error'),
  }
  const bugs: unknown[] = []
  const serveOptions: ServeOptions = {
    bind: '127.0.0.1',
    port: 0,
    apiPort: 0,
    master: api.url,
    kubeconfig: undefined,
    dataDir: dir,
    logLevel: 'silent',
    logFormat: 'json',
    holdMs: options.holdMs ?? 60_000,
    restMs: options.restMs ?? 30_000,
    replicate: options.replicate ?? true,
    installCrds: options.installCrds ?? true,
    events: options.events ?? true,
    legacyFailedNodes: options.legacyFailedNodes ?? false,
    cloudTimeoutMs: 60_000,
    swagger: options.swagger ?? false,
    history: options.history ?? { rows: 1_000_000, ageMs: 90 * 24 * 3_600_000 },
    election: options.election ?? null,
    profiling: options.profiling ?? false,
    notYet: [],
    file: {
      floatingips: options.file,
      configMapName: 'floatingip-config',
      configMapNamespace: 'kube-system',
      floatingipKey: 'floatingips',
      cloudProvider: options.cloudProvider ?? null,
      resyncMinutes: options.resyncMinutes ?? 60,
    },
  }
  const floatip = compose(serveOptions, {
    clock,
    random: () => 0.5,
    log,
    onLost: why => void bugs.push(why),
    onBug: bug => void bugs.push(bug),
  })
  const { ports, gate, waiting, holds, extender, api: apiPort } = floatip
  const { ledger } = ports
  const becoming = floatip.start()
  becoming.catch(error => void bugs.push(error))

  let stopped: Promise<void> | undefined
  const world = {
    api,
    dir,
    ports,
    ledger,
    gate,
    waiting,
    holds,
    logged,
    bugs,
    extender,
    apiPort,
    ready: () => becoming,
    /** The row of this address in a line, or `free`. */
    row(ip: string): string {
      const row = ledger.read(view => view.at(present(parseAddress(ip), ip)))
      if (row === null) return 'free'
      return [row.phase, ownerKey(row.owner), ...(row.incarnation ? [row.incarnation] : [])].join(' ')
    },
    rows: () => ledger.read(view => [...view.rows()].map(row => row.address.text).sort()),
    verify: () => ledger.read(view => view.verify()),
    /** As a crash when `crash`: nothing is finished, the file alone stays. */
    stop(crash = false): Promise<void> {
      stopped ??= (async () => {
        await floatip.stop(crash)
        open.delete(world)
        if (bugs.length > 0) throw bugs[0]
      })()
      return stopped
    },
  }
  open.add(world)
  return world
}

export type World = ReturnType<typeof startWorld>

/** Waits for what the world does by itself; fails loudly when it does not. */
export async function until(what: () => boolean, within = 4_000): Promise<void> {
  const end = Date.now() + within
  while (!what()) {
    if (Date.now() > end) throw new Error(`not within ${within} ms: ${what}`)
    await Bun.sleep(2)
  }
}
