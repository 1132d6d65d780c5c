/** Owns ranges of addresses, their canonical sets (sorted, disjoint, not adjacent), and lists of them in an order of preference. */

import { present } from '../lib/assert.ts'
import { type Address, address, compareAddresses, type Family, parseAddress } from './address.ts'
import { parseCidr } from './cidr.ts'

/** All addresses from `first` to `last`, both included; both of one family. */
export interface Range {
  readonly first: Address
  readonly last: Address
}

/** A canonical list of ranges: ascending (IPv4 before IPv6), disjoint, not adjacent. Equal sets are equal lists. */
export type RangeSet = readonly Range[]

/** Disjoint ranges, those that are preferred first. A canonical set is one too: it prefers the lowest. */
export type RangeList = readonly Range[]

export const RANGE_FORMS = 'a single address, "a~b", "a-b" or a CIDR'

/** The range written as {@link RANGE_FORMS}; null when it is none of these, or runs backwards, or mixes families. */
export function parseRange(text: string): Range | null {
  const written = text.trim()
  const network = parseCidr(written)
  if (network !== null) return { first: network.first, last: network.last }
  const single = parseAddress(written)
  if (single !== null) return { first: single, last: single }
  const parts = written.split(written.includes('~') ? '~' : '-')
  if (parts.length !== 2) return null
  const first = parseAddress((parts[0] ?? '').trim())
  const last = parseAddress((parts[1] ?? '').trim())
  if (first === null || last === null || first.family !== last.family || first.value > last.value) return null
  return { first, last }
}

/** `a~b`, or the address alone when the range has only one. */
export function rangeText(range: Range): string {
  return range.first.value === range.last.value ? range.first.text : `${range.first.text}~${range.last.text}`
}

export function rangeSize(range: Range): bigint {
  return range.last.value - range.first.value + 1n
}

export function setSize(set: RangeSet): bigint {
  return set.reduce((sum, range) => sum + rangeSize(range), 0n)
}

/** The canonical set of everything that the ranges cover. */
export function rangeSet(ranges: readonly Range[]): RangeSet {
  const sorted = [...ranges].sort(byFirst)
  const merged: Range[] = []
  for (const next of sorted) {
    const before = merged.at(-1)
    //  before  |------|          touches or overlaps: one range,
    //  next        |-----|       as long as the longer of the two
    if (
      before !== undefined &&
      before.first.family === next.first.family &&
      next.first.value <= before.last.value + 1n
    ) {
      if (next.last.value > before.last.value) merged[merged.length - 1] = { first: before.first, last: next.last }
    } else {
      merged.push(next)
    }
  }
  return merged
}

function byFirst(a: Range, b: Range): number {
  if (a.first.family !== b.first.family) return a.first.family - b.first.family
  return a.first.value < b.first.value ? -1 : a.first.value > b.first.value ? 1 : 0
}

/** The addresses that the two ranges have in common, or null. */
export function intersect(a: Range, b: Range): Range | null {
  if (a.first.family !== b.first.family) return null
  const first = a.first.value > b.first.value ? a.first : b.first
  const last = a.last.value < b.last.value ? a.last : b.last
  return first.value <= last.value ? { first, last } : null
}

/** The ranges in the order in which they are written, each without what those before it cover. */
export function rangeList(ranges: readonly Range[]): RangeList {
  const list: Range[] = []
  /** Ascending and disjoint. */
  const covered: Range[] = []

  function append(first: Address, last: Address): void {
    const before = list.at(-1)
    const follows = before?.last.family === first.family && before.last.value + 1n === first.value
    if (before !== undefined && follows) list[list.length - 1] = { first: before.first, last }
    else list.push({ first, last })
  }

  for (const { first, last } of ranges) {
    //  covered   |---|    |--|  |----|
    //  written      |=================|
    //  appended      |===|    ||      |
    const { family } = first
    const from = firstReaching(covered, first)
    let to = from
    let open = first.value
    for (
      let next = covered[to];
      next !== undefined && intersect(next, { first, last }) !== null;
      next = covered[++to]
    ) {
      if (open < next.first.value) append(address(family, open), address(family, next.first.value - 1n))
      open = next.last.value + 1n
    }
    if (open <= last.value) append(address(family, open), last)
    const ends = [first, last, ...covered.slice(from, to).flatMap(each => [each.first, each.last])].sort(
      compareAddresses,
    )
    covered.splice(from, to - from, { first: ends[0] ?? first, last: ends.at(-1) ?? last })
  }
  return list
}

export function listContains(list: RangeList, a: Address): boolean {
  return list.some(({ first, last }) => first.family === a.family && first.value <= a.value && a.value <= last.value)
}

/** Index of the first range, ascending and disjoint, that ends at this address or after it; their number when none does. */
export function firstReaching(ranges: readonly Range[], a: Address): number {
  let low = 0
  let high = ranges.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (compareAddresses(present(ranges[middle], 'range').last, a) < 0) low = middle + 1
    else high = middle
  }
  return low
}

/** The range of the canonical set that holds this address (binary search), or null. */
export function findRange<R extends Range>(set: readonly R[], family: Family, value: bigint): R | null {
  let low = 0
  let high = set.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const range = set[middle]
    if (range === undefined) return null
    const before = family !== range.first.family ? family < range.first.family : value < range.first.value
    const after = family !== range.first.family ? family > range.first.family : value > range.last.value
    if (!before && !after) return range
    if (before) high = middle - 1
    else low = middle + 1
  }
  return null
}
