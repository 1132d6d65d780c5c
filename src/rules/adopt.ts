/** Owns adopt: what the cluster says of an address enters the ledger, and never takes it from a living pod. */
import type { Allocation, Draft, Phase } from '../domain/allocation.ts'
import type { AdoptCommand } from '../domain/command.ts'
import { isKept, keptBy, type Owner, ownerKey, restKey } from '../domain/owner.ts'
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
    return carriedOtherwise(row, command) ? decided(command, row, 'taken over') : { changes: [], answer: 'known' }
  if (!sightingLives) return { changes: [], answer: 'known' }
  if (rowLives) return conflict(row, command)
  // A dead or empty incarnation under the same key is the same owner come back; under another key the living pod has it.
  if (sameKey || row.phase !== 'held' || command.source === 'pod') return decided(command, row, 'taken over')
  return conflict(row, command)
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
    heldFrom: cameFrom(command),
    blocked: command.blocked,
    restsSince: restOf(command, before),
  }
  return {
    changes: [
      { verb: 'adopt', address: command.address, before, after, because: `found in the cluster (${command.source})` },
    ],
    answer,
  }
}

/** An object does not tell where a hold or claim goes back to; doubt keeps it for whoever the policy would keep it for. */
function cameFrom({ source, incarnation, policy, owner }: AdoptCommand): Owner | null {
  if (source === 'pod' || incarnation === null || policy === RELEASE_AT_POD_END) return null
  return keptBy(owner)
}

/** What the object says, or what the row knows of pods of the same owner. */
function restOf({ restsSince, owner, blocked }: AdoptCommand, before: Allocation | null): number | null {
  if (blocked) return null
  return restsSince ?? (before !== null && restKey(before.owner) === restKey(owner) ? before.restsSince : null)
}

function phaseOf(command: AdoptCommand): Phase {
  // Nobody keeps an address with policy release: it only rests.
  const { incarnation, restsSince, policy, owner, blocked } = command
  if (incarnation === null && restsSince !== null && policy === RELEASE_AT_POD_END && !isKept(owner) && !blocked)
    return 'resting'
  if (incarnation === null) return 'reserved'
  return command.node === null ? 'held' : 'bound'
}
