/** Owns what is forgotten: changes beyond an age and a number, in small steps, and never the one in force when memory begins. */
import type { Database } from 'bun:sqlite'

export interface Retention {
  readonly rows: number
  readonly ageMs: number
}

/** How far a step came; `more`: the next one has work too. */
export interface Pruned {
  readonly removed: number
  readonly more: boolean
}

interface Old {
  readonly id: number
  readonly at: number
  readonly address: string
  readonly key_after: string | null
}

/**
 * Goes through the changes from the oldest on, once. A change that has become old makes those before it of its address forgettable:
 *
 *     address A:  bind₁  free₂  bind₃ │ free₇        │ is the limit: bind₃ stays, for it tells who had A at the limit
 */
export function retentionIn(db: Database): (limits: Retention, now: number, steps: number) => Pruned {
  const number = (name: string) =>
    Number(db.query<{ value: string }, [string]>('SELECT value FROM fact WHERE name = ?').get(name)?.value ?? 0)
  const set = db.query('INSERT INTO fact VALUES ($name, $value) ON CONFLICT (name) DO UPDATE SET value = $value')
  const newest = db.query<{ id: number | null }, []>('SELECT max(id) AS id FROM history')
  const oldest = db.query<Old, [number, number]>(
    'SELECT id, at, address, key_after FROM history WHERE id > ? ORDER BY id LIMIT ?',
  )
  const forget = db.query('DELETE FROM history WHERE address = $address AND at <= $at AND id < $id')
  const forgetFree = db.query('DELETE FROM history WHERE id = $id')
  let reached = number('pruned-to')

  const step = db.transaction((due: readonly Old[]): number => {
    let removed = 0
    for (const { id, at, address, key_after } of due) {
      removed += forget.run({ address, at, id }).changes
      if (key_after === null) removed += forgetFree.run({ id }).changes
    }
    const last = due.at(-1)
    if (last !== undefined) {
      set.run({ name: 'pruned-to', value: String(last.id) })
      set.run({ name: 'recorded-since', value: String(last.at) })
    }
    return removed
  })

  return ({ rows, ageMs }, now, steps) => {
    const last = newest.get()?.id ?? 0
    const candidates = oldest.all(reached, steps)
    // The last change stays whatever its age: its number is not given again.
    const young = candidates.findIndex(({ id, at }) => id === last || (id > last - rows && at >= now - ageMs))
    const due = young === -1 ? candidates : candidates.slice(0, young)
    if (due.length === 0) return { removed: 0, more: false }
    // Nothing is lost when the power fails before this is on disk: it is forgotten again.
    db.run('PRAGMA synchronous = NORMAL')
    try {
      const removed = step.immediate(due)
      reached = due.at(-1)?.id ?? reached
      return { removed, more: due.length === steps }
    } finally {
      db.run('PRAGMA synchronous = FULL')
    }
  }
}
