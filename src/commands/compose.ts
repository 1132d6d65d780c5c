/** Owns the composition: what is built from what, in which order it starts, and in which it ends. */
import { hostname } from 'node:os'
import { addressesOf } from '../app/addresses.ts'
import { bindingOn } from '../app/bind.ts'
import { type ConfigurationInForce, configurationOf } from '../app/configuration.ts'
import { filteringOn } from '../app/filter.ts'
import { judgeForeign } from '../app/foreign.ts'
import { readyGate } from '../app/gate.ts'
import { holdsOf } from '../app/holds.ts'
import { followKind } from '../app/kept.ts'
import { leadershipOn } from '../app/leadership.ts'
import { aloneLeading } from '../app/leadership-alone.ts'
import { objectWatchOn } from '../app/objects.ts'
import { podBound, podEnded, workloadChanged } from '../app/pod-ends.ts'
import { poolsOf } from '../app/pools.ts'
import type { Ports } from '../app/ports.ts'
import { resyncOf } from '../app/resync.ts'
import { waitingList } from '../app/waiting.ts'
import { wakingOf } from '../app/waking.ts'
import { grpcProvider } from '../cloud/grpc.ts'
import { perAddress } from '../cloud/per-address.ts'
import { placesOf } from '../cloud/places.ts'
import { createCore } from '../core/wasm.ts'
import { readConfiguration } from '../domain/configuration.ts'
import { type Geometry, geometryOf } from '../domain/geometry.ts'
import { apiApp } from '../http/api.ts'
import { extenderApp } from '../http/extender.ts'
import { callsOn } from '../kube/calls.ts'
import { clusterOn } from '../kube/cluster.ts'
import { type ConfigMapParts, followConfigMap } from '../kube/config-map.ts'
import { customWorkloadsOn } from '../kube/custom-workload.ts'
import { eventsOn } from '../kube/events.ts'
import { connect } from '../kube/kubeconfig.ts'
import { leaseStoreOn } from '../kube/lease.ts'
import { nodeFact, type RawNode } from '../kube/node.ts'
import { mirrorObjects, objectStoreOn } from '../kube/object-store.ts'
import { listPods, podFact, type RawPod } from '../kube/pod.ts'
import { poolStoreOn } from '../kube/pool.ts'
import { transport as transportOn } from '../kube/transport.ts'
import { openLedger } from '../ledger/ledger.ts'
import { stateOf } from '../ledger/state.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import { noReplication, replicatorOf } from '../replica/replicator.ts'
import { nextTerm, rememberedText } from '../store/facts.ts'
import { journalOf } from '../store/journal.ts'
import { openLedgerFile } from '../store/open.ts'
import { searchIn } from '../store/search.ts'
import type { ServeOptions } from './options.ts'
import { becomeReady } from './ready.ts'
import { VERSION } from './version.ts'

/** What comes from outside: time, chance, the log, and the end of the process. */
export interface Surroundings {
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
  /** Another process may decide from now on: this one must end. */
  onLost(why: string): void
  /** A broken invariant, or a callback that threw: the process must end. */
  onBug(bug: unknown): void
}

