/** Owns the copy on which a plan is played: the rows as they are at one moment, the real rules, and nothing that anybody else sees. */
import type { Allocation } from '../domain/allocation.ts'
import type { Change } from '../domain/change.ts'
import type { Demand, Workload } from '../domain/demand.ts'
import type { Geometry, NodeGroup } from '../domain/geometry.ts'
import { isRefusal, type Refusal, refusal } from '../domain/refusal.ts'
import type { State } from '../ledger/state.ts'
import type { WallMs } from '../lib/clock.ts'
import { type AnswerOf, type CommandKind, type CommandOf, rules } from '../rules/decide.ts'
import { score } from '../rules/score.ts'
import type { Rule } from '../rules/view.ts'
import { pacer } from './pace.ts'

export interface Given {
  /** In the order of the request. */
  readonly addresses: readonly string[]
  /** True when each was the pod's, or kept for it, before. */
  readonly own: boolean
}

export interface Copy {
  readonly state: State
  /** Gives way to the rest of the program, for long plans. */
  readonly pace: () => Promise<void> | null
  decide<K extends CommandKind>(
    kind: K,
    command: CommandOf<K>,
  ): { answer: AnswerOf<K>; changes: readonly Change[] } | Refusal
  /** The pod ends: what becomes of its addresses. */
  end(uid: string, workload: Workload): readonly Change[]
  /** The pod is scheduled, where most addresses are free. */
  place(demand: Demand, groups: readonly NodeGroup[]): Given | Refusal
}

/** `empty`: a state without rows. The rows are values that nobody changes, so the copy is of one moment, however long it takes. */
export async function copyOf(
  rows: readonly Allocation[],
  geometry: Geometry,
  empty: (geometry: Geometry) => State,
  at: WallMs,
): Promise<Copy> {
  const state = empty(geometry)
  const pace = pacer()
  let revision = 0
  for (const row of rows) {
    await pace()
    state.apply(
      { verb: 'adopt', address: row.address, before: null, after: row, because: '' },
      row.updatedAt,
      row.revision,
    )
    revision = Math.max(revision, row.revision)
  }

  function decide<K extends CommandKind>(kind: K, command: CommandOf<K>) {
    const decision = (rules[kind] as Rule<unknown, AnswerOf<K>>)(state, command)
    if (isRefusal(decision)) return decision
    revision++
    for (const change of decision.changes) state.apply(change, at, revision)
    state.settle()
    return decision
  }

  return {
    state,
    pace,
    decide,
    end(uid, workload) {
      const decision = decide('unbind', { at, incarnation: uid, workload, rests: false, because: 'it would end' })
      return isRefusal(decision) ? [] : decision.changes
    },
    place(demand, groups) {
      const filtered = decide('filter', { at, demand, groups })
      if (isRefusal(filtered)) return filtered
      const { verdicts } = filtered.answer
      const [group] = groups
        .filter(each => verdicts.get(each.id) === null)
        .sort((a, b) => score(state, b) - score(state, a))
      if (group === undefined) return firstOf(verdicts.values())
      const held = new Map(filtered.changes.map(change => [change.address.text, change.before]))
      const bound = decide('bind', { at, demand, node: 'planned', group })
      if (isRefusal(bound)) return bound
      const before = (change: Change) => (held.has(change.address.text) ? held.get(change.address.text) : change.before)
      return {
        addresses: bound.answer.addresses.map(({ address }) => address.text),
        own: bound.changes.every(change => before(change) !== null),
      }
    },
  }
}

function firstOf(verdicts: Iterable<Refusal | null>): Refusal {
  for (const verdict of verdicts) if (verdict !== null) return verdict
  return refusal('node-not-configured', 'no node that it may run on is in a node subnet of the configuration')
}
