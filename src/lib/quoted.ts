/** Owns how a sentence quotes what somebody wrote: it stays a sentence, whatever that was. */

/** Enough to be recognised; the sentence stands once for each of 5,000 nodes. */
const LONGEST = 100

/** For `must be a CIDR, not …`. Lists and objects are named and not shown: they may be nested deeper than the stack is. */
export function quoted(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'an object'
  const isLong = typeof value === 'string' && value.length > LONGEST
  return isLong
    ? `${JSON.stringify(value.slice(0, LONGEST))}… (${value.length} characters)`
    : `${JSON.stringify(value)}`
}
