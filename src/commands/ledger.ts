/** Owns how the ledger is opened: the file, and the memory that is always built from it. */
import { createCore } from '../core/wasm.ts'
import type { Allocation } from '../domain/allocation.ts'
import { type Geometry, geometryOf } from '../domain/geometry.ts'
import { type LedgerParts, openLedger } from '../ledger/ledger.ts'
import { type State, stateOf } from '../ledger/state.ts'
import { nextTerm } from '../store/facts.ts'
import { journalOf } from '../store/journal.ts'
import { openLedgerFile } from '../store/open.ts'
import type { ServeOptions } from './options.ts'

/** The memory of these rows, over a core of its own. */
export function stateWith(geometry: Geometry, rows: readonly Allocation[]): State {
  return stateOf(geometry, createCore(geometry.entries.map(entry => entry.size)), rows)
}

/** Nothing is configured at first. Throws a Fault when the file cannot be used, or another process has it. */
export function ledgerAt(
  { dataDir, file: { cloudProvider } }: ServeOptions,
  parts: Pick<LedgerParts, 'onBug' | 'onTurn'>,
) {
  const file = openLedgerFile(dataDir)
  const journal = journalOf(file.db, { cloud: cloudProvider !== null })
  const term = nextTerm(file.db)
  const ours = crypto.randomUUID().slice(0, 8)
  let stamps = 0
  const ledger = openLedger({
    ...parts,
    journal,
    geometry: geometryOf([]),
    recover(geometry: Geometry) {
      const { rows, revision } = journal.load()
      return { state: stateWith(geometry, rows), revision }
    },
  })
  /** A text that nobody has given before, on another ledger neither: a patch of the same again changes nothing, and kills no Binding (R1, R25). */
  const freshValue = () => `${term}.${ours}.${++stamps}`
  return { file, ledger, term, freshValue }
}