/** Builds everything and starts nothing; throws a Fault when the ledger or the kubeconfig cannot be used. */
export function compose(options: ServeOptions, { clock, random, log, onLost, onBug }: Surroundings) {
  const stopping = new AbortController()
  const { signal } = stopping
  /** Renewal goes on while what is under way is finished. */
  const electing = new AbortController()

  // The ledger: the file, and the memory that is always built from it.
  const file = openLedgerFile(options.dataDir)
  const journal = journalOf(file.db, { cloud: options.file.cloudProvider !== null })
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
    onBug,
  })

  // The cluster.
  const connection = connect(options)
  const transport = transportOn(connection, { userAgent: `floatip/${VERSION}` })
  const events = eventsOn(transport, { clock, log })
  const following = { transport, log, clock, random, onFailure: onBug }
  const custom = customWorkloadsOn({ ...following, monotonicMs: () => performance.now() })
  const calls = callsOn(transport, custom)
  const cluster = clusterOn({ ...following, custom, optionalPools: !options.replicate })
  const objects = objectStoreOn(transport)
  const leadership =
    options.election === null
      ? aloneLeading()
      : leadershipOn({
          // A transport of its own: a renewal must not queue behind the binds that it permits.
          store: leaseStoreOn(transportOn(connection, { userAgent: `floatip/${VERSION}` })),
          clock,
          monotonicMs: () => performance.now(),
          random,
          log,
          identity: `${hostname()}_${crypto.randomUUID()}`,
          timing: options.election,
        })
  const gate = readyGate(leadership)
  const replicator = options.replicate
    ? replicatorOf({
        ledger,
        objects,
        clock,
        log,
        random,
        isLeader: () => leadership.isLeader(),
        judge: (row, foreign) => judgeForeign(ports, row, foreign),
      })
    : noReplication(ledger)

  // The address provider, where there is one.
  const target = options.file.cloudProvider
  const provider = target === null ? null : perAddress(grpcProvider({ target, timeoutMs: options.cloudTimeoutMs }))
  const places =
    provider === null
      ? null
      : placesOf({
          provider,
          store: ledger,
          nodeExists: name => (cluster.nodes.isSynced ? cluster.nodes.get(name) !== undefined : null),
          onNodeGone({ address, node, failures }) {
            const text = `node ${node} is gone and the cloud refused ${failures} times to take ${address.text} from it: taken as done`
            events.warn(
              { apiVersion: 'v1', kind: 'Node', namespace: 'default', name: node },
              'AddressNotUnassigned',
              text,
            )
          },
          ...{ clock, log, random },
        })
  if (places !== null) ledger.onCommit(places.committed)
  const claimants = new Map<string, string>()
  const ports: Ports = { ledger, cluster, calls, replicator, leadership, places, claimants, events, clock, log }

  // The use cases.
  const waiting = waitingList()
  const holds = holdsOf({ ...ports, holdMs: options.holdMs, freshValue })
  const waking = wakingOf({ ...ports, waiting, freshValue })
  const filtering = filteringOn(ports, waiting, holds)
  const binding = bindingOn(ports, waiting, holds, freshValue)
  const pools = poolsOf({ ...ports, store: poolStoreOn(transport) })
  const addresses = addressesOf({ ...ports, search: searchIn(file.db) })

  const objectWatch = objectWatchOn(ports, objects)
  const objectMirror = mirrorObjects({ ...following, ...objectWatch })
  const configuration = configurationOf({
    ...ports,
    where: options.file.floatingips === undefined ? `ConfigMap ${configMapName(options)}` : 'the config file',
    read: readConfiguration,
    lastGood: rememberedText(file.db, 'configuration'),
    onChange: () => cluster.moved(),
    onRejected(because) {
      const { configMapNamespace: namespace, configMapName: name } = options.file
      events.warn({ apiVersion: 'v1', kind: 'ConfigMap', namespace, name }, 'InvalidConfiguration', because)
    },
  })

  const read = { pod: (raw: unknown) => podFact(raw as RawPod), node: (raw: unknown) => nodeFact(raw as RawNode) }
  const { legacyFailedNodes } = options
  const extender = extenderApp({ gate, filtering, binding, waking, read, log, legacyFailedNodes })
  const api = apiApp({ gate, addresses, pools, log })

  const follow = () =>
    cluster.start({
      podEnded(end) {
        waiting.leave(end.pod.uid)
        holds.settle(end.pod.uid)
        void podEnded(ports, end, signal)
      },
      podSeen(pod) {
        const { namespace, name, uid, warnings } = pod
        if (pod.node === null) {
          for (const text of warnings)
            events.warn({ apiVersion: 'v1', kind: 'Pod', namespace, name, uid }, 'FloatingIPRequest', text)
          return
        }
        waiting.leave(pod.uid)
        holds.settle(pod.uid)
        if (gate.open) podBound(ports, pod)
      },
      workloadChanged: (workload, apiVersion) => void workloadChanged(ports, workload, apiVersion),
      kindListed: (kind, group) => void followKind(ports, kind, group),
      poolChanged: name => {
        if (gate.open) pools.changed(name)
      },
      factsChanged: () => waking.look(),
    })

  let configMap: { stop(): Promise<void> } | null = null

  return {
    ports,
    gate,
    waiting,
    holds,
    extender,
    api,
    ledgerPath: file.path,
    term,

    /** Waits for leadership, follows the configuration and the cluster, and opens the gate; resolves when ready, or when stopped before. */
    async start(): Promise<void> {
      const leading = Promise.withResolvers<void>()
      signal.addEventListener('abort', () => leading.resolve())
      void leadership
        .run({ started: () => leading.resolve(), lost: onLost }, electing.signal)
        .then(leading.resolve, onBug)
      await leading.promise
      if (signal.aborted || !leadership.isLeader()) return
      configMap = followConfiguration(options, configuration, following)
      await becomeReady({ options, ports, transport, objects, configuration, gate, waking, holds, follow, signal })
      if (signal.aborted) return
      if (options.replicate) objectMirror.start()
      for (const { name } of cluster.pools.values()) pools.changed(name)
      const lists = {
        objects: () => (options.replicate ? objects.list(objectMirror) : Promise.resolve(null)),
        pods: () => listPods(transport, cluster.pods),
      }
      void resyncOf(ports, lists).run(options.file.resyncMinutes * 60_000, signal)
    },

    /** Ends in the order in which things rest on each other. `hard`: as a crash would, nothing that waits is finished. */
    async stop(hard = false): Promise<void> {
      gate.waitFor('its own shutdown')
      stopping.abort()
      waking.stop()
      holds.stop()
      pools.stop()
      places?.stop()
      provider?.close()
      await Promise.all([cluster.stop(), configMap?.stop(), objectMirror.stop(), hard ? undefined : replicator.stop()])
      if (!hard) ledger.close()
      // Last: a successor may act in the same instant.
      if (!hard) await leadership.release()
      electing.abort()
      file.close()
    },
  }
}

function configMapName({ file }: ServeOptions): string {
  return `${file.configMapNamespace}/${file.configMapName}, key ${file.floatingipKey}`
}

/** From the config file once, or from the ConfigMap for as long as we run. */
function followConfiguration(
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
