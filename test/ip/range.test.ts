/** Owns the table of range forms, and the fuzz of canonical sets against 256 booleans. */
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { address, type Family, parseAddress } from '../../src/ip/address.ts'
import {
  findRange,
  intersect,
  listContains,
  parseRange,
  type Range,
  rangeList,
  rangeSet,
  rangeSize,
  rangeText,
  setSize,
} from '../../src/ip/range.ts'
import { present } from '../../src/lib/assert.ts'

const range = (text: string) => present(parseRange(text), text)
const texts = (ranges: readonly Range[]) => ranges.map(rangeText)

describe('a range is', () => {
  test.each([
    ['one address', '10.0.0.1', '10.0.0.1', 1n],
    ['a~b, both included', '10.0.0.1~10.0.0.9', '10.0.0.1~10.0.0.9', 9n],
    ['a-b', '10.0.0.1-10.0.0.9', '10.0.0.1~10.0.0.9', 9n],
    ['written with blanks', ' 10.0.0.1 ~ 10.0.0.9 ', '10.0.0.1~10.0.0.9', 9n],
    ['from an address to itself', '10.0.0.1~10.0.0.1', '10.0.0.1', 1n],
    ['a CIDR, all of its addresses', '10.0.0.0/30', '10.0.0.0~10.0.0.3', 4n],
    ['a CIDR with host bits', '10.0.0.2/30', '10.0.0.0~10.0.0.3', 4n],
    ['IPv6', '2001:db8::1~2001:db8::ff', '2001:db8::1~2001:db8::ff', 255n],
    ['IPv6 with a-b', '2001:db8::1-2001:db8::ff', '2001:db8::1~2001:db8::ff', 255n],
    ['an IPv6 CIDR', '2001:db8::/120', '2001:db8::~2001:db8::ff', 256n],
  ])('%s', (_, written, text, size) => {
    expect(rangeText(range(written))).toBe(text)
    expect(rangeSize(range(written))).toBe(size)
  })

  test.each([
    ['nothing', ''],
    ['backwards', '10.0.0.9~10.0.0.1'],
    ['open at one end', '10.0.0.1~'],
    ['of three ends', '10.0.0.1~10.0.0.2~10.0.0.3'],
    ['of two families', '10.0.0.1~::1'],
    ['short for the last number', '10.0.0.1-9'],
    ['a name', 'all'],
  ])('not %s', (_, written) => {
    expect(parseRange(written)).toBeNull()
  })
})

