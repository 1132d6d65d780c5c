/** Owns the look at all that workloads keep: where the mirrors see nothing to be done nothing is asked, quorum reads decide about the rest. */
import type { Allocation } from '../domain/allocation.ts'
import { NO_CONTROLLER, type Owner, workloadKey } from '../domain/owner.ts'
import { IMMUTABLE } from '../domain/policy.ts'
import { isRefusal } from '../domain/refusal.ts'
import { groupOf, isCustomWorkload, isWorkloadKind } from '../domain/workload.ts'
import type { Told } from '../kube/custom-workload.ts'
import { follow } from '../rules/follow.ts'
import { inLanes } from './lanes.ts'
import { type Parts, workloadChanged } from './pod-ends.ts'

/** Quorum GETs under way at once. */
const WORKLOADS_AT_ONCE = 16

/** At start-up and at every resync: every workload that keeps addresses, whatever changed while nobody looked. */
export async function followAll(ports: Parts): Promise<void> {
  needKinds(ports)
  await followKept(ports, () => true)
}

/** A kind of custom workloads was listed: what changed while it was not followed. */
export async function followKind(ports: Parts, kind: string, group: string): Promise<void> {
  await followKept(ports, ({ owner, apiVersion }) => owner.kind === kind && (groupOf(apiVersion) ?? group) === group)
}

/** Custom workloads that have addresses are followed; a kind that has none any more is not, after a while. */
function needKinds({ ledger, cluster: { custom } }: Parts): void {
  const rows = ledger.read(view => [...view.rows()].filter(row => row.policy === IMMUTABLE && row.owner.pool === ''))
  const kinds = new Map(rows.filter(isCustom).map(row => [`${row.owner.kind} ${row.apiVersion}`, row]))
  for (const { owner, apiVersion } of kinds.values()) custom.told(owner, apiVersion)
  custom.rest()
}

async function followKept(ports: Parts, concerns: (row: Allocation) => boolean): Promise<void> {
  const kept = ports.ledger.read(view => [...view.rows()].filter(row => isKeptByWorkload(row) && concerns(row)))
  if (kept.length === 0) return
  const workloads = new Map(kept.map(row => [`${workloadKey(row.owner)} ${row.apiVersion}`, row]))
  const unfinished = unfinishedByWorkload(ports)
  const suspects = [...workloads.values()].filter(row => mayRelease(ports, row, unfinished))
  await inLanes(suspects, WORKLOADS_AT_ONCE, ({ owner, apiVersion }) =>
    workloadChanged(ports, { ...owner, pod: '' }, apiVersion),
  )
}

function isKeptByWorkload({ phase, policy, owner }: Allocation): boolean {
  return phase === 'reserved' && policy === IMMUTABLE && owner.pool === '' && owner.kind !== NO_CONTROLLER
}

/** True when a release is to be expected, if the mirror is right: its word is a suspicion, and a quorum read the evidence (R10). */
function mayRelease(ports: Parts, row: Allocation, unfinished: ReadonlyMap<string, ReadonlySet<string>>): boolean {
  const { owner, apiVersion } = row
  const workload = toldOf(ports, row)
  // Nothing is ever released for a missing workload whose group nobody told.
  if (workload === 'missing') return !(isCustom(row) && apiVersion === '')
  if (workload === 'starting') return false
  const workloadOwner: Owner = { ...owner, pod: '' }
  const names = unfinished.get(workloadKey(owner)) ?? new Set()
  const command = { at: ports.clock.now(), workloadOwner, apiVersion, workload, unfinished: names }
  const decision = ports.ledger.read(view => follow(view, command))
  return !isRefusal(decision) && decision.changes.length > 0
}

function toldOf({ cluster }: Parts, row: Allocation): Told {
  const { kind, namespace, workload } = row.owner
  if (isWorkloadKind(kind) && !isCustom(row)) return cluster.knownWorkload(kind, namespace, workload) ?? 'missing'
  return cluster.custom.told(row.owner, row.apiVersion)
}

function isCustom({ owner, apiVersion }: Allocation): boolean {
  return isCustomWorkload(owner, apiVersion)
}

function unfinishedByWorkload({ cluster }: Parts): ReadonlyMap<string, ReadonlySet<string>> {
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
