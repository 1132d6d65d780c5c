/** Owns our picture of the cluster: mirrors of pods, nodes and workloads, and a version that moves when a refusal may have become wrong. */
import type { Workload } from '../domain/demand.ts'
import type { Owner } from '../domain/owner.ts'
import { WORKLOAD_KINDS, type WorkloadKind } from '../domain/workload.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { CustomWorkloads } from './custom-workload.ts'
import { type Change, type Mirror, mirror } from './mirror.ts'
import { type NodeFact, nodeFact, sameAddresses } from './node.ts'
import { type PodFact, pickPod } from './pod.ts'
import { byPrecedence, POOLS_PATH, type PoolFact, poolFact, sameSpec } from './pool.ts'
import type { RawObject } from './raw.ts'
import type { Transport } from './transport.ts'
import { sameWorkload, WORKLOAD_PLURALS, type WorkloadFact, workloadFact, workloadOf } from './workload.ts'

/** A pod incarnation ended: `certain` when the server said so, else only missing from a list. */
export interface PodEnd {
  readonly pod: PodFact
  readonly certain: boolean
  readonly because: string
}

export interface ClusterListeners {
  podEnded(end: PodEnd): void
  /** A pod that asks was seen, new or changed. */
  podSeen(pod: PodFact): void
  /** Its replicas, its ordinals or its rollout changed, or it went. */
  workloadChanged(kind: WorkloadKind, workload: WorkloadFact): void
  /** A custom workload (an owner without a pod) changed its replicas, or it went. */
  customChanged(workload: Owner, apiVersion: string): void
  /** Custom workloads of this kind were listed anew. */
  customListed(kind: string, group: string): void
  /** A Pool object of this name came, changed or went. */
  poolChanged(name: string): void
  /** A node came, changed its addresses or went. */
  nodesChanged(): void
  /** `factsVersion` moved. */
  factsChanged(): void
}

export interface Cluster {
  readonly pods: Mirror<PodFact>
  readonly nodes: Mirror<NodeFact>
  readonly workloads: Readonly<Record<WorkloadKind, Mirror<WorkloadFact>>>
  readonly pools: Mirror<PoolFact>
  readonly custom: CustomWorkloads
  /** Moves with nodes, workloads and the ends of pods: with all that can change a refusal, besides the ledger. */
  readonly factsVersion: number
  /** Nodes whose addresses changed, by name: the version as of which they have those that they have (see {@link RENUMBERED_MAX}). */
  readonly renumbered: ReadonlyMap<string, number>
  /** What the mirror knows of a workload; null: it does not have it, which proves nothing (R26). */
  knownWorkload(kind: WorkloadKind, namespace: string, name: string): Workload | null
  /** Something outside of the mirrors changed that refusals rest on (the configuration). */
  moved(): void
  /** The Pools of this name, the one that counts first: that of kube-system, else the oldest. */
  poolsNamed(name: string): readonly PoolFact[]
  /** The Pool that is in force under this name: the first, unless it was set aside; null: none is. */
  poolInForce(name: string): PoolFact | null
  /** The Pool with this UID limits nobody, or does again (R22). */
  setAside(uid: string, aside: boolean): void
  start(listeners: ClusterListeners): void
  stop(): Promise<void>
  /** Which collections are not listed yet. */
  waitingFor(): readonly string[]
  /** All collections by name, for whoever watches the watching. */
  readonly mirrors: readonly (readonly [string, Mirror<unknown>])[]
}

export interface ClusterParts {
  readonly transport: Transport
  readonly log: Log
  readonly clock: Clock
  readonly random: () => number
  readonly onFailure: (thrown: unknown) => void
  readonly custom: CustomWorkloads
  /** The definition of Pool may be missing for good (replication is off). */
  readonly optionalPools: boolean
}

/** A rack that is given other addresses at once; of more than these the last ones count. */
const RENUMBERED_MAX = 256

