/** Owns the draft of an address that a pod takes: held by filter, or bound by bind. */
import type { Allocation, Draft } from '../domain/allocation.ts'
import type { Demand } from '../domain/demand.ts'
import type { Owner } from '../domain/owner.ts'
import type { Choice } from './choice.ts'
import type { Source } from './source.ts'
import type { View } from './view.ts'

/** The row that the choice rests on, and the same address as the pod has it from now on. `node` null: a hold. */
export function claimOf(
  view: View,
  demand: Demand,
  source: Source,
  choice: Choice,
  index: number,
  node: string | null,
): { before: Allocation | null; after: Draft } {
  const before = 'row' in choice ? choice.row : null
  const after: Draft = {
    address: 'row' in choice ? choice.row.address : view.geometry.addressOf(choice.slot),
    owner: demand.owner,
    phase: node === null ? 'held' : 'bound',
    incarnation: demand.pod.uid,
    node,
    // What a pod only holds goes back as it was: its policy would keep what it never had.
    policy: node === null && before?.phase === 'reserved' ? before.policy : demand.policy,
    index,
    apiVersion: demand.apiVersion,
    reservation: before?.reservation ?? null,
    heldFrom: heldFrom(before),
    blocked: false,
    // Its own replacement may have it; for others it rests on.
    restsSince: before?.restsSince ?? null,
    surge: source.kind === 'free' ? source.lends : (before?.surge ?? false),
  }
  return { before, after }
}

/** Where the claim goes back to when it is given up before the pod is bound. */
function heldFrom(before: Allocation | null): Owner | null {
  return before?.phase === 'reserved' ? before.owner : (before?.heldFrom ?? null)
}
