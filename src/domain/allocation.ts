/** Owns the allocation: one address that belongs to somebody, as a row of the ledger. */
import type { Address } from '../ip/address.ts'
import { assert } from '../lib/assert.ts'
import type { WallMs } from '../lib/clock.ts'
import { isKept, type Owner, ownerKey } from './owner.ts'
import type { ReleasePolicy } from './policy.ts'

/**
 * free → held (taken in filter) → bound (claimed by bind for a pod and node) → reserved (kept for its owner) → bound, or free.
 * resting: nobody keeps it, but a container of its last pod may still use it (R12); another owner has to wait until it has rested.
 * An allocation whose address is not configured any more is orphaned; that follows from the configuration and is not stored.
 */
export type Phase = 'held' | 'bound' | 'reserved' | 'resting'

/** Stands for the UID of a pod that an object without one was adopted for: it equals no UID. */
export const UNKNOWN_INCARNATION = 'unknown'

export interface Allocation {
  readonly address: Address
  readonly owner: Owner
  readonly phase: Phase
  /** UID of the pod that has it, or {@link UNKNOWN_INCARNATION}; null exactly when reserved or resting. */
  readonly incarnation: string | null
  /** Node of the last bind; null when held, reserved or resting. */
  readonly node: string | null
  readonly policy: ReleasePolicy
  /** Which range list of the pod's request it answers, counted from 0. */
  readonly index: number
  /** apiVersion of the owner reference, or empty when nobody told. */
  readonly apiVersion: string
  /** Whom a hold goes back to when nobody binds it: the kept owner it came from; null: it becomes free. */
  readonly heldFrom: Owner | null
  /** True when an administrator keeps it out of circulation (label `reserved`, or an object that cannot be read). */
  readonly blocked: boolean
  /**
   * When a pod of this owner went whose container was last seen running: until its rest is over the address goes to no other owner,
   * whatever phase it is in. Null: nobody but its pod can be using it.
   */
  readonly restsSince: WallMs | null
  readonly updatedAt: WallMs
  /** The ledger's revision that wrote this row. */
  readonly revision: number
}

/** What a rule says of an allocation; the ledger adds time and revision. */
export type Draft = Omit<Allocation, 'updatedAt' | 'revision'>

/** What every row keeps. */
export function assertSound(row: Allocation | Draft): void {
  const podless = row.phase === 'reserved' || row.phase === 'resting'
  assert(podless === (row.incarnation === null), `${row.address.text}: ${row.phase} and incarnation`)
  assert(row.phase !== 'resting' || row.restsSince !== null, `${row.address.text}: resting since when?`)
  assert(
    row.phase === 'reserved' || !isKept(row.owner),
    `${row.address.text}: ${row.phase} under ${ownerKey(row.owner)}`,
  )
}

/** True when the row counts against a limit: it has a pod, or is reserved under a pod's name and such rows are counted. */
export function isClaimed(row: Allocation): boolean {
  return row.phase !== 'reserved'
}
