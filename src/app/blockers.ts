/** Owns who stands in a waiting pod's way: the addresses that it waits for, and who has them. */
import type { Allocation } from '../domain/allocation.ts'
import type { Demand } from '../domain/demand.ts'
import type { NodeGroup } from '../domain/geometry.ts'
import { isKept, ownerKey, sharedBy } from '../domain/owner.ts'
import { isConfigured, type View } from '../rules/view.ts'
import type { Reason } from './explain-words.ts'

export interface Blockers {
  /** Rows of the ledger, bounded. */
  readonly rows: readonly Allocation[]
  /** All of them; null: more than were looked at. */
  readonly total: number | null
}

const ROWS_MAX = 10
/** Addresses looked at for examples of those that are kept without a pod: some 2 ms. */
const LOOKED_AT_MAX = 4_096
const NOBODY: Blockers = { rows: [], total: 0 }

export function blockersOf(view: View, demand: Demand, reason: Reason, groups: readonly NodeGroup[]): Blockers {
  switch (reason) {
    case 'waiting-for-old-pod':
      return some(view.ofKey(ownerKey(demand.owner)).filter(row => row.incarnation !== demand.pod.uid))
    case 'address-elsewhere': {
      const own = view.ofKey(ownerKey(demand.owner))
      return some((own.length > 0 ? own : shared(view, demand).filter(row => isKept(row.owner))).filter(configured))
    }
    case 'limit-reached':
    case 'pool-limit':
    case 'rollout-deadlock':
      return some(shared(view, demand).filter(row => !isKept(row.owner) && configured(row)))
    case 'no-address-left':
      return keptIn(view, groups)
    case 'resting':
      return some([...new Set(groups.flatMap(group => group.entries))].flatMap(entry => view.restingIn(entry)))
    default:
      return NOBODY
  }

  function configured(row: Allocation): boolean {
    return isConfigured(view, row)
  }
}

function shared(view: View, { owner }: Demand): readonly Allocation[] {
  const share = sharedBy(owner)
  return share === null ? [] : view.ofShare(ownerKey(share))
}

function some(rows: readonly Allocation[]): Blockers {
  return { rows: rows.slice(0, ROWS_MAX), total: rows.length }
}

/** Addresses of these nodes that nobody uses but somebody keeps: what a person could release. */
function keptIn(view: View, groups: readonly NodeGroup[]): Blockers {
  const rows: Allocation[] = []
  let looked = 0
  let slot = 0
  const wanted = new Set(groups.flatMap(group => group.entries))
  for (const [index, { size }] of view.geometry.entries.entries()) {
    const end = slot + size
    for (; wanted.has(index) && slot < end && looked < LOOKED_AT_MAX; slot++, looked++) {
      const row = view.at(view.geometry.addressOf(slot))
      // Without a pod: kept, or not to be given yet.
      if (row !== null && row.incarnation === null) rows.push(row)
    }
    const whole = slot === end
    slot = end
    if (wanted.has(index) && !whole) return { rows: rows.slice(0, ROWS_MAX), total: null }
  }
  return some(rows)
}
