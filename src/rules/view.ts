/** Owns the View: all that a rule may see of the ledger, and the shape of what a rule gives back. */
import type { Allocation } from '../domain/allocation.ts'
import type { Change } from '../domain/change.ts'
import type { Geometry } from '../domain/geometry.ts'
import type { Refusal } from '../domain/refusal.ts'
import type { Address } from '../ip/address.ts'

/** A closed interval of slots. */
export interface SlotInterval {
  readonly lo: number
  readonly hi: number
}

export interface View {
  readonly geometry: Geometry
  at(address: Address): Allocation | null
  /** Rows under exactly this owner key, by list index. */
  ofKey(key: string): readonly Allocation[]
  /** Rows of this pod UID, by list index. */
  ofIncarnation(uid: string): readonly Allocation[]
  /** Rows shared under this kept key (see `sharedBy`): those of pods, and the kept ones. */
  ofShare(key: string): readonly Allocation[]
  /** Rows of one workload (see `workloadKey`), whatever the pod. */
  ofWorkload(key: string): readonly Allocation[]
  /** Rows of one reservation. */
  ofReservation(id: string): readonly Allocation[]
  /** Addresses that rest, by who may have them all the same (see `restKey`). They are in no list above: they count in no limit. */
  restingFor(key: string): readonly Allocation[]
  /** Addresses of an entry that rest. */
  restingIn(entry: number): readonly Allocation[]
  freeCount(entry: number): number
  /** The entry's next free slot, or null. */
  peek(entry: number): number | null
  /** The first free slot in [lo, hi], or null. */
  firstFree(lo: number, hi: number): number | null
  /** One distinct free slot for each list, or null when there is no solution. */
  match(lists: readonly (readonly SlotInterval[])[]): readonly number[] | null
}

/** The changes of one command, computed before the first is applied: all happen or none does. */
export interface Decision<A> {
  readonly changes: readonly Change[]
  readonly answer: A
}

/** A pure function: the same view and command always give the same decision. */
export type Rule<C, A> = (view: View, command: C) => Decision<A> | Refusal

/** True when the row's address is in the configuration; what is not is orphaned, and counts and constrains nothing. */
export function isConfigured(view: View, row: Allocation): boolean {
  return view.geometry.slotOf(row.address) !== null
}