export function clusterOn({ optionalPools, custom, ...parts }: ClusterParts): Cluster {
  let listeners: ClusterListeners | null = null
  let factsVersion = 1
  const renumbered = new Map<string, number>()

  function moved(): void {
    factsVersion++
    listeners?.factsChanged()
  }

  /** One that is new was asked about by nobody; one that went may come back with another address. */
  function renumber(change: Change<NodeFact>): void {
    const { name } = change.kind === 'seen' ? change.after : change.kind === 'deleted' ? change.last : change.before
    if (change.kind === 'seen' && change.before === null && !renumbered.has(name)) return
    renumbered.delete(name)
    renumbered.set(name, factsVersion + 1)
    const [oldest] = renumbered.size > RENUMBERED_MAX ? renumbered.keys() : []
    if (oldest !== undefined) renumbered.delete(oldest)
  }

  function follow<T>(
    path: string,
    pick: (raw: RawObject) => T | null,
    onChange: (change: Change<T>) => void,
  ): Mirror<T> {
    return mirror<T>({ ...parts, path, pick, onChange })
  }

  const pods = follow<PodFact>('/api/v1/pods', pickPod, change => {
    for (const end of endsOf(change)) {
      listeners?.podEnded(end)
      moved()
    }
    if (change.kind === 'seen') listeners?.podSeen(change.after)
  })

  const nodes = follow<NodeFact>(
    '/api/v1/nodes',
    raw => nodeFact(raw),
    change => {
      if (change.kind === 'seen' && change.before !== null && sameAddresses(change.before, change.after)) return
      renumber(change)
      listeners?.nodesChanged()
      moved()
    },
  )

  const workloads = Object.fromEntries(
    WORKLOAD_KINDS.map(kind => [
      kind,
      follow<WorkloadFact>(`/apis/apps/v1/${WORKLOAD_PLURALS[kind]}`, workloadFact(kind), change => {
        const workload = workloadChange(change)
        if (workload === null) return
        listeners?.workloadChanged(kind, workload)
        moved()
      }),
    ]),
  ) as Record<WorkloadKind, Mirror<WorkloadFact>>

  /** Made anew when somebody asks after a change: every question about a pod of a pool asks. */
  let byName: ReadonlyMap<string, readonly PoolFact[]> | null = null
  const pools = follow<PoolFact>(POOLS_PATH, poolFact, change => {
    byName = null
    if (change.kind === 'seen' && change.before !== null && sameSpec(change.before, change.after)) return
    const pool = change.kind === 'seen' ? change.after : change.kind === 'deleted' ? change.last : change.before
    listeners?.poolChanged(pool.name)
    moved()
  })

  /** UIDs. */
  const aside = new Set<string>()
  function poolsNamed(name: string): readonly PoolFact[] {
    byName ??= Map.groupBy(pools.values(), pool => pool.name)
    return byPrecedence(byName.get(name) ?? [])
  }

  const mirrors: readonly [string, Mirror<unknown>][] = [
    ['pods', pods],
    ['nodes', nodes],
    ['pools', pools],
    ...WORKLOAD_KINDS.map((kind): [string, Mirror<unknown>] => [WORKLOAD_PLURALS[kind], workloads[kind]]),
  ]

  return {
    mirrors,
    pods,
    nodes,
    workloads,
    pools,
    custom,
    renumbered,
    get factsVersion() {
      return factsVersion
    },
    knownWorkload(kind, namespace, name) {
      const fact = workloads[kind].get(`${namespace}/${name}`)
      return fact === undefined ? null : workloadOf(fact)
    },
    moved,
    poolsNamed,
    poolInForce(name) {
      const [first] = poolsNamed(name)
      return first === undefined || aside.has(first.uid) ? null : first
    },
    setAside(uid, is) {
      if (aside.has(uid) === is) return
      if (is) aside.add(uid)
      else aside.delete(uid)
      moved()
    },
    start(to) {
      listeners = to
      for (const [, each] of mirrors) each.start()
      custom.start({ changed: to.customChanged, listed: to.customListed, moved })
    },
    async stop() {
      await Promise.all([custom.stop(), ...mirrors.map(([, each]) => each.stop())])
    },
    waitingFor: () =>
      mirrors
        .filter(([name, each]) => !each.isSynced && !(name === 'pools' && optionalPools && each.state === 'absent'))
        .map(([name]) => name),
  }
}

/** Which incarnations this change ended: deleted, replaced under its name, finished, or (not certain) vanished. */
function endsOf(change: Change<PodFact>): readonly PodEnd[] {
  switch (change.kind) {
    case 'deleted':
      return [{ pod: change.last, certain: true, because: 'its pod was deleted' }]
    case 'vanished':
      return [{ pod: change.before, certain: false, because: 'its pod is gone' }]
    case 'deselected':
      return []
    case 'seen': {
      const { before, after } = change
      const ends: PodEnd[] = []
      const isReplaced = before !== null && before.uid !== after.uid
      if (isReplaced)
        ends.push({ pod: before, certain: true, because: 'its pod was replaced by another of the same name' })
      // A list can show one that is new and over already.
      const wasFinished = !isReplaced && (before?.finished ?? false)
      if (after.finished && !wasFinished) ends.push({ pod: after, certain: true, because: `its pod is ${after.phase}` })
      return ends
    }
  }
}

function workloadChange(change: Change<WorkloadFact>): WorkloadFact | null {
  if (change.kind === 'deleted') return change.last
  if (change.kind !== 'seen') return change.before
  const { before, after } = change
  return before !== null && sameWorkload(before, after) ? null : after
}
