/** Owns unbind: a pod ended, and the policy frees its addresses or keeps them. */
import { type Allocation, type Draft, isSetAside } from '../domain/allocation.ts'
import type { Change } from '../domain/change.ts'
import type { GiveBackCommand, ReclaimCommand, UnbindCommand } from '../domain/command.ts'
import type { Workload } from '../domain/demand.ts'
import { DEPLOYMENT, isKept, keptBy, type Owner, ordinalExists, ownerKey, sharedBy } from '../domain/owner.ts'
import { IMMUTABLE, NEVER, RELEASE_AT_POD_END } from '../domain/policy.ts'
import { unreachable } from '../lib/assert.ts'
import type { WallMs } from '../lib/clock.ts'
import { keepsUntilOver } from './limit.ts'
import { free, isStillTheirs, unkept } from './rest.ts'
import { isConfigured, type Rule, type View } from './view.ts'

export interface Unbound {
  /** Addresses that other owners may have after the commit. */
  readonly freed: number
  readonly kept: number
}

/** Rows are found by UID, with the policy recorded at bind: labels and owners may have changed since. */
export const unbind: Rule<UnbindCommand, Unbound> = (view, command) => {
  const { at, incarnation, rests } = command
  /** How many addresses of the pod go before this one. */
  let lost = 0
  const changes = view.ofIncarnation(incarnation).map(row => {
    const change = ended(view, row, command, lost, rests ? at : row.restsSince)
    if (!isStillTheirs(change)) lost++
    return change
  })
  return { changes, answer: counted(changes) }
}

function ended(
  view: View,
  row: Allocation,
  { workload, awaited, because }: UnbindCommand,
  lost: number,
  restsSince: WallMs | null,
): Change {
  if (row.phase === 'held') return giveBackOf(row, because)
  const fate = fateOf(view, row, workload, awaited ?? false, lost)
  const why = `${because}; ${fate.because}`
  return fate.keepFor === null ? free(row, why, restsSince) : keep(row, fate.keepFor, why, restsSince)
}

function counted(changes: readonly Change[]): Unbound {
  return {
    freed: changes.filter(change => change.after === null).length,
    kept: changes.filter(isStillTheirs).length,
  }
}

/** Holds (and claims given up) go back to where they came from; the fence spares rows written since. */
export const giveBack: Rule<GiveBackCommand, Unbound> = (view, { incarnation, revision, because, except }) => {
  const rows = view.ofIncarnation(incarnation).filter(row => row.revision <= revision && !except?.has(row.address.text))
  const changes = rows.map(row => giveBackOf(row, because))
  return { changes, answer: counted(changes) }
}

/** What no end of a pod will be told for: an unknown incarnation, or a row that should have gone with its pod. */
export const reclaim: Rule<ReclaimCommand, Unbound> = (view, { address, revision }) => {
  const row = view.at(address)
  if (row === null || row.revision !== revision) return { changes: [], answer: { freed: 0, kept: 0 } }
  const configured = isConfigured(view, row)
  const because = configured ? 'no pod of its name exists' : 'its range left the configuration'
  const keeps = (row.policy !== RELEASE_AT_POD_END || row.reservation !== null) && configured
  const change = keeps ? keep(row, keptBy(row.owner), because) : free(row, because)
  return { changes: [change], answer: counted([change]) }
}

interface Fate {
  readonly keepFor: Owner | null
  readonly because: string
}

function freeing(because: string): Fate {
  return { keepFor: null, because }
}

/** `lost`: how many addresses of the same pod go before this one. */
function fateOf(view: View, row: Allocation, workload: Workload, awaited: boolean, lost: number): Fate {
  if (!isConfigured(view, row)) return freeing('its range left the configuration')
  if (row.reservation !== null) return { keepFor: keptBy(row.owner), because: `reservation ${row.reservation.id}` }
  switch (row.policy) {
    case RELEASE_AT_POD_END:
      return freeing('released with its pod')
    case NEVER:
      return { keepFor: keptBy(row.owner), because: 'policy never' }
    case IMMUTABLE: {
      const fate = immutableFate(view, row, workload, lost)
      if (fate.keepFor !== null || !awaited) return fate
      return { keepFor: sharedBy(row.owner) ?? row.owner, because: 'the next pod of its name is there already' }
    }
    default:
      return unreachable(row.policy)
  }
}

const UNREAD = 'its workload could not be read: kept'

/** Doubt keeps: an address is freed only when the workload is known to be gone or to need fewer. */
function immutableFate(view: View, row: Allocation, workload: Workload, lost: number): Fate {
  const keepFor = sharedBy(row.owner) ?? row.owner
  if (workload.state === 'unlooked' || workload.state === 'unscaled') return { keepFor, because: UNREAD }
  switch (row.owner.kind) {
    case DEPLOYMENT: {
      if (workload.state === 'gone') return freeing('its Deployment is gone')
      if (keepsUntilOver(workload)) return { keepFor, because: 'kept until its rollout is over' }
      const its = view.ofShare(ownerKey(keepFor)).filter(other => isConfigured(view, other) && !isSetAside(other))
      const total = its.length - lost
      return total > workload.replicas
        ? freeing(`its Deployment has ${total} addresses for ${workload.replicas} replicas`)
        : { keepFor, because: 'policy immutable' }
    }
    default:
      // StatefulSets and custom workloads number their pods.
      if (workload.state === 'gone') return freeing('its workload is gone')
      return ordinalExists(row.owner, workload.replicas, workload.firstOrdinal)
        ? { keepFor, because: 'policy immutable' }
        : freeing('its workload was scaled down')
  }
}

/** The row as its owner keeps it without a pod. */
function keptDraft(row: Allocation, owner: Owner): Draft {
  return {
    ...row,
    owner,
    phase: 'reserved',
    incarnation: null,
    node: null,
    heldFrom: null,
    index: owner.pod === '' ? 0 : row.index,
  }
}

function keep(row: Allocation, owner: Owner, because: string, restsSince = row.restsSince): Change {
  return { verb: 'keep', address: row.address, before: row, after: { ...keptDraft(row, owner), restsSince }, because }
}

export function giveBackOf(row: Allocation, because: string): Change {
  const { heldFrom } = row
  // A reservation alone kept it, which ended meanwhile; under a pod's own name it stays while that pod waits.
  const isUnkept =
    heldFrom === null || (isKept(heldFrom) && row.policy === RELEASE_AT_POD_END && row.reservation === null)
  const after = isUnkept ? unkept(row) : keptDraft(row, heldFrom)
  return { verb: 'give back', address: row.address, before: row, after, because }
}
