/** Owns the count of rows by entry and phase, and which rows lie outside the configuration, kept up with every change. */
import type { Allocation, Phase } from '../domain/allocation.ts'
import type { Geometry } from '../domain/geometry.ts'

export type PhaseCounts = Readonly<Record<Phase, number>>

export interface Census {
  add(row: Allocation): void
  remove(row: Allocation): void
  /** Rows of this entry. */
  of(entry: number): PhaseCounts
  /** Rows whose address left the configuration. */
  readonly orphans: ReadonlyMap<string, Allocation>
}

export function censusOf(geometry: Geometry): Census {
  const counts = geometry.entries.map((): Record<Phase, number> => ({ held: 0, bound: 0, reserved: 0 }))
  const orphans = new Map<string, Allocation>()

  function count({ address, phase }: Allocation, by: 1 | -1): boolean {
    const entry = geometry.entryIndexOf(address)
    const of = entry === null ? undefined : counts[entry]
    if (of === undefined) return false
    of[phase] += by
    return true
  }

  return {
    orphans,
    of: entry => counts[entry] ?? { held: 0, bound: 0, reserved: 0 },
    add(row) {
      if (!count(row, 1)) orphans.set(row.address.text, row)
    },
    remove(row) {
      if (!count(row, -1)) orphans.delete(row.address.text)
    },
  }
}
