/** Owns an index over the rows: one key to the rows that have it now. */
import type { Allocation } from '../domain/allocation.ts'

export interface Index {
  add(row: Allocation): void
  remove(row: Allocation): void
  /** Rows with this key, by list index. */
  of(key: string): readonly Allocation[]
  readonly size: number
}

const NONE: readonly Allocation[] = []

/** `keyOf` gives the key of a row, or null when the index leaves the row out. */
export function indexBy(keyOf: (row: Allocation) => string | null): Index {
  const rows = new Map<string, Map<string, Allocation>>()
  let size = 0
  return {
    get size() {
      return size
    },
    add(row) {
      const key = keyOf(row)
      if (key === null) return
      const same = rows.get(key)
      if (same === undefined) rows.set(key, new Map([[row.address.text, row]]))
      else same.set(row.address.text, row)
      size++
    },
    remove(row) {
      const key = keyOf(row)
      if (key === null) return
      const same = rows.get(key)
      if (same?.delete(row.address.text)) size--
      if (same?.size === 0) rows.delete(key)
    },
    of(key) {
      const same = rows.get(key)
      if (same === undefined) return NONE
      const list = [...same.values()]
      return list.length > 1 ? list.sort((a, b) => a.index - b.index) : list
    },
  }
}
