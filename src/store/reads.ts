/** Owns everything that is asked of the ledger's file beside the turn, on a connection that cannot write; answers are plain JSON. */
import { Database } from 'bun:sqlite'
import { historyIn } from './history.ts'
import { searchIn } from './search.ts'
import { trigramsIn } from './trigrams.ts'

/** A writer that checkpoints holds readers up for moments. */
const BUSY_MS = 5_000

export function openReads(path: string) {
  const db = new Database(path, { readonly: true, strict: true })
  db.run(`PRAGMA busy_timeout = ${BUSY_MS}`)
  const trigrams = trigramsIn(db)
  return {
    search: searchIn(db, trigrams),
    /** Goes on with the index of keywords; true: it has everything. */
    index: trigrams.advance,
    ...historyIn(db),
    /** Writes all of it into a new file, as of this moment. */
    copyTo(target: string): null {
      db.query('VACUUM INTO ?').run(target)
      return null
    },
    close(): null {
      db.close()
      return null
    },
  }
}

export type Reads = ReturnType<typeof openReads>
