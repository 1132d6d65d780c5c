/** Owns the table of address forms: what is one, how it is written, how it sorts, what its object is called. */
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  type Address,
  address,
  addressAt,
  compareAddresses,
  type Family,
  objectName,
  parseAddress,
  parseObjectName,
  sortKey,
} from '../../src/ip/address.ts'
import { present } from '../../src/lib/assert.ts'

const at = (text: string) => present(parseAddress(text), text)
const LAST: Record<Family, bigint> = { 4: 2n ** 32n - 1n, 6: 2n ** 128n - 1n }
const anyAddress: fc.Arbitrary<Address> = fc
  .constantFrom<Family>(4, 6)
  .chain(family => fc.bigInt({ min: 0n, max: LAST[family] }).map(value => address(family, value)))

describe('an address is written in one way', () => {
  test.each([
    ['10.0.0.1', '10.0.0.1'],
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['2001:DB8::00AB', '2001:db8::ab'], // lower case, no leading zeros
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'], // of two equal runs of zeros the first is shortened
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'], // the longest run is shortened
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'], // one zero group is not a run
    ['64:ff9b::10.0.0.1', '64:ff9b::a00:1'],
    ['::ffff:10.0.0.1', '::ffff:a00:1'], // a mapped address is an IPv6 address
  ])('%s is %s', (written, text) => {
    expect(at(written).text).toBe(text)
  })

  test('as a browser writes it (RFC 5952), and it reads back', () => {
    fc.assert(
      fc.property(anyAddress, a => {
        const host = new URL(a.family === 4 ? `http://${a.text}/` : `http://[${a.text}]/`).hostname
        expect(host).toBe(a.family === 4 ? a.text : `[${a.text}]`)
        expect(parseAddress(a.text)).toEqual(a)
      }),
    )
  })
})

test.each([
  '',
  ' 10.0.0.1',
  '10.0.0',
  '10.0.0.256',
  '010.0.0.1', // octal to some, decimal to others
  '10.0.0.1/24',
  '167772161',
  '0x0a000001',
  'fe80::1%eth0',
  '1::2::3',
  ':::',
  '[::1]',
  'localhost',
])('%p is not an address', text => {
  expect(parseAddress(text)).toBeNull()
})

test('a number outside the family is no address', () => {
  expect(addressAt(4, -1n)).toBeNull()
  expect(addressAt(4, 2n ** 32n)).toBeNull()
  expect(addressAt(4, 2n ** 32n - 1n)?.text).toBe('255.255.255.255')
  expect(addressAt(6, 2n ** 32n)?.text).toBe('::1:0:0')
  expect(addressAt(6, 2n ** 128n)).toBeNull()
})

describe('the name of its object', () => {
  test.each([
    ['10.0.0.1', '10.0.0.1'],
    ['2001:db8::1', '2001-0db8-0000-0000-0000-0000-0000-0001'],
    ['::', '0000-0000-0000-0000-0000-0000-0000-0000'],
  ])('%s is %s', (text, name) => {
    expect(objectName(at(text))).toBe(name)
    expect(parseObjectName(name)?.text).toBe(text)
  })

  test('is a DNS-1123 subdomain and reads back', () => {
    fc.assert(
      fc.property(anyAddress, a => {
        expect(objectName(a)).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/)
        expect(parseObjectName(objectName(a))).toEqual(a)
      }),
    )
  })

  test.each(['10.0.0', '10-0-0-1', 'web-0', '', '2001-db8--1', '2001:0db8:0000:0000:0000:0000:0000:0001'])(
    '%p is not a name of an address',
    name => {
      expect(parseObjectName(name)).toBeNull()
    },
  )
})

describe('order', () => {
  test('IPv4 before IPv6, then by number and not by text', () => {
    const sorted = ['10.0.0.2', '10.0.0.10', '::1', '9.255.255.255', '2001:db8::'].map(at).sort(compareAddresses)
    expect(sorted.map(a => a.text)).toEqual(['9.255.255.255', '10.0.0.2', '10.0.0.10', '::1', '2001:db8::'])
  })

  test('the sort key of 17 bytes orders as the addresses do', () => {
    fc.assert(
      fc.property(anyAddress, anyAddress, (a, b) => {
        expect(sortKey(a)).toHaveLength(17)
        expect(Math.sign(Buffer.compare(sortKey(a), sortKey(b)))).toBe(Math.sign(compareAddresses(a, b)))
      }),
    )
  })
})
