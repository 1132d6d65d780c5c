/** Owns import over HTTP: tried first, then kept for their owners in one turn, and called done once replicated (R34). */
import type { Imported } from '../domain/command.ts'
import { isRefusal } from '../domain/refusal.ts'
import type { Address } from '../ip/address.ts'
import { conflictOf } from '../rules/import.ts'
import type { Ports } from './ports.ts'
import { notReplicated } from './replicated.ts'

export interface ImportAnswer {
  /** Addresses that were not in the ledger; with conflicts or in a dry run: that would be new. */
  readonly fresh: number
  /** Their owners have them already. */
  readonly known: number
  readonly conflicts: readonly { readonly address: Address; readonly because: string }[]
  readonly done: boolean
  /** Recorded here, and not written to the API server yet: the same again waits for the rest. */
  readonly waiting: number
}

export type Import = (items: readonly Imported[], dryRun: boolean) => Promise<ImportAnswer>

export function importOn({ ledger, replicator, clock }: Pick<Ports, 'ledger' | 'replicator' | 'clock'>): Import {
  function tried(items: readonly Imported[]): ImportAnswer {
    return ledger.read(view => {
      const conflicts = items.flatMap(item => {
        const because = conflictOf(view, item)
        return because === null ? [] : [{ address: item.address, because }]
      })
      const known = items.filter(item => view.at(item.address) !== null && conflictOf(view, item) === null).length
      const waiting = items.filter(({ address }) => replicator.isBusy(address)).length
      return { fresh: items.length - known - conflicts.length, known, conflicts, done: false, waiting }
    })
  }

  return async (items, dryRun) => {
    const found = tried(items)
    if (dryRun || found.conflicts.length > 0) return found
    const outcome = await ledger.submit('importAll', { at: clock.now(), items })
    // Somebody was faster than we: what stands against it now is told.
    if (isRefusal(outcome)) return tried(items)
    const addresses = items.map(({ address }) => address)
    const waiting = await notReplicated({ replicator, clock }, addresses)
    const conflicts = [...tried(items).conflicts, ...lost(items)]
    const fresh = outcome.answer
    return { fresh, known: items.length - fresh - conflicts.length, conflicts, done: conflicts.length === 0, waiting }
  }

  /** Recorded by us, and gone again before the answer. */
  function lost(items: readonly Imported[]): ImportAnswer['conflicts'] {
    const because = 'it was free again before it was replicated: its owner does not exist, or another has its object'
    return ledger
      .read(view => items.filter(({ address }) => view.at(address) === null))
      .map(({ address }) => ({
        address,
        because,
      }))
  }
}
