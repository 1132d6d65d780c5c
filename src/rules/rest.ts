/** Owns rest: an address that a container may still use goes to no other owner before its time is over (R12). */
import type { Allocation } from '../domain/allocation.ts'
import type { Change } from '../domain/change.ts'
import type { RestedCommand } from '../domain/command.ts'
import { restKey } from '../domain/owner.ts'
import { RELEASE_AT_POD_END } from '../domain/policy.ts'
import type { Rule } from './view.ts'

/** Nobody needs it any more: it is free, or has to rest before. */
export function free(row: Allocation, because: string): Change {
  const { address, restsSince } = row
  if (restsSince === null) return { verb: 'free', address, before: row, after: null, because }
  const after = {
    ...row,
    phase: 'resting' as const,
    incarnation: null,
    node: null,
    heldFrom: null,
    policy: RELEASE_AT_POD_END,
  }
  return { verb: 'rest', address, before: row, after, because: `${because}; its container may still run: it rests` }
}

/** The rest is over: what only rested is free, what a pod or an owner has in the meantime stays theirs. */
export const rested: Rule<RestedCommand, boolean> = (view, { address, since }) => {
  const row = view.at(address)
  if (row === null || row.restsSince !== since) return { changes: [], answer: false }
  const because = 'it has rested'
  const change: Change =
    row.phase === 'resting'
      ? { verb: 'free', address, before: row, after: null, because }
      : { verb: 'rest', address, before: row, after: { ...row, restsSince: null }, because }
  return { changes: [change], answer: true }
}

/** What rests for pods like this one, those of its own name first. */
export function restingFor(view: Parameters<typeof rested>[0], owner: Allocation['owner']): readonly Allocation[] {
  const own = (row: Allocation) => (row.owner.pod === owner.pod ? 0 : 1)
  const rows = view.resting(restKey(owner))
  return rows.length < 2 ? rows : [...rows].sort((a, b) => own(a) - own(b) || a.index - b.index)
}
