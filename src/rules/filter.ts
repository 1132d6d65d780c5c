/** Owns filter: on which groups of nodes the pod can have its addresses, and the hold that keeps a limit from being overrun. */
import type { Allocation } from '../domain/allocation.ts'
import type { Change } from '../domain/change.ts'
import type { FilterCommand } from '../domain/command.ts'
import type { Demand } from '../domain/demand.ts'
import type { NodeGroup } from '../domain/geometry.ts'
import { isKept } from '../domain/owner.ts'
import { isRefusal, type Refusal } from '../domain/refusal.ts'
import { type Choice, choose, elsewhere, fits } from './choice.ts'
import { claimOf } from './claim.ts'
import { outdated, type Room, type Source, sourceFor } from './source.ts'
import { giveBackOf } from './unbind.ts'
import type { Decision, Rule, View } from './view.ts'

/** Per group id: null when the pod can have its addresses there, else why not. */
export type Verdicts = ReadonlyMap<string, Refusal | null>

export interface FilterAnswer {
  readonly verdicts: Verdicts
  /** UID whose hold this answer renews or takes; null when nothing is held. */
  readonly holds: string | null
  readonly room: Room
}

/** Never refuses as a whole: what is wrong is said for each group. */
export const filter: Rule<FilterCommand, FilterAnswer> = (view, { demand, groups }) => {
  const source = outdated(view, groups) ?? sourceFor(view, demand)
  const verdicts = judge(view, demand, source, groups)
  const abandoned = uselessHold(source, verdicts)
  if (abandoned.length === 0) return take(view, demand, groups, source, verdicts)

  // No asked node can use what the pod holds: it goes back, and another is taken in the same turn (R18).
  const other = sourceFor(view, demand, abandoned)
  const taken = take(view, demand, groups, other, judge(view, demand, other, groups))
  const given = abandoned.map(row => giveBackOf(row, 'no asked node can use it'))
  const gained = [...taken.answer.verdicts.values()].some(verdict => verdict === null)
  return gained && mayReplace(abandoned, other)
    ? { ...taken, changes: [...given, ...taken.changes] }
    : { changes: [], answer: answer(source, verdicts) }
}

function judge(view: View, demand: Demand, source: Source | Refusal, groups: readonly NodeGroup[]): Verdicts {
  return new Map(groups.map(group => [group.id, isRefusal(source) ? source : fits(view, demand, source, group)]))
}

/** The rows that the pod only holds, if no group can use them. A claim is not given back here: its Binding may be on its way (R1). */
function uselessHold(source: Source | Refusal, verdicts: Verdicts) {
  if (isRefusal(source) || source.kind !== 'own') return []
  const useful = [...verdicts.values()].some(verdict => verdict === null)
  return !useful && verdicts.size > 0 && source.rows.every(row => row.phase === 'held') ? source.rows : []
}

/** What goes back to an owner binds it as before: only another address that the same owner keeps will do (R2). */
function mayReplace(held: readonly Allocation[], other: Source | Refusal): boolean {
  const kept = !isRefusal(other) && other.kind === 'kept'
  return held.every(({ heldFrom }) => heldFrom === null || (isKept(heldFrom) && kept))
}

/**
 * What is counted is taken now, a kept address above all: bind runs concurrently with the next pod's filter, and the limit would be
 * overrun. Then only nodes that can use the very addresses qualify.
 */
function take(
  view: View,
  demand: Demand,
  groups: readonly NodeGroup[],
  source: Source | Refusal,
  verdicts: Verdicts,
): Decision<FilterAnswer> {
  const counted = !isRefusal(source) && (source.kind === 'kept' || (source.kind === 'free' && demand.poolSize !== null))
  const choices = counted
    ? best(
        view,
        demand,
        source,
        groups.filter(group => verdicts.get(group.id) === null),
      )
    : null
  if (!counted || choices === null) return { changes: [], answer: answer(source, verdicts) }

  const because = source.kind === 'kept' ? 'kept for its workload' : 'counts in its pool'
  const changes = choices.map((choice, index): Change => {
    const { before, after } = claimOf(view, demand, source, choice, index, null)
    return { verb: 'hold', address: after.address, before, after, because }
  })
  const narrowed = new Map(
    groups.map(group => [
      group.id,
      elsewhere(
        view,
        changes.map(change => change.address),
        group,
      ),
    ]),
  )
  return { changes, answer: { verdicts: narrowed, holds: demand.pod.uid, room: source.room } }
}

/** Of kept addresses the most recently updated one that an asked node can use; of free ones those of the first group. */
function best(view: View, demand: Demand, source: Source, fitting: readonly NodeGroup[]): readonly Choice[] | null {
  const offers = fitting.flatMap(group => {
    const choices = choose(view, demand, source, group)
    return choices === null ? [] : [choices]
  })
  if (source.kind !== 'kept') return offers[0] ?? null
  const newest = source.rows.find(row =>
    offers.some(([choice]) => choice !== undefined && 'row' in choice && choice.row === row),
  )
  return newest === undefined ? null : [{ row: newest }]
}

function answer(source: Source | Refusal, verdicts: Verdicts): FilterAnswer {
  if (isRefusal(source)) return { verdicts, holds: null, room: 0 }
  if (source.kind !== 'own') return { verdicts, holds: null, room: source.room }
  const held = source.rows.find(row => row.phase === 'held')
  const useful = [...verdicts.values()].some(verdict => verdict === null)
  return { verdicts, holds: useful ? (held?.incarnation ?? null) : null, room: null }
}
