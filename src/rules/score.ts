/** Owns prioritize and preempt: load spreads before a subnet runs dry, and nobody is evicted where no address would come free. */
import type { Allocation } from '../domain/allocation.ts'
import type { FilterCommand } from '../domain/command.ts'
import type { Demand } from '../domain/demand.ts'
import type { NodeGroup } from '../domain/geometry.ts'
import { isKept, keptBy, ownerKey, sharedBy } from '../domain/owner.ts'
import { RELEASE_AT_POD_END } from '../domain/policy.ts'
import { isRefusal } from '../domain/refusal.ts'
import { fits, openLists, servedBy } from './choice.ts'
import { matches } from './matching.ts'
import { overLimit, sourceFor } from './source.ts'
import type { View } from './view.ts'

/** Highest score of an extender (extender/v1 MaxExtenderPriority). */
const SCORE_MAX = 10

/** 0 to 10 by the share of free addresses in the group's entries. */
export function score(view: View, group: NodeGroup): number {
  const free = group.entries.reduce((sum, entry) => sum + view.freeCount(entry), 0)
  const size = group.entries.reduce((sum, entry) => sum + (view.geometry.entries[entry]?.size ?? 0), 0)
  return size === 0 ? 0 : Math.floor((SCORE_MAX * free) / size)
}

/** True when the pod can have its addresses on this group's nodes once the victims (pod UIDs) have ended. */
export function fitsAfter(
  view: View,
  { demand }: FilterCommand,
  group: NodeGroup,
  victims: readonly string[],
): boolean {
  const source = sourceFor(view, demand)
  if (isRefusal(source)) {
    const full = source.code === 'limit-reached' || source.code === 'rollout-deadlock'
    return full && makesRoom(view, demand, group, victims)
  }
  const unfit = fits(view, demand, source, group)
  if (unfit === null) return true
  if (unfit.code !== 'no-address-left' && unfit.code !== 'resting') return false
  const freed = victims.flatMap(uid => wouldFree(view, uid, group))
  return demand.request.length === 0 ? freed.length > 0 : matches(view, openLists(view, demand, source, group), freed)
}

/** True when so many of the victims' addresses cease to count that the pod's are within the limit, and it could have one of them there. */
function makesRoom(view: View, demand: Demand, group: NodeGroup, victims: readonly string[]): boolean {
  const share = sharedBy(demand.owner)
  if (share === null) return false
  const isOurs = (row: Allocation) => {
    const other = sharedBy(row.owner)
    return other !== null && ownerKey(other) === ownerKey(share)
  }
  // What is kept under its pod's own name counts in a pool as before.
  const going = victims.flatMap(uid => view.ofIncarnation(uid)).filter(row => isOurs(row) && isKept(keptBy(row.owner)))
  return going.some(row => servedBy(view, row, group)) && overLimit(view, demand, going) === null
}

/** The slots that come free in this group with the pod's end. */
function wouldFree(view: View, uid: string, group: NodeGroup): readonly number[] {
  const isLetGo = ({ policy, reservation }: Allocation) => policy === RELEASE_AT_POD_END && reservation === null
  const going = view.ofIncarnation(uid).filter(row => isLetGo(row) && servedBy(view, row, group))
  return going.flatMap(({ address }) => view.geometry.slotOf(address) ?? [])
}
