/** Owns adopt: what the cluster says of an address enters the ledger, and never takes it from a living pod. */
import type { Allocation, Draft, Phase } from '../domain/allocation.ts'
import type { AdoptCommand } from '../domain/command.ts'
import { keptBy, type Owner, ownerKey } from '../domain/owner.ts'
import { RELEASE_AT_POD_END } from '../domain/policy.ts'
import { type Refusal, refusal } from '../domain/refusal.ts'
import type { Rule } from './view.ts'

export type Adopted = 'new' | 'known' | 'taken over'

export const adopt: Rule<AdoptCommand, Adopted> = (view, command) => {
  const row = view.at(command.address)
  if (row === null) return decided(command, null, 'new')
  if (row.blocked || command.blocked) return overBlocked(row, command)

  const sameKey = ownerKey(row.owner) === ownerKey(command.owner)
  const rowLives = row.incarnation !== null && command.alive.has(row.incarnation)
  const sightingLives = command.incarnation !== null && command.alive.has(command.incarnation)
  if (row.incarnation === command.incarnation)
    return carriedOtherwise(row, command) ? decided(command, row, 'taken over') : known(row, command)
  if (!sightingLives) return known(row, command)
  if (rowLives) return conflict(row, command)
  // A dead or empty incarnation under the same key is the same owner come back; under another key the living pod has it.
  if (sameKey || row.phase !== 'held' || command.source === 'pod') return decided(command, row, 'taken over')
  return conflict(row, command)
}

/** All but, perhaps, that it rests: whoever wrote the object saw how its pod went, and we did not. */
function known(row: Allocation, { address, restsSince }: AdoptCommand): ReturnType<typeof adopt> {
  if (restsSince === null || row.restsSince !== null) return { changes: [], answer: 'known' }
  const because = 'its object says that it rests'
  return { changes: [{ verb: 'adopt', address, before: row, after: { ...row, restsSince }, because }], answer: 'known' }
}

/** A bound pod carries what we hold for it, or have for another node: as a hold it would expire under a running pod. */
function carriedOtherwise(row: Allocation, command: AdoptCommand): boolean {
  if (command.source !== 'pod' || command.incarnation === null || command.node === null) return false
  return row.phase === 'held' || row.node !== command.node
}

function overBlocked(row: Allocation, command: AdoptCommand): ReturnType<typeof adopt> {
  if (row.blocked && command.blocked) return { changes: [], answer: 'known' }
  if (command.blocked)
    return row.incarnation === null ? decided(command, row, 'taken over') : { changes: [], answer: 'known' }
  return conflict(row, command)
}

function conflict(row: Allocation, command: AdoptCommand): Refusal {
  return refusal(
    'in-use',
    `${command.address.text} is claimed by ${ownerKey(command.owner)} (${command.source}), but ${ownerKey(row.owner)} has it`,
  )
}

function decided(command: AdoptCommand, before: Allocation | null, answer: Adopted): ReturnType<typeof adopt> {
  const after: Draft = {
    address: command.address,
    owner: command.owner,
    phase: phaseOf(command),
    incarnation: command.incarnation,
    node: command.node,
    policy: command.policy,
    index: command.index,
    apiVersion: command.apiVersion,
    reservation: command.source === 'pod' ? (before?.reservation ?? null) : command.reservation,
    heldFrom: cameFrom(command),
    blocked: command.blocked,
    restsSince: command.restsSince ?? before?.restsSince ?? null,
    surge: command.surge || (before?.surge ?? false),
  }
  const { address, since } = command
  const change = { verb: 'adopt', address, before, after, because: `found in the cluster (${command.source})` } as const
  return { changes: [before === null && since !== undefined ? { ...change, since } : change], answer }
}

/** An object does not tell where a hold or claim goes back to; doubt keeps it for whoever the policy would keep it for. */
function cameFrom({ source, incarnation, policy, reservation, owner }: AdoptCommand): Owner | null {
  if (source === 'pod' || incarnation === null) return null
  if (policy === RELEASE_AT_POD_END && reservation === null) return null
  return keptBy(owner)
}

function phaseOf({ incarnation, node, policy, reservation, restsSince, blocked }: AdoptCommand): Phase {
  if (incarnation !== null) return node === null ? 'held' : 'bound'
  // With this policy nobody keeps an address: it only rests.
  const kept = policy !== RELEASE_AT_POD_END || reservation !== null || blocked
  return restsSince !== null && !kept ? 'resting' : 'reserved'
}
