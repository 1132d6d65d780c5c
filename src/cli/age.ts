/** Owns ages as people write them: 90s, 15m, 12h, 7d. */
import { UsageFault } from '../lib/exit.ts'

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** In milliseconds. */
export function parseAge(text: string): number {
  const [, count, unit = ''] = /^(\d+)([smhdw])$/.exec(text) ?? []
  const unitMs = UNIT_MS[unit]
  if (count === undefined || unitMs === undefined) {
    throw new UsageFault(`${text} is no age: write a number and s, m, h, d or w, such as 7d`)
  }
  return Number(count) * unitMs
}

export function olderThan(time: string | undefined, ageMs: number): boolean {
  return time !== undefined && Date.now() - Date.parse(time) > ageMs
}
