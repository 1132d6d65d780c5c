/** Owns single facts of the ledger itself. */
import type { Database } from 'bun:sqlite'

/** A text under a name, as long as the ledger lives. */
export interface RememberedText {
  /** Null: none was written. */
  read(): string | null
  write(text: string): void
  forget(): void
}

export function rememberedText(db: Database, name: string): RememberedText {
  const select = db.query<{ value: string }, [string]>('SELECT value FROM fact WHERE name = ?')
  const upsert = db.query('INSERT INTO fact VALUES ($name, $text) ON CONFLICT (name) DO UPDATE SET value = $text')
  const remove = db.query('DELETE FROM fact WHERE name = ?')
  return {
    read: () => select.get(name)?.value ?? null,
    write: text => void upsert.run({ name, text }),
    forget: () => void remove.run(name),
  }
}

/** Numbers this start: one more than the last one on this file. */
export function nextTerm(db: Database): number {
  const row = db
    .query<{ value: string }, []>(`
      INSERT INTO fact VALUES ('term', '1')
      ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT)
      RETURNING value`)
    .get()
  return Number(row?.value ?? 1)
}
