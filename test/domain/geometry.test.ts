/** Owns slots and groups: the translation both ways, and which entries serve which node. */
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { geometryOf } from '../../src/domain/geometry.ts'
import { address, compareAddresses, parseAddress } from '../../src/ip/address.ts'
import { contains, parseCidr } from '../../src/ip/cidr.ts'
import { listContains, parseRange, rangeSet, setSize } from '../../src/ip/range.ts'
import { present } from '../../src/lib/assert.ts'
import { entryOf } from '../rules/world.ts'

const at = (text: string) => present(parseAddress(text), text)
const set = (...texts: string[]) => rangeSet(texts.map(text => present(parseRange(text), text)))

describe('slots', () => {
  const geometry = geometryOf([
    entryOf('10.9.0.0/16', '10.0.0.0/24', '10.0.0.2~10.0.0.9', '10.0.0.20~10.0.0.29'),
    entryOf('10.9.0.0/16', '10.0.1.0/24', '10.0.1.2~10.0.1.4'),
    entryOf('fd00::/64', '2001:db8::/64', '2001:db8::2~2001:db8::5'),
  ])

  test.each([
    ['10.0.0.2', 0, 0],
    ['10.0.0.9', 7, 0],
    ['10.0.0.20', 8, 0],
    ['10.0.0.29', 17, 0],
    ['10.0.1.2', 18, 1],
    ['10.0.1.4', 20, 1],
    ['2001:db8::2', 21, 2],
    ['2001:db8::5', 24, 2],
  ])('%s is slot %i of entry %i', (text, slot, entry) => {
    expect(geometry.slotOf(at(text))).toBe(slot)
    expect(geometry.addressOf(slot).text).toBe(text)
    expect(geometry.entryIndexOf(at(text))).toBe(entry)
    expect(geometry.entryOf(slot)).toBe(present(geometry.entries[entry], 'entry'))
  })

  test.each(['10.0.0.1', '10.0.0.10', '10.0.0.19', '10.0.1.5', '2001:db8::1', '::a00:2'])('%s has no slot', text => {
    expect(geometry.slotOf(at(text))).toBeNull()
    expect(geometry.entryIndexOf(at(text))).toBeNull()
  })

  test('a slot that does not exist is a bug', () => {
    expect(() => geometry.addressOf(geometry.slots)).toThrow('slot 25 of 25')
    expect(() => geometry.addressOf(-1)).toThrow()
  })

  test('the intervals of a set, within chosen entries', () => {
    const wanted = set('10.0.0.8~10.0.0.21', '10.0.1.0/24')
    expect(geometry.intervals(wanted, [0, 1])).toEqual([
      { lo: 6, hi: 7 },
      { lo: 8, hi: 9 },
      { lo: 18, hi: 20 },
    ])
    expect(geometry.intervals(wanted, [1])).toEqual([{ lo: 18, hi: 20 }])
    expect(geometry.intervals(set('192.168.0.0/16'), [0, 1])).toEqual([])
    expect(geometry.intervals([...set('10.0.0.20~10.0.0.21'), ...set('10.0.0.8')], [0])).toEqual([
      { lo: 8, hi: 9 },
      { lo: 6, hi: 6 },
    ])
  })

  test('round trip: every slot of every geometry is one address, in order within its entry', () => {
    const piece = fc.record({ gap: fc.integer({ min: 1, max: 5 }), length: fc.integer({ min: 1, max: 6 }) })
    const entries = fc.array(fc.array(piece, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(entries, fc.boolean(), (plan, descending) => {
        let next = 2n ** 24n * 10n
        const made = plan.map(pieces => {
          const ranges = pieces.map(({ gap, length }) => {
            const first = next + BigInt(gap)
            next = first + BigInt(length)
            return { first: address(4, first), last: address(4, next - 1n) }
          })
          return {
            ...entryOf('10.9.0.0/16', '10.0.0.0/8', '10.0.0.1'),
            ranges: rangeSet(ranges),
            size: Number(setSize(rangeSet(ranges))),
          }
        })
        const fuzzed = geometryOf(descending ? made.reverse() : made)
        expect(fuzzed.slots).toBe(made.reduce((sum, entry) => sum + entry.size, 0))
        const seen = new Set<string>()
        for (let slot = 0; slot < fuzzed.slots; slot++) {
          expect(fuzzed.slotOf(fuzzed.addressOf(slot))).toBe(slot)
          seen.add(fuzzed.addressOf(slot).text)
        }
        expect(seen.size).toBe(fuzzed.slots)
        // Every other one of them, one range each, and a wide one: the very slots of the chosen entries, their addresses ascending.
        const wanted = set(...[...seen].filter((_, nth) => nth % 2 === 0), '10.0.0.8~10.0.0.20')
        const chosen = fuzzed.entries.flatMap((_, index) => (index % 2 === 0 ? [index] : []))
        const expected = Array.from({ length: fuzzed.slots }, (_, slot) => slot).filter(slot => {
          const a = fuzzed.addressOf(slot)
          return listContains(wanted, a) && chosen.includes(fuzzed.entryIndexOf(a) ?? -1)
        })
        const found = fuzzed.intervals(wanted, chosen)
        const slots = found.flatMap(({ lo, hi }) => Array.from({ length: hi - lo + 1 }, (_, n) => lo + n))
        expect(slots.toSorted((a, b) => a - b)).toEqual(expected)
        expect(slots).toEqual(slots.toSorted((a, b) => compareAddresses(fuzzed.addressOf(a), fuzzed.addressOf(b))))
      }),
    )
  })
})

describe('groups of nodes', () => {
  const geometry = geometryOf([
    entryOf('10.1.0.0/16', '10.0.0.0/24', '10.0.0.2~10.0.0.9'), // 0: the wide subnet
    entryOf('10.1.1.0/24', '10.0.1.0/24', '10.0.1.2~10.0.1.9'), // 1: nested in it
    entryOf('10.2.0.0/16', '10.0.2.0/24', '10.0.2.2~10.0.2.9'), // 2: elsewhere
    entryOf('fd00::/64', '2001:db8::/64', '2001:db8::2~2001:db8::9'), // 3
    entryOf('10.1.0.0/16', '10.0.4.0/24', '10.0.4.2~10.0.4.9'), // 4: the wide subnet again
  ])

  test.each([
    ['in the wide subnet: both of its entries, in order', ['10.1.9.9'], [0, 4]],
    ['in the nested subnet: the most specific first', ['10.1.1.9'], [1, 0, 4]],
    ['elsewhere', ['10.2.0.1'], [2]],
    ['with IPv6 only', ['fd00::7'], [3]],
    ['with two addresses: the entries of both, those of the first one first', ['10.2.0.1', '10.1.1.9'], [2, 1, 0, 4]],
    ['with the same two the other way round', ['10.1.1.9', '10.2.0.1'], [1, 0, 4, 2]],
    ['with IPv6 as its first address: IPv4 first all the same', ['fd00::7', '10.2.0.1'], [2, 3]],
    ['with both families: the entries of both, IPv4 first', ['10.2.0.1', 'fd00::7'], [2, 3]],
  ])('a node %s', (_, addresses, entries) => {
    expect(geometry.groupOf(addresses.map(at))?.entries).toEqual(entries)
  })

  test('whatever the entries, a group has exactly those with a node subnet around one of the addresses', () => {
    const network = fc
      .tuple(fc.nat({ max: 15 }), fc.integer({ min: 26, max: 32 }))
      .map(([n, prefix]) => `10.1.0.${n * 16}/${prefix}`)
    const six = fc
      .tuple(fc.nat({ max: 15 }), fc.integer({ min: 122, max: 128 }))
      .map(([n, prefix]) => `fd00::${(n * 4).toString(16)}/${prefix}`)
    const subnets = fc.uniqueArray(fc.oneof(network, six), { minLength: 1, maxLength: 4 })
    const addresses = fc.array(
      fc.oneof(
        fc.nat({ max: 255 }).map(n => `10.1.0.${n}`),
        fc.nat({ max: 63 }).map(n => `fd00::${n.toString(16)}`),
      ),
      { maxLength: 3 },
    )
    fc.assert(
      fc.property(fc.array(subnets, { minLength: 1, maxLength: 8 }), addresses, (plans, texts) => {
        const entries = plans.map((each, n) => ({
          ...entryOf('10.9.0.0/16', `10.0.${n}.0/24`, `10.0.${n}.2`),
          nodeSubnets: each.map(text => present(parseCidr(text), text)),
        }))
        const node = texts.map(at)
        const serves = (n: number) =>
          entries[n]?.nodeSubnets.some(subnet => node.some(a => contains(subnet, a))) ?? false
        const expected = entries.flatMap((_, n) => (serves(n) ? n : []))
        const group = geometryOf(entries).groupOf(node)
        expect([...(group?.entries ?? [])].sort((a, b) => a - b)).toEqual(expected)
        const named = new Set(
          entries
            .flatMap(({ nodeSubnets }) => nodeSubnets)
            .filter(subnet => node.some(a => contains(subnet, a)))
            .map(({ text }) => text),
        )
        expect(new Set(group === null ? [] : group.subnets.split(', '))).toEqual(named)
      }),
    )
  })

  test('a node outside every node subnet has no group', () => {
    expect(geometry.groupOf([at('172.16.0.1')])).toBeNull()
    expect(geometry.groupOf([])).toBeNull()
  })

  test('equal groups have equal ids, and people read their subnets', () => {
    const a = geometry.groupOf([at('10.1.9.9')])
    const b = geometry.groupOf([at('10.1.200.1')])
    expect(a?.id).toBe(b?.id ?? '')
    expect(geometry.groupOf([at('10.1.1.9')])?.id).not.toBe(a?.id ?? '')
    expect(geometry.groupOf([at('10.1.1.9')])?.subnets).toBe('10.1.1.0/24, 10.1.0.0/16')
  })
})
