/** Owns the count of rows for each entry and standing, kept as rows come and go, so that nobody walks through all of them to know. */
import type { Allocation, Phase } from '../domain/allocation.ts'
import { present } from '../lib/assert.ts'

/** How a configured address that has a row stands; `blocked`: an administrator keeps it out of circulation. */
export type Standing = Phase | 'blocked'

export type Counts = Readonly<Record<Standing, number>>

export interface Tally {
  /** Of this entry (its index in the geometry). */
  of(entry: number): Counts
  /** Rows whose address is not configured any more. */
  readonly orphans: ReadonlyMap<string, Allocation>
  /** `entry`: where its address is configured; null: nowhere. */
  add(row: Allocation, entry: number | null): void
  remove(row: Allocation, entry: number | null): void
}

export function tallyOf(entries: number): Tally {
  const none: Counts = { held: 0, bound: 0, reserved: 0, resting: 0, blocked: 0 }
  const counts = Array.from({ length: entries }, () => ({ ...none }) as Record<Standing, number>)
  const orphans = new Map<string, Allocation>()
  const of = (entry: number) => present(counts[entry], 'counts of an entry')
  const standing = (row: Allocation): Standing => (row.blocked ? 'blocked' : row.phase)
  return {
    of,
    orphans,
    add(row, entry) {
      if (entry === null) orphans.set(row.address.text, row)
      else of(entry)[standing(row)]++
    },
    remove(row, entry) {
      if (entry === null) orphans.delete(row.address.text)
      else of(entry)[standing(row)]--
    },
  }
}
