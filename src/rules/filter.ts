/** Owns filter: on which groups of nodes the pod can have its addresses, and the hold that keeps a limit from being overrun. */
import type { Allocation, Draft } from '../domain/allocation.ts'
import type { FilterCommand } from '../domain/command.ts'
import type { Demand } from '../domain/demand.ts'
import { isRefusal, type Refusal } from '../domain/refusal.ts'
import { choose, fits, type Room, type Source, sourceFor } from './source.ts'
import type { Decision, Rule } from './view.ts'

/** Per group id: null when the pod can have its addresses there, else why not. */
export interface FilterAnswer {
  readonly verdicts: ReadonlyMap<string, Refusal | null>
  /** UID whose hold this answer renews or takes; null when nothing is held. */
  readonly holds: string | null
  readonly room: Room
}

/** Never refuses as a whole: what is wrong is said for each group. */
export const filter: Rule<FilterCommand, FilterAnswer> = (view, { demand, groups }) => {
  const source = sourceFor(view, demand)
  if (isRefusal(source)) return answer(demand, source, new Map(groups.map(group => [group.id, source])))

  const verdicts = new Map(groups.map(group => [group.id, fits(view, demand, source, group)]))
  if (source.kind !== 'kept') return answer(demand, source, verdicts)

  // A kept address is taken now: bind runs concurrently with the next pod's filter, and the limit would be overrun.
  // The most recently updated one that an asked node can use is taken; then only nodes that can use this one qualify.
  const candidates = groups
    .filter(group => verdicts.get(group.id) === null)
    .flatMap(group => choose(view, demand, source, group) ?? [])
  const newest = source.rows.find(row => candidates.some(choice => 'row' in choice && choice.row === row))
  if (newest === undefined) return answer(demand, source, verdicts)
  const own: Source = { kind: 'own', rows: [newest] }
  const narrowed = new Map(groups.map(group => [group.id, fits(view, demand, own, group)]))
  return {
    changes: [
      {
        verb: 'hold',
        address: newest.address,
        before: newest,
        after: held(demand, newest),
        because: 'kept for its workload',
      },
    ],
    answer: { verdicts: narrowed, holds: demand.pod.uid, room: source.room },
  }
}

function answer(
  demand: Demand,
  source: Source | Refusal,
  verdicts: ReadonlyMap<string, Refusal | null>,
): Decision<FilterAnswer> {
  if (isRefusal(source)) return { changes: [], answer: { verdicts, holds: null, room: 0 } }
  if (source.kind !== 'own') return { changes: [], answer: { verdicts, holds: null, room: source.room } }
  const renews = source.rows.some(row => row.phase === 'held')
  return { changes: [], answer: { verdicts, holds: renews ? demand.pod.uid : null, room: null } }
}

/** The kept allocation as filter holds it for the pod. */
function held(demand: Demand, kept: Allocation): Draft {
  return {
    address: kept.address,
    owner: demand.owner,
    phase: 'held',
    incarnation: demand.pod.uid,
    node: null,
    policy: demand.policy,
    index: 0,
    apiVersion: demand.apiVersion,
    heldFrom: kept.owner,
    blocked: false,
  }
}
