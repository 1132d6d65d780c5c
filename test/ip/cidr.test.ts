/** Owns the table of CIDRs. */
import { describe, expect, test } from 'bun:test'
import { parseAddress } from '../../src/ip/address.ts'
import { cidr, contains, parseCidr } from '../../src/ip/cidr.ts'
import { present } from '../../src/lib/assert.ts'

const at = (text: string) => present(parseAddress(text), text)
const net = (text: string) => present(parseCidr(text), text)

describe('host bits are masked off', () => {
  test.each([
    ['10.0.0.0/24', '10.0.0.0/24', '10.0.0.0', '10.0.0.255'],
    ['10.0.0.77/24', '10.0.0.0/24', '10.0.0.0', '10.0.0.255'],
    ['10.1.2.3/32', '10.1.2.3/32', '10.1.2.3', '10.1.2.3'],
    ['10.1.2.3/0', '0.0.0.0/0', '0.0.0.0', '255.255.255.255'],
    ['2001:db8::5/64', '2001:db8::/64', '2001:db8::', '2001:db8::ffff:ffff:ffff:ffff'],
    ['2001:db8::5/128', '2001:db8::5/128', '2001:db8::5', '2001:db8::5'],
  ])('%s is %s', (written, text, first, last) => {
    const network = net(written)
    expect([network.text, network.first.text, network.last.text]).toEqual([text, first, last])
    expect(cidr(network.last, network.prefix)).toEqual(network)
  })
})

test.each([
  '10.0.0.0',
  '10.0.0.0/',
  '10.0.0.0/33',
  '10.0.0.0/024',
  '10.0.0.0/-1',
  '10.0.0/24',
  '::/129',
  '/24',
  '10.0.0.0/24/24',
])('%p is not a CIDR', text => {
  expect(parseCidr(text)).toBeNull()
})

test.each([
  ['10.0.0.0/24', '10.0.0.0', true],
  ['10.0.0.0/24', '10.0.0.255', true],
  ['10.0.0.0/24', '10.0.1.0', false],
  ['10.0.0.0/24', '9.255.255.255', false],
  ['0.0.0.0/0', '::1', false],
  ['::/0', '10.0.0.1', false],
  ['2001:db8::/64', '2001:db8::ffff:0:0:1', true],
  ['2001:db8::/64', '2001:db8:0:1::', false],
])('%s has %s: %p', (network, a, yes) => {
  expect(contains(net(network), at(a))).toBe(yes)
})
