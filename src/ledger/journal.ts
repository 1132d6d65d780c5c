/** Owns the port to the disk: what the ledger needs of a store. It never takes a callback and never waits. */
import type { Allocation } from '../domain/allocation.ts'
import type { Committed } from '../domain/change.ts'

/** Who caused a change, for the history. */
export type Actor = 'scheduler' | 'cluster' | 'person' | 'floatip'

export interface Journal {
  begin(): void
  /** Row, history and outbox in the open transaction. */
  append(change: Committed, actor: Actor): void
  /** The cluster has this address as of this revision: its outbox entry is done, unless a newer one came. */
  acknowledge(address: string, revision: number): void
  /** The cloud has this address on this node no more, as of this revision. */
  left(address: string, node: string, revision: number): void
  commit(): void
  rollback(): void
  /** All rows as the last commit left them, and the highest revision ever given. */
  load(): { readonly rows: readonly Allocation[]; readonly revision: number }
  /** Addresses that the cloud may have on a node which their row went from, with the revision of that. */
  leftovers(): readonly { readonly address: string; readonly node: string; readonly revision: number }[]
  /** Addresses (as text) whose newest state the cluster has not acknowledged, oldest change first. */
  outbox(): readonly { readonly address: string; readonly revision: number }[]
}
