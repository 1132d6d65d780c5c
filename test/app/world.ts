/** Owns the stage of these tests: everything that `floatip serve` composes, over the fake API server and a ledger in a directory of its own. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { addressesOf } from '../../src/app/addresses.ts'
import { bindingOn } from '../../src/app/bind.ts'
import { filteringOn } from '../../src/app/filter.ts'
import { judgeForeign } from '../../src/app/foreign.ts'
import { readyGate } from '../../src/app/gate.ts'
import { holdsOf } from '../../src/app/holds.ts'
import { podEnded, workloadChanged } from '../../src/app/pod-ends.ts'
import type { Ports } from '../../src/app/ports.ts'
import { waitingList } from '../../src/app/waiting.ts'
import { wakingOf } from '../../src/app/waking.ts'
import type { ServeOptions } from '../../src/commands/options.ts'
import { becomeReady } from '../../src/commands/ready.ts'
import { createCore } from '../../src/core/wasm.ts'
import { type Geometry, geometryOf } from '../../src/domain/geometry.ts'
import { ownerKey } from '../../src/domain/owner.ts'
import { apiApp } from '../../src/http/api.ts'
import { extenderApp } from '../../src/http/extender.ts'
import { parseAddress } from '../../src/ip/address.ts'
import { callsOn } from '../../src/kube/calls.ts'
import { clusterOn } from '../../src/kube/cluster.ts'
import { connect } from '../../src/kube/kubeconfig.ts'
import { nodeFact, type RawNode } from '../../src/kube/node.ts'
import { objectStoreOn } from '../../src/kube/object-store.ts'
import { podFact, type RawPod } from '../../src/kube/pod.ts'
import { transport as transportOn } from '../../src/kube/transport.ts'
import { openLedger } from '../../src/ledger/ledger.ts'
import { stateOf } from '../../src/ledger/state.ts'
import { present } from '../../src/lib/assert.ts'
import { systemClock } from '../../src/lib/clock.ts'
import type { Log } from '../../src/lib/log.ts'
import { noReplication, replicatorOf } from '../../src/replica/replicator.ts'
import { nextTerm } from '../../src/store/facts.ts'
import { journalOf } from '../../src/store/journal.ts'
import { openLedgerFile } from '../../src/store/open.ts'
import { searchIn } from '../../src/store/search.ts'
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
  holdMs?: number
  speed?: number
  replicate?: boolean
  legacyFailedNodes?: boolean
  /** What the cluster has before floatip starts. */
  pods?: readonly Kube[]
  statefulsets?: readonly Kube[]
  deployments?: readonly Kube[]
  floatingips?: readonly Kube[]
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
  const api = startApiServer()
  if (options.entries !== null) api.put('configmaps', configMap(JSON.stringify(options.entries ?? ENTRIES)))
  for (const each of NODES) api.put('nodes', each)
  for (const each of options.pods ?? []) api.put('pods', each)
  for (const each of options.statefulsets ?? []) api.put('statefulsets', each)
  for (const each of options.deployments ?? []) api.put('deployments', each)
  for (const each of options.floatingips ?? []) api.put('floatingips', each)
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
  const log: Log = { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') }
  const bugs: unknown[] = []
  const random = () => 0.5
  const gate = readyGate()
  const stopping = new AbortController()

  const file = openLedgerFile(dir)
  const journal = journalOf(file.db)
  const term = nextTerm(file.db)
  let stamps = 0
  const freshValue = () => `${term}.${++stamps}`
  const ledger = openLedger({
    journal,
    geometry: geometryOf([]),
    recover(geometry: Geometry) {
      const { rows, revision } = journal.load()
      const core = createCore(geometry.entries.map(each => each.size))
      return { state: stateOf(geometry, core, rows), revision }
    },
    onBug: bug => void bugs.push(bug),
  })
  const transport = transportOn(connect({ master: api.url }), { userAgent: 'floatip/test' })
  const calls = callsOn(transport)
  const cluster = clusterOn({ transport, log, clock, random, onFailure: thrown => void bugs.push(thrown) })
  const objects = objectStoreOn(transport)
  const replicator =
    options.replicate === false
      ? noReplication(ledger)
      : replicatorOf({
          ledger,
          objects,
          clock,
          log,
          random,
          judge: (row, foreign) => judgeForeign(ports, row, foreign),
        })
  const ports: Ports = { ledger, cluster, calls, replicator, clock, log }
  const waiting = waitingList()
  const holds = holdsOf({ ...ports, holdMs: options.holdMs ?? 60_000, freshValue })
  const waking = wakingOf({ ...ports, waiting, freshValue })
  const filtering = filteringOn(ports, waiting, holds)
  const binding = bindingOn(ports, waiting, holds)
  const addresses = addressesOf({ ...ports, search: searchIn(file.db) })
  const read = { pod: (raw: unknown) => podFact(raw as RawPod), node: (raw: unknown) => nodeFact(raw as RawNode) }
  const legacyFailedNodes = options.legacyFailedNodes ?? false
  const extender = extenderApp({ gate, filtering, binding, waking, read, log, legacyFailedNodes })
  const apiPort = apiApp({ gate, addresses, log })

  const follow = () =>
    cluster.start({
      podEnded(end) {
        waiting.leave(end.pod.uid)
        holds.settle(end.pod.uid)
        void podEnded(ports, end, stopping.signal)
      },
      podSeen(pod) {
        if (pod.node === null) return
        waiting.leave(pod.uid)
        holds.settle(pod.uid)
      },
      workloadChanged: (kind, { namespace, name }) => void workloadChanged(ports, kind, namespace, name),
      factsChanged: () => waking.look(),
    })
  const serveOptions = {
    replicate: options.replicate ?? true,
    installCrds: true,
    file: {
      floatingips: options.file,
      configMapName: 'floatingip-config',
      configMapNamespace: 'kube-system',
      floatingipKey: 'floatingips',
    },
  } as unknown as ServeOptions
  const becoming = becomeReady({
    options: serveOptions,
    ports,
    transport,
    objects,
    gate,
    waking,
    holds,
    follow,
    signal: stopping.signal,
  })
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
        stopping.abort()
        waking.stop()
        holds.stop()
        await Promise.all([cluster.stop(), crash ? undefined : replicator.stop()])
        ledger.close()
        file.close()
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
