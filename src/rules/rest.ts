/** Owns rest: an address that a container may still use goes to no other owner before its time is over (R12). */
import type { Allocation, Draft } from '../domain/allocation.ts'
import type { Change } from '../domain/change.ts'
import type { RestedCommand } from '../domain/command.ts'
import { type Owner, restKey } from '../domain/owner.ts'
import { RELEASE_AT_POD_END } from '../domain/policy.ts'
import type { Rule, View } from './view.ts'

/** The row once nobody keeps it any more: null when it is free, else as it rests. */
export function unkept(row: Allocation | Draft): Draft | null {
  if (row.restsSince === null) return null
  return {
    ...row,
    phase: 'resting',
    incarnation: null,
    node: null,
    policy: RELEASE_AT_POD_END,
    reservation: null,
    heldFrom: null,
    blocked: false,
    surge: false,
  }
}

/** Nobody needs it any more: it is free, or rests before. */
export function free(row: Allocation, because: string, restsSince = row.restsSince): Change {
  const after = unkept({ ...row, restsSince })
  const { address } = row
  return after === null
    ? { verb: 'free', address, before: row, after, because }
    : { verb: 'rest', address, before: row, after, because: `${because}; it rests, since a container may still use it` }
}

/** False once other owners may have it, now or when it has rested. */
export function isStillTheirs({ after }: Change): boolean {
  return after !== null && after.phase !== 'resting'
}

/** The rest is over: what only rested is free; what a pod or an owner has in the meantime stays theirs. */
export const rested: Rule<RestedCommand, boolean> = (view, { address, since }) => {
  const before = view.at(address)
  if (before === null || before.restsSince !== since) return { changes: [], answer: false }
  const change = { address, before, because: 'it has rested' }
  return before.phase === 'resting'
    ? { changes: [{ ...change, verb: 'free', after: null }], answer: true }
    : { changes: [{ ...change, verb: 'rest', after: { ...before, restsSince: null } }], answer: true }
}

/** What rests and this owner may have all the same: its own name's first. */
export function restingFor(view: View, owner: Owner): readonly Allocation[] {
  const rows = view.restingFor(restKey(owner))
  const [own, others] = [rows.filter(row => isOwn(row, owner)), rows.filter(row => !isOwn(row, owner))]
  return [...own, ...others]
}

/** It rests from a pod of the very same name, which this one replaces. */
export function isOwn(row: Allocation, { pod, workload, namespace, kind }: Owner): boolean {
  const { owner } = row
  return owner.pod === pod && owner.workload === workload && owner.namespace === namespace && owner.kind === kind
}
