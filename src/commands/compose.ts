/** Owns the composition: what is built from what, in which order it starts, and in which it ends. */
import { askedMemory } from '../app/asked.ts'
import { bindingOn } from '../app/bind.ts'
import { heirsOf } from '../app/claims.ts'
import { configurationOf } from '../app/configuration.ts'
import { logDecisions } from '../app/decisions.ts'
import { filteringOn } from '../app/filter.ts'
import { judgeForeign } from '../app/foreign.ts'
import { foundIn } from '../app/found.ts'
import { readyGate } from '../app/gate.ts'
import { holdsOf } from '../app/holds.ts'
import { objectWatchOn } from '../app/objects.ts'
import { sweepOrphans } from '../app/orphans.ts'
import { poolsOf } from '../app/pools.ts'
import type { Ports } from '../app/ports.ts'
import { restsOf } from '../app/rests.ts'
import { resyncOf } from '../app/resync.ts'
import { stuckRolloutsOf } from '../app/stuck-rollouts.ts'
import { tellingOn } from '../app/telling.ts'
import { verbosityOf } from '../app/verbosity.ts'
import { waitingList } from '../app/waiting.ts'
import { wakingOf } from '../app/waking.ts'
import { settleInCluster } from '../app/which-cluster.ts'
import { readConfiguration } from '../domain/configuration.ts'
import { apiApp } from '../http/api.ts'
import { extenderApp } from '../http/extender.ts'
import type { Mirror } from '../kube/mirror.ts'
import { nodeFact, type RawNode } from '../kube/node.ts'
import { mirrorObjects } from '../kube/object-store.ts'
import { listPods, podFact, type RawPod } from '../kube/pod.ts'
import { poolStoreOn } from '../kube/pool.ts'
import type { Clock } from '../lib/clock.ts'
import type { LevelledLog } from '../lib/log.ts'
import { noReplication, replicatorOf } from '../replica/replicator.ts'
import { rememberedText } from '../store/facts.ts'
import { cloudOf } from './cloud.ts'
import { configurationTold, followConfiguration, lastGoodOn } from './configuration-source.ts'
import { kubernetesOn } from './kubernetes.ts'
import { ledgerAt } from './ledger.ts'
import { listenersOn } from './listening.ts'
import { measuring } from './measure.ts'
import type { ServeOptions } from './options.ts'
import { questionsOn } from './questions.ts'
import { readsOf } from './reads.ts'
import { becomeReady } from './ready.ts'
import { VERSION } from './version.ts'

/** What comes from outside: time, chance, the log, and the end of the process. */
export interface Surroundings {
  readonly clock: Clock
  readonly random: () => number
  readonly log: LevelledLog
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
  const metrics = measuring(clock)

  const { file, ledger, term, freshValue } = ledgerAt(options, { onBug, onTurn: metrics.onTurn })

  const remembered = {
    cluster: rememberedText(file.db, 'cluster'),
    lastGood: rememberedText(file.db, 'configuration'),
  }
  const kubernetes = kubernetesOn(options, { clock, random, log, onBug, metrics })
  const { transport, following, events, custom, calls, cluster, objects, leadership } = kubernetes
  const gate = readyGate(leadership)
  const replicator = options.replicate
    ? replicatorOf({
        ...{ ledger, objects, clock, log, random },
        onWritten: metrics.replicated,
        onFailed: metrics.replicationFailed,
        isLeader: () => leadership.isLeader(),
        stillLeads: () => leadership.stillLeads(),
        judge: (row, foreign) => judgeForeign({ ...ports, freshValue }, row, foreign),
      })
    : noReplication(ledger)

  const cloud = cloudOf(options, { ledger, cluster, events, metrics, clock, log, random })
  const claimants = new Map<string, string>()
  const ended = new Set<string>()
  const telling = tellingOn({ ledger, cluster, clock, events, speaks: () => gate.open })
  const ports: Ports = {
    ledger,
    cluster,
    calls,
    replicator,
    leadership,
    places: cloud?.places ?? null,
    claimants,
    ended,
    onConflict: telling.conflict,
    restMs: options.restMs,
    clock,
    log,
  }

