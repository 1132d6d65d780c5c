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
  // Most keys have one row: it stands for itself, for a map of its own takes more memory than the row.
  const rows = new Map<string, Allocation | Map<string, Allocation>>()
  let size = 0
  return {
    get size() {
      return size
    },
    add(row) {
      const key = keyOf(row)
      if (key === null) return
      const same = rows.get(key)
      if (same instanceof Map) same.set(row.address.text, row)
      else if (same === undefined) rows.set(key, row)
      else rows.set(key, new Map([same, row].map(each => [each.address.text, each])))
      size++
    },
    remove(row) {
      const key = keyOf(row)
      if (key === null) return
      const same = rows.get(key)
      if (same instanceof Map) {
        if (same.delete(row.address.text)) size--
        if (same.size === 0) rows.delete(key)
      } else if (same?.address.text === row.address.text) {
        rows.delete(key)
        size--
      }
    },
    of(key) {
      const same = rows.get(key)
      if (same === undefined) return NONE
      if (!(same instanceof Map)) return [same]
      const all = [...same.values()]
      // Nearly always: a pool of thousands is asked for with each question about a pod of it.
      return all.every(row => row.index === 0) ? all : all.sort((a, b) => a.index - b.index)
    },
  }
}
