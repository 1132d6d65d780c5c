/** Owns single facts of the ledger itself. */
import type { Database } from 'bun:sqlite'

/** Numbers this start: one more than the last one on this file, so that what it stamps is new each time. */
export function nextTerm(db: Database): number {
  const row = db
    .query<{ value: string }, []>(`
      INSERT INTO fact VALUES ('term', '1')
      ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT)
      RETURNING value`)
    .get()
  return Number(row?.value ?? 1)
}
