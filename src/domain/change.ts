/** Owns what can happen: every change of the ledger is one address going from one state to another, with who and why. */
import type { Address } from '../ip/address.ts'
import type { WallMs } from '../lib/clock.ts'
import type { Allocation, Draft } from './allocation.ts'

export type Verb =
  | 'hold' // filter took it for a pod
  | 'bind' // bind claimed it for a pod on a node
  | 'keep' // the pod ended, its owner keeps the address
  | 'rest' // nobody keeps it, and a container may still use it; or that is over for one that is kept
  | 'free' // the pod ended, or the workload no longer needs it
  | 'release' // somebody asked
  | 'give back' // nobody bound what filter took
  | 'adopt' // found in the cluster, not in the ledger
  | 'settle' // lent for a rollout that is over: it stays as one of the Deployment's own
  | 'reserve' // a person reserved it ahead
  | 'unreserve' // that reservation ended

export interface Change {
  readonly verb: Verb
  readonly address: Address
  /** Null: it was free. */
  readonly before: Allocation | null
  /** Null: it becomes free, once the turn is committed. */
  readonly after: Draft | null
  /** One clause for the history: why. */
  readonly because: string
  /** When it came about, if that was before the turn: what others recorded is adopted with their time. */
  readonly since?: WallMs
}

/** A change with its place in the ledger. */
export interface Committed extends Change {
  readonly at: WallMs
  readonly after: Allocation | null
  readonly revision: number
}
