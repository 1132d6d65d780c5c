/** Owns the composition of `floatip serve`: what is built, in which order, and how it ends. */
import { addressesOf } from '../app/addresses.ts'
import { bindingOn } from '../app/bind.ts'
import { type ConfigurationInForce, configurationOf } from '../app/configuration.ts'
import { filteringOn } from '../app/filter.ts'
import { judgeForeign } from '../app/foreign.ts'
import { readyGate } from '../app/gate.ts'
import { holdsOf } from '../app/holds.ts'
import { objectWatchOn } from '../app/objects.ts'
import { podEnded, workloadChanged } from '../app/pod-ends.ts'
import { poolsOf } from '../app/pools.ts'
import type { Ports } from '../app/ports.ts'
import { resync } from '../app/resync.ts'
import { waitingList } from '../app/waiting.ts'
import { wakingOf } from '../app/waking.ts'
import { createCore } from '../core/wasm.ts'
import { readConfiguration } from '../domain/configuration.ts'
import { type Geometry, geometryOf } from '../domain/geometry.ts'
import { apiApp } from '../http/api.ts'
import { extenderApp } from '../http/extender.ts'
import { callsOn } from '../kube/calls.ts'
import { clusterOn } from '../kube/cluster.ts'
import { type ConfigMapParts, followConfigMap } from '../kube/config-map.ts'
import { connect } from '../kube/kubeconfig.ts'
import { nodeFact, type RawNode } from '../kube/node.ts'
import { mirrorObjects, objectStoreOn } from '../kube/object-store.ts'
import { listPods, podFact, type RawPod } from '../kube/pod.ts'
import { poolStoreOn } from '../kube/pool.ts'
import { transport as transportOn } from '../kube/transport.ts'
import { openLedger } from '../ledger/ledger.ts'
import { stateOf } from '../ledger/state.ts'
import { systemClock } from '../lib/clock.ts'
import { jsonLog } from '../lib/log.ts'
import { noReplication, replicatorOf } from '../replica/replicator.ts'
import { nextTerm, rememberedText } from '../store/facts.ts'
import { journalOf } from '../store/journal.ts'
import { openLedgerFile } from '../store/open.ts'
import { searchIn } from '../store/search.ts'
import { EXIT } from './exit.ts'
import type { ServeOptions } from './options.ts'
import { becomeReady } from './ready.ts'
import { VERSION } from './version.ts'

