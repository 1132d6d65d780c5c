/** Owns the allocation: one address that belongs to somebody, as a row of the ledger. */
import type { Address } from '../ip/address.ts'
import { assert } from '../lib/assert.ts'
import type { WallMs } from '../lib/clock.ts'
import { isKept, type Owner, ownerKey } from './owner.ts'
import type { ReleasePolicy } from './policy.ts'
import type { Reservation } from './reservation.ts'

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
  /** While it lasts, an ended pod's address goes back to it, whatever the policy. */
  readonly reservation: Reservation | null
  /** Whom a hold goes back to when nobody binds it: the kept owner it came from; null: it becomes free. */
  readonly heldFrom: Owner | null
  /** True when an administrator keeps it out of circulation (label `reserved`, or an object that cannot be read). */
  readonly blocked: boolean
  /**
   * When a pod that had it went while its container was last seen running (R12): until the rest is over the address goes to no other
   * owner, whatever becomes of the row. Null: only the pod that has it can be using it.
   */
  readonly restsSince: WallMs | null
  /** Taken beyond the replicas during a rollout: when that is over, the Deployment is to have one address less for it. */
  readonly surge: boolean
  readonly updatedAt: WallMs
  /** The ledger's revision that wrote this row. */
  readonly revision: number
}

/** What a rule says of an allocation; the ledger adds time and revision. */
export type Draft = Omit<Allocation, 'updatedAt' | 'revision'>

/** An address that was free, kept for its owner from now on without a pod. */
export function reservedDraft(
  address: Address,
  owner: Owner,
  policy: ReleasePolicy,
  marks: Partial<Pick<Draft, 'apiVersion' | 'reservation' | 'blocked' | 'index'>> = {},
): Draft {
  return {
    address,
    owner,
    phase: 'reserved',
    incarnation: null,
    node: null,
    policy,
    index: 0,
    apiVersion: '',
    reservation: null,
    heldFrom: null,
    blocked: false,
    restsSince: null,
    surge: false,
    ...marks,
  }
}

/** What every row keeps. */
export function assertSound(row: Allocation | Draft): void {
  const podless = row.phase === 'reserved' || row.phase === 'resting'
  assert(podless === (row.incarnation === null), `${row.address.text}: ${row.phase} and incarnation`)
  assert(row.phase !== 'resting' || row.restsSince !== null, `${row.address.text}: resting since when?`)
  assert(podless || !isKept(row.owner), `${row.address.text}: ${row.phase} under ${ownerKey(row.owner)}`)
}

/** True when the row counts against a limit: it has a pod. */
export function isClaimed(row: Allocation): boolean {
  return row.incarnation !== null
}

/** True when a reservation keeps it and no pod has it: it is beside what its workload has, however many pods that wants. */
export function isSetAside(row: Allocation): boolean {
  return row.phase === 'reserved' && row.reservation !== null
}

/** UID of the pod that has it; null: none is known, and any unfinished pod of its name may be the one (R14). */
export function knownUid({ incarnation }: Allocation): string | null {
  return incarnation === UNKNOWN_INCARNATION ? null : incarnation
}