  // The use cases.
  ledger.onParting(parted => heirsOf(ports, parted))
  logDecisions(ports)
  const waiting = waitingList()
  const holds = holdsOf({ ...ports, holdMs: options.holdMs, freshValue })
  const rests = restsOf(ports)
  const waking = wakingOf({ ...ports, waiting, freshValue })
  const asked = askedMemory(clock)
  const filtering = asked.filtering(filteringOn(ports, waiting, holds, stuckRolloutsOf(cluster, events), telling.waits))
  const binding = asked.binding(bindingOn(ports, waiting, holds, freshValue))
  const poolElsewhere = (name: string) => cluster.poolsNamed(name).find(pool => !pool.galaxys)?.namespace ?? null
  const pools = poolsOf({ ...ports, store: poolStoreOn(transport, poolElsewhere) })
  const lists = {
    listObjects: () => (options.replicate ? objects.list(objectMirror) : Promise.resolve(null)),
    listPods: () => listPods(transport, cluster.pods),
  }
  const questions = questionsOn(ports, { transport, lists, gate, waiting, asked })
  const reads = readsOf({ ports, holds, rests, file, limits: options.history })

  const objectWatch = objectWatchOn(ports, objects, signal)
  const objectMirror = mirrorObjects({ ...following, ...objectWatch })
  const configuration = configurationOf({
    ...ports,
    ...configurationTold(options, events, metrics.configurationRejected),
    read: readConfiguration,
    lastGood: lastGoodOn(options, { ...following, file: remembered.lastGood, signal }),
    found: geometry => foundIn({ ...ports, objects }, objectMirror.values(), geometry),
    onChange() {
      cluster.moved()
      if (gate.open) void sweepOrphans(ports)
    },
    nodes: () => cluster.nodes.values(),
    signal,
  })

  const read = { pod: (raw: unknown) => podFact(raw as RawPod), node: (raw: unknown) => nodeFact(raw as RawNode) }
  const { legacyFailedNodes, profiling } = options
  const extender = extenderApp({
    gate,
    filtering,
    binding,
    waking,
    read,
    podNow: calls.getPod,
    log,
    legacyFailedNodes,
    onAnswered: metrics.scheduler,
  })
  const verbosity = verbosityOf(log, clock)
  const api = apiApp({
    ...reads,
    ...questions,
    ...{ gate, ledger, configuration, pools, metrics: metrics.exposition, verbosity, profiling, log },
    version: VERSION,
    swagger12: options.swagger,
  })

  const listeners = listenersOn(ports, {
    ...{ gate, waiting, asked, holds, waking, telling, events, pools, configuration, signal },
  })

  let configMap: Mirror<unknown> | null = null
  const mirrors = () => [
    ...cluster.mirrors,
    ...custom.mirrors(),
    ...(options.replicate ? [['floatingips', objectMirror] as const] : []),
    ...(configMap === null ? [] : [['configmaps', configMap] as const]),
  ]
  metrics.read({ ...ports, gate, leadership, waiting, configuration, mirrors })

  return {
    ports,
    gate,
    waiting,
    holds,
    extender,
    api,
    ledgerPath: file.path,
    term,

    /** Ends what would go on for ever: to be called before the ports stop. */
    endStreams: () => reads.feed.stop(),

    /** Waits for leadership, follows the configuration and the cluster, and opens the gate; resolves when ready, or when stopped before. */
    async start(): Promise<void> {
      void reads.retain(signal)
      const leading = Promise.withResolvers<void>()
      signal.addEventListener('abort', () => leading.resolve())
      void leadership
        .run({ started: () => leading.resolve(), lost: onLost }, electing.signal)
        .then(leading.resolve, onBug)
      await leading.promise
      if (signal.aborted || !leadership.isLeader()) return
      const found = await becomeReady({
        options,
        ports,
        transport,
        objects,
        configuration,
        gate,
        waking,
        holds,
        rests,
        settle: () => settleInCluster({ ...ports, ...remembered, replicated: options.replicate }),
        configure() {
          configMap = followConfiguration(options, configuration, following)
        },
        follow: () => cluster.start(listeners),
        takeOver: () => pools.takeOver(),
        signal,
      })
      if (found === null || signal.aborted) return
      metrics.onReconciled(found)
      if (options.replicate) objectMirror.start()
      questions.reservations.start()
      for (const { name } of cluster.pools.values()) pools.changed(name)
      void resyncOf(ports, lists, metrics.onReconciled).run(
        options.file.resyncMinutes * 60_000,
        found.doubts > 0,
        signal,
      )
    },

    /** Ends in the order in which things rest on each other. `hard`: as a crash would, nothing that waits is finished. */
    async stop(hard = false): Promise<void> {
      gate.waitFor('its own shutdown')
      stopping.abort()
      metrics.stop()
      reads.feed.stop()
      for (const each of [waking, telling, events, holds, rests, pools, questions.reservations]) each.stop()
      cloud?.stop()
      await Promise.all([cluster.stop(), configMap?.stop(), objectMirror.stop(), hard ? undefined : replicator.stop()])
      if (!hard) ledger.close()
      // Last: a successor may act in the same instant.
      if (!hard) await leadership.release()
      electing.abort()
      await reads.stop()
      file.close()
    },
  }
}
