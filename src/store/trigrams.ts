/**
 * Owns the trigram index of owner keys. It lives with the reader, in memory, and follows the history: in the ledger's file it would make
 * every change of an address three times as dear, for a question that a person asks now and then.
 */
import type { Database } from 'bun:sqlite'

/** A term of the index has three letters or more. */
const LETTERS = 3
/** A term with more keys than this is broad: most pages are found sooner by going through the keys in the list's own order. */
const BROAD = 2_000

export interface Trigrams {
  /** Goes on with at most so many keys; true: it has all that is committed. */
  advance(keys: number): boolean
  /** True when few keys have the term, and the index knows all of them that are committed; it takes in up to `keys` for that. */
  narrows(term: string, keys: number): boolean
}

/** The condition of those that have the term; its value is {@link phrase}. */
export const HAS_TERM = `address IN (SELECT address FROM temp.keyed WHERE number IN
  (SELECT rowid FROM temp.trigram WHERE trigram MATCH ?))`

/** Quoted for the index, so that no letter of it means anything. */
export function phrase(term: string): string {
  return `"${term.replaceAll('"', '""')}"`
}

export function trigramsIn(db: Database): Trigrams {
  db.run('PRAGMA temp_store = MEMORY')
  db.run('CREATE TEMP TABLE keyed (number INTEGER PRIMARY KEY, address TEXT NOT NULL UNIQUE, key TEXT NOT NULL)')
  db.run(`CREATE VIRTUAL TABLE temp.trigram USING
    fts5 (key, content = 'keyed', content_rowid = 'number', tokenize = 'trigram case_sensitive 1', columnsize = 0)`)
  const known = db.query<{ number: number; key: string }, [string]>('SELECT number, key FROM keyed WHERE address = ?')
  const add = db.query<{ number: number }, [string, string]>(
    'INSERT INTO keyed (address, key) VALUES (?, ?) RETURNING number',
  )
  const index = db.query('INSERT INTO trigram (rowid, key) VALUES (?, ?)')
  const unindex = db.query("INSERT INTO trigram (trigram, rowid, key) VALUES ('delete', ?, ?)")
  const drop = db.query('DELETE FROM keyed WHERE number = ?')
  const all = db.query<Keyed, []>('SELECT address, key FROM allocation')
  const newest = db.query<{ id: number | null }, []>('SELECT max(id) AS id FROM history')
  const since = db.query<Keyed & { id: number }, [number, number]>(
    'SELECT id, address, key_after AS key FROM history WHERE id > ? ORDER BY id LIMIT ?',
  )
  const forgotten = db.query<{ value: string }, []>("SELECT value FROM fact WHERE name = 'pruned-to'")
  const some = db.query<{ some: number }, [string, number]>(
    'SELECT count(*) AS some FROM (SELECT 1 FROM trigram WHERE trigram MATCH ? LIMIT ?)',
  )
  /** What is still to be taken in, the last first; null: nothing was looked at yet. */
  let waiting: Keyed[] | null = null
  let seen = 0

  function take({ address, key }: Keyed): void {
    const before = known.get(address)
    if (before?.key === key) return
    if (before !== null) {
      unindex.run(before.number, before.key)
      drop.run(before.number)
    }
    if (key === null) return
    const number = add.get(address, key)?.number ?? 0
    index.run(number, key)
  }

  /** From scratch: at first, and when changes were forgotten before they were followed. */
  function begin(): Keyed[] {
    db.run("INSERT INTO trigram (trigram) VALUES ('delete-all')")
    db.run('DELETE FROM keyed')
    seen = newest.get()?.id ?? 0
    return all.all()
  }

  const advance = db.transaction((keys: number): boolean => {
    if (waiting === null || Number(forgotten.get()?.value ?? 0) > seen) waiting = begin()
    let left = keys
    for (; left > 0 && waiting.length > 0; left--) take(waiting.pop() as Keyed)
    if (waiting.length > 0) return false
    const changes = since.all(seen, left + 1)
    for (const change of changes.slice(0, left)) {
      take(change)
      seen = change.id
    }
    return changes.length <= left
  })

  return {
    advance,
    narrows(term, keys) {
      if ([...term].length < LETTERS || term.includes('\0')) return false
      return advance(keys) && (some.get(phrase(term), BROAD + 1)?.some ?? 0) <= BROAD
    },
  }
}

interface Keyed {
  readonly address: string
  /** Null: it became free. */
  readonly key: string | null
}