describe('a canonical set', () => {
  test.each([
    ['of nothing', [], []],
    ['is sorted as numbers', ['10.0.0.10', '10.0.0.9', '10.0.0.2'], ['10.0.0.2', '10.0.0.9~10.0.0.10']],
    ['merges what touches', ['10.0.0.4~10.0.0.5', '10.0.0.1~10.0.0.3'], ['10.0.0.1~10.0.0.5']],
    ['merges what overlaps', ['10.0.0.1~10.0.0.9', '10.0.0.5~10.0.0.12'], ['10.0.0.1~10.0.0.12']],
    ['swallows what lies inside', ['10.0.0.1~10.0.0.9', '10.0.0.3'], ['10.0.0.1~10.0.0.9']],
    ['keeps a gap of one', ['10.0.0.1', '10.0.0.3'], ['10.0.0.1', '10.0.0.3']],
    ['never merges families', ['255.255.255.255', '::', '::1'], ['255.255.255.255', '::~::1']],
  ])('%s', (_, written, canonical) => {
    expect(texts(rangeSet(written.map(range)))).toEqual(canonical)
  })

  test.each([
    ['10.0.0.1~10.0.0.9', '10.0.0.5~10.0.0.12', '10.0.0.5~10.0.0.9'],
    ['10.0.0.1~10.0.0.9', '10.0.0.9', '10.0.0.9'],
    ['10.0.0.1~10.0.0.9', '10.0.0.10', null],
    ['0.0.0.1', '::1', null],
  ])('%s and %s have %p in common', (a, b, common) => {
    const found = intersect(range(a), range(b))
    expect(found === null ? null : rangeText(found)).toBe(common)
    expect(intersect(range(b), range(a))).toEqual(found)
  })

  //  The oracle: 256 booleans that know nothing of order, families or edges.
  const piece = fc.tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 40 }))
  for (const [family, base] of [
    [4, 0n],
    [4, 2n ** 32n - 256n],
    [6, 2n ** 64n - 100n],
  ] as [Family, bigint][]) {
    test(`agrees with 256 booleans (IPv${family} at ${base})`, () => {
      fc.assert(
        fc.property(fc.array(piece, { maxLength: 12 }), pieces => {
          const oracle = new Array<boolean>(256).fill(false)
          const ranges = pieces.map(([first, length]) => {
            const last = Math.min(255, first + length)
            oracle.fill(true, first, last + 1)
            return { first: address(family, base + BigInt(first)), last: address(family, base + BigInt(last)) }
          })
          const set = rangeSet(ranges)
          for (const [at, covered] of oracle.entries()) {
            expect(listContains(set, address(family, base + BigInt(at)))).toBe(covered)
          }
          expect(listContains(set, address(family === 4 ? 6 : 4, base % 2n ** 32n))).toBe(false)
          expect(setSize(set)).toBe(BigInt(oracle.filter(Boolean).length))
          set.slice(1).forEach((next, at) => {
            expect(next.first.value).toBeGreaterThan((set[at]?.last.value ?? 0n) + 1n)
          })
          expect(rangeSet(set)).toEqual(set)
          expect(rangeSet([...ranges].reverse())).toEqual(set)
        }),
        { numRuns: 200 },
      )
    })
  }

  test.each([
    ['of nothing', [], []],
    ['stays as written', ['10.0.0.9', '10.0.0.2~10.0.0.4', '::1'], ['10.0.0.9', '10.0.0.2~10.0.0.4', '::1']],
    [
      'goes on where the next one begins',
      ['10.0.0.9', '10.0.0.2', '10.0.0.3~10.0.0.4'],
      ['10.0.0.9', '10.0.0.2~10.0.0.4'],
    ],
    [
      'has what was named before only there',
      ['10.0.0.5', '10.0.0.1~10.0.0.9'],
      ['10.0.0.5', '10.0.0.1~10.0.0.4', '10.0.0.6~10.0.0.9'],
    ],
    ['has nothing twice', ['10.0.0.1~10.0.0.9', '10.0.0.3', '10.0.0.1~10.0.0.9'], ['10.0.0.1~10.0.0.9']],
  ])('a list in order of preference %s', (_, written, list) => {
    expect(texts(rangeList(written.map(range)))).toEqual(list)
  })

  test('such a list names each address where it was named first', () => {
    const piece = fc.tuple(
      fc.constantFrom('10.0.0.', '::'),
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 0, max: 9 }),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), pieces => {
        const ranges = pieces.map(([net, first, length]) => {
          const hex = (n: number) => (net === '::' ? n.toString(16) : String(n))
          return range(`${net}${hex(first)}~${net}${hex(first + length)}`)
        })
        const named = (list: readonly Range[]) =>
          list.flatMap(({ first, last }) => {
            const count = Number(last.value - first.value) + 1
            return Array.from({ length: count }, (_, n) => address(first.family, first.value + BigInt(n)).text)
          })
        expect(named(rangeList(ranges))).toEqual([...new Set(named(ranges))])
      }),
      { numRuns: 300 },
    )
  })

  test('finds the range that has an address', () => {
    const set = rangeSet(['10.0.0.1~10.0.0.3', '10.0.0.7', '::1~::9'].map(range))
    const a = present(parseAddress('::5'), '::5')
    expect(rangeText(present(findRange(set, a.family, a.value), 'range'))).toBe('::1~::9')
    expect(findRange(set, 4, a.value)).toBeNull()
    expect(findRange([], 4, 1n)).toBeNull()
  })
})
