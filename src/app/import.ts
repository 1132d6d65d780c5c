/** Owns import over HTTP: tried first, then kept for their owners all at once, and answered once replicated (R34). */
import type { Imported } from '../domain/command.ts'
import { isRefusal } from '../domain/refusal.ts'
import type { Address } from '../ip/address.ts'
import { conflictOf } from '../rules/import.ts'
import type { Ports } from './ports.ts'

export interface ImportAnswer {
  /** Addresses that were not in the ledger; with conflicts or in a dry run: that would be new. */
  readonly fresh: number
  /** Their owners have them already. */
  readonly known: number
  readonly conflicts: readonly { readonly address: Address; readonly because: string }[]
  readonly done: boolean
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
      return { fresh: items.length - known - conflicts.length, known, conflicts, done: false }
    })
  }

  return async (items, dryRun) => {
    const found = tried(items)
    if (dryRun || found.conflicts.length > 0) return found
    const outcome = await ledger.submit('importAll', { at: clock.now(), items })
    // Somebody was faster than we: what stands against it now is told.
    if (isRefusal(outcome)) return tried(items)
    await Promise.all(outcome.changes.map(({ address, revision }) => replicator.acknowledged(address, revision)))
    return { fresh: outcome.answer, known: items.length - outcome.answer, conflicts: [], done: true }
  }
}