/** Runs until SIGTERM or SIGINT; gives back the exit code. Throws a Fault when it cannot start. */
export async function serve(options: ServeOptions): Promise<number> {
  const log = jsonLog(options.logLevel)
  const clock = systemClock
  const random = Math.random
  const gate = readyGate()
  const stopping = new AbortController()
  const ended = Promise.withResolvers<number>()
  for (const flag of options.notYet) log.warn({ flag }, 'accepted, but not built yet')

  // The ledger: the file, and the memory that is always built from it.
  const file = openLedgerFile(options.dataDir)
  const journal = journalOf(file.db)
  const term = nextTerm(file.db)
  let stamps = 0
  const freshValue = () => `${term}.${++stamps}`
  const ledger = openLedger({
    journal,
    geometry: geometryOf([]),
    recover(geometry: Geometry) {
      const { rows, revision } = journal.load()
      const core = createCore(geometry.entries.map(entry => entry.size))
      return { state: stateOf(geometry, core, rows), revision }
    },
    onBug(bug) {
      log.error({ err: bug, revision: ledger.revision }, 'a broken invariant: floatip stops')
      ended.resolve(EXIT.bug)
    },
  })

  // The cluster.
  const onFailure = (thrown: unknown) => {
    log.error({ err: thrown }, 'a bug in following the cluster: floatip stops')
    ended.resolve(EXIT.bug)
  }
  const transport = transportOn(connect(options), { userAgent: `floatip/${VERSION}` })
  const calls = callsOn(transport)
  const cluster = clusterOn({
    transport,
    log,
    clock,
    random,
    onFailure,
  })
  const objects = objectStoreOn(transport)
  const replicator = options.replicate
    ? replicatorOf({ ledger, objects, clock, log, random, judge: (row, foreign) => judgeForeign(ports, row, foreign) })
    : noReplication(ledger)
  const ports: Ports = { ledger, cluster, calls, replicator, clock, log }

  // The use cases.
  const waiting = waitingList()
  const holds = holdsOf({ ...ports, holdMs: options.holdMs, freshValue })
  const waking = wakingOf({ ...ports, waiting, freshValue })
  const filtering = filteringOn(ports, waiting, holds)
  const binding = bindingOn(ports, waiting, holds)
  const pools = poolsOf({ ...ports, store: poolStoreOn(transport) })
  const addresses = addressesOf({ ...ports, search: searchIn(file.db) })

  const objectWatch = objectWatchOn(ports, objects)
  const objectMirror = mirrorObjects({ transport, log, clock, random, onFailure, ...objectWatch })
  const configuration = configurationOf({
    ...ports,
    where: options.file.floatingips === undefined ? `ConfigMap ${configMapName(options)}` : 'the config file',
    read: readConfiguration,
    lastGood: rememberedText(file.db, 'configuration'),
    onChange: () => cluster.moved(),
    onRejected() {},
  })

  // The two ports answer from the start: "not ready" is an answer.
  const read = { pod: (raw: unknown) => podFact(raw as RawPod), node: (raw: unknown) => nodeFact(raw as RawNode) }
  const { bind: hostname, legacyFailedNodes } = options
  const extender = extenderApp({ gate, filtering, binding, waking, read, log, legacyFailedNodes })
  const api = apiApp({ gate, addresses, pools, log })
  extender.listen({ hostname, port: options.port })
  api.listen({ hostname, port: options.apiPort })
  log.info(
    {
      version: VERSION,
      extender: extender.server?.port,
      api: api.server?.port,
      ledger: file.path,
      term,
      rows: ledger.read(view => view.size),
    },
    'floatip started',
  )

  const configMap = configure(options, configuration, { transport, log, clock, random, onFailure })
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
      poolChanged: name => {
        if (gate.open) pools.changed(name)
      },
      factsChanged: () => waking.look(),
    })
  const { signal } = stopping
  void becomeReady({ options, ports, transport, objects, configuration, gate, waking, holds, follow, signal })
    .then(() => {
      if (signal.aborted) return
      if (options.replicate) objectMirror.start()
      void resync(ports, {
        everyMs: options.file.resyncMinutes * 60_000,
        listObjects: () => (options.replicate ? objects.list() : Promise.resolve([])),
        listPods: () => listPods(transport),
        signal,
      })
      for (const { name } of cluster.pools.values()) pools.changed(name)
    })
    .catch(error => {
      log.error({ err: error }, 'start-up failed on a bug: floatip stops')
      ended.resolve(EXIT.bug)
    })

  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => ended.resolve(EXIT.ok))
  const code = await ended.promise

  // What is under way is finished, in the order in which it was built upon.
  gate.waitFor('its own shutdown')
  stopping.abort()
  await Promise.all([extender.stop(), api.stop()])
  waking.stop()
  holds.stop()
  pools.stop()
  await Promise.all([cluster.stop(), configMap?.stop(), objectMirror.stop(), replicator.stop()])
  if (code !== EXIT.bug) ledger.close()
  file.close()
  log.info({ code }, 'floatip stopped')
  return code
}

function configMapName({ file }: ServeOptions): string {
  return `${file.configMapNamespace}/${file.configMapName}, key ${file.floatingipKey}`
}

/** From the config file once, or from the ConfigMap for as long as we run. */
function configure(
  { file }: ServeOptions,
  configuration: ConfigurationInForce,
  parts: Omit<ConfigMapParts, 'onText'>,
): { stop(): Promise<void> } | null {
  if (file.floatingips !== undefined) {
    configuration.apply(JSON.stringify(file.floatingips))
    return null
  }
  const at = { namespace: file.configMapNamespace, name: file.configMapName, key: file.floatingipKey }
  const following = followConfigMap(at, { ...parts, onText: text => configuration.apply(text) })
  following.start()
  return following
}
