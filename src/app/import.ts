/** Owns import over HTTP: tried first, then kept for their owners in one turn, and called done once replicated (R34). */
import type { Imported } from '../domain/command.ts'
import { isRefusal } from '../domain/refusal.ts'
import type { Address } from '../ip/address.ts'
import { conflictOf } from '../rules/import.ts'
import type { Ports } from './ports.ts'
import { REPLICATED_WITHIN_MS } from './reservations.ts'

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

/** As a reservation waits; what takes longer is told, and waited for by asking again. */
const LOOK_MS = 50
const LOOKS_MAX = REPLICATED_WITHIN_MS / LOOK_MS

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
    const waiting = await replicated(items)
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

  /**
   * How many are not written when we stop waiting: those of an earlier import count too. Looked at, not waited for one by one: whoever waits goes
   * first, and the binds of running pods must not stand behind thousands.
   */
  async function replicated(items: readonly Imported[]): Promise<number> {
    let busy = items
    for (let looks = 0; ; looks++) {
      busy = busy.filter(({ address }) => replicator.isBusy(address))
      if (busy.length === 0 || looks >= LOOKS_MAX) return busy.length
      await clock.sleep(LOOK_MS)
    }
  }
}
