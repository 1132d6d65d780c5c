/** Owns the time that a person sends: RFC 3339 with its offset, never read in the time zone of this machine. */
import { BadRequest } from './json.ts'

const FORM = /^(\d{4})-(\d\d)-(\d\d)[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/

export function readTime(text: string, where: string): number {
  const [, year, month, day] = FORM.exec(text) ?? []
  const time = year === undefined ? Number.NaN : Date.parse(text.replace(/^(.{10}) /, '$1T').toUpperCase())
  // The 30th of February would be a day in March.
  const isDay = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate() === Number(day)
  if (!Number.isNaN(time) && isDay) return time
  throw new BadRequest(`${where} must be a time such as 2026-05-29T14:03:00Z, not ${JSON.stringify(text)}`)
}
