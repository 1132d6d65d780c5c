/** Owns the look at all that workloads keep: lists say where nothing is to be done, quorum reads decide about the rest. */
import type { Allocation } from '../domain/allocation.ts'
import type { Workload } from '../domain/demand.ts'
import { DEPLOYMENT, isKept, NO_CONTROLLER, type Owner, ownerKey, poolOwner, workloadKey } from '../domain/owner.ts'
import { IMMUTABLE } from '../domain/policy.ts'
import { isRefusal } from '../domain/refusal.ts'
import { groupOf, isCustomWorkload } from '../domain/workload.ts'
import type { Told } from '../kube/custom-workload.ts'
import type { State } from '../ledger/state.ts'
import { Fault } from '../lib/fault.ts'
import { follow } from '../rules/follow.ts'
import { inLanes } from './lanes.ts'
import type { Ports } from './ports.ts'
import { workloadChanged } from './workloads.ts'

type Parts = Pick<Ports, 'ledger' | 'cluster' | 'calls' | 'clock' | 'log'>

/** Quorum GETs under way at once. */
const WORKLOADS_AT_ONCE = 16

/** What is known of the workload that a row belongs to. */
type Tell = (row: Allocation) => Told

/**
 * At start-up and at every resync: every workload that may lose some, whatever changed while nobody looked. Kinds that keep
 * addresses are listed afresh: a watch that skipped a change would keep them for ever (as R13 says of pods).
 */
export async function followAll(ports: Parts): Promise<void> {
  needKinds(ports)
  const kinds = new Map(ports.ledger.read(candidates).map(row => [kindOf(row), row]))
  const lists = new Map<string, ReadonlyMap<string, Workload>>()
  for (const [kind, { owner, apiVersion }] of kinds) {
    try {
      const list = await ports.calls.listWorkloads(owner, apiVersion)
      if (list !== null) lists.set(kind, list)
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      ports.log.warn({ kind: owner.kind, err: error.message }, 'workloads could not be listed: what they keep stays')
    }
  }
  await followKept(ports, row => {
    const list = lists.get(kindOf(row))
    const { namespace, workload } = row.owner
    return list === undefined ? 'starting' : (list.get(`${namespace}/${workload}`) ?? list.get(workload) ?? 'missing')
  })
}

/** A kind of custom workloads was listed by its watch: what changed while it was not followed. */
export async function followKind(ports: Parts, kind: string, group: string): Promise<void> {
  const isOfKind = ({ owner, apiVersion }: Allocation) =>
    owner.kind === kind && isCustomWorkload(owner, apiVersion) && (groupOf(apiVersion) ?? group) === group
  await followKept(ports, row => (isOfKind(row) ? ports.cluster.custom.told(row.owner, row.apiVersion) : 'starting'))
}

/** Rows of one list. */
function kindOf(row: Allocation): string {
  return isCustom(row) ? `${row.owner.kind} ${row.apiVersion}` : row.owner.kind
}

/** Custom workloads that have addresses are followed; a kind that has none any more is not, after a while. */
function needKinds({ ledger, cluster: { custom } }: Parts): void {
  const rows = ledger.read(view => [...view.rows()].filter(row => row.policy === IMMUTABLE && row.owner.pool === ''))
  const kinds = new Map(rows.filter(isCustom).map(row => [`${row.owner.kind} ${row.apiVersion}`, row]))
  for (const { owner, apiVersion } of kinds.values()) custom.told(owner, apiVersion)
  custom.rest()
}

/** A row of each workload that has something to lose. */
function candidates(view: State): readonly Allocation[] {
  const rows = [...view.rows()].filter(row => row.surge || (row.phase === 'reserved' && row.policy === IMMUTABLE))
  // What is lent and kept for a pool is paid back by the pool's Deployments.
  const pools = new Set(rows.flatMap(({ owner }) => (owner.kind === '' ? owner.pool : [])))
  const inPools = [...pools].flatMap(pool => view.ofShare(ownerKey(poolOwner(pool))).filter(row => !isKept(row.owner)))
  const all = [...rows.filter(({ owner }) => owner.kind !== ''), ...inPools]
  return [...new Map(all.filter(follows).map(row => [`${workloadKey(row.owner)} ${row.apiVersion}`, row])).values()]
}

async function followKept(ports: Parts, tell: Tell): Promise<void> {
  const workloads = ports.ledger.read(candidates)
  if (workloads.length === 0) return
  const unfinished = unfinishedByWorkload(ports)
  const suspects = workloads.filter(row => mayRelease(ports, row, tell(row), unfinished))
  await inLanes(suspects, WORKLOADS_AT_ONCE, ({ owner, apiVersion }) =>
    workloadChanged(ports, { ...owner, pod: '' }, apiVersion),
  )
}

function follows({ owner }: Allocation): boolean {
  return owner.pool === '' ? owner.kind !== NO_CONTROLLER : owner.kind === DEPLOYMENT
}

/** True when a release is to be expected, if what was told is right: a suspicion, and a quorum read the evidence (R10). */
function mayRelease(ports: Parts, row: Allocation, workload: Told, unfinished: Unfinished): boolean {
  const { owner, apiVersion } = row
  const { ledger, clock } = ports
  // Nothing is ever released for a missing workload whose group nobody told.
  if (workload === 'missing') return !(isCustom(row) && apiVersion === '')
  if (workload === 'starting') return false
  const workloadOwner: Owner = { ...owner, pod: '' }
  const names = unfinished.get(workloadKey(owner)) ?? new Set()
  const { revision } = ledger
  const command = { at: clock.now(), workloadOwner, apiVersion, workload, unfinished: names, revision }
  const decision = ledger.read(view => follow(view, command))
  return !isRefusal(decision) && decision.changes.length > 0
}

function isCustom({ owner, apiVersion }: Allocation): boolean {
  return isCustomWorkload(owner, apiVersion)
}

/** Names of pods, by workload. */
type Unfinished = ReadonlyMap<string, ReadonlySet<string>>

function unfinishedByWorkload({ cluster }: Parts): Unfinished {
  const names = new Map<string, Set<string>>()
  for (const { owner, name, finished } of cluster.pods.values()) {
    if (finished) continue
    const key = workloadKey(owner)
    const same = names.get(key)
    if (same === undefined) names.set(key, new Set([name]))
    else same.add(name)
  }
  return names
}
