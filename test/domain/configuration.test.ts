/** Owns the table of configurations: each field, each error text, galaxy's samples, limits, overlaps, warnings. */
import { describe, expect, test } from 'bun:test'
import { readConfiguration, readEntries } from '../../src/domain/configuration.ts'
import type { Configuration } from '../../src/domain/entry.ts'
import { rangeText } from '../../src/ip/range.ts'

const GOOD = {
  nodeSubnets: ['10.0.0.0/24'],
  ips: ['10.0.70.2~10.0.70.241'],
  subnet: '10.0.70.0/24',
  gateway: '10.0.70.1',
  vlan: 2,
}
const entry = (fields: Record<string, unknown>) => ({ ...GOOD, ...fields })
const without = (name: string) => Object.fromEntries(Object.entries(GOOD).filter(([key]) => key !== name))

function read(raw: unknown): Configuration {
  const reading = readEntries(raw)
  if (!reading.ok) throw new Error(reading.problems.join('\n'))
  return reading.configuration
}

function problems(raw: unknown): readonly string[] {
  const reading = readEntries(raw)
  return reading.ok ? [] : reading.problems
}

const shape = ({ entries }: Configuration) =>
  entries.map(e => ({
    nodes: e.nodeSubnets.map(n => n.text),
    subnet: e.subnet.text,
    gateway: e.gateway.text,
    vlan: e.vlan,
    ips: e.ranges.map(rangeText),
    size: e.size,
  }))

describe('samples', () => {
  test('a plain entry', () => {
    expect(shape(read([GOOD]))).toEqual([
      {
        nodes: ['10.0.0.0/24'],
        subnet: '10.0.70.0/24',
        gateway: '10.0.70.1',
        vlan: 2,
        ips: ['10.0.70.2~10.0.70.241'],
        size: 240,
      },
    ])
    expect(read([GOOD]).warnings).toEqual([])
  })

  test("galaxy's, with routableSubnet, single addresses and ranges", () => {
    const text = `[
      {"routableSubnet":"10.49.28.0/26","ips":["10.49.28.2~10.49.28.4","10.49.28.6"],"subnet":"10.49.28.0/24","gateway":"10.49.28.1","vlan":5},
      {"nodeSubnets":["10.49.27.0/24","10.49.29.7/24","10.49.27.9/24"],"ips":["10.49.27.205"],"subnet":"10.49.27.0/24","gateway":"10.49.27.1"}]`
    const reading = readConfiguration(text)
    expect(reading.ok && shape(reading.configuration)).toEqual([
      {
        nodes: ['10.49.27.0/24', '10.49.29.0/24'],
        subnet: '10.49.27.0/24',
        gateway: '10.49.27.1',
        vlan: 0,
        ips: ['10.49.27.205'],
        size: 1,
      },
      {
        nodes: ['10.49.28.0/26'],
        subnet: '10.49.28.0/24',
        gateway: '10.49.28.1',
        vlan: 5,
        ips: ['10.49.28.2~10.49.28.4', '10.49.28.6'],
        size: 4,
      },
    ])
  })

  test('host bits are masked off, of node subnets and of the subnet; the same network twice is one', () => {
    const [made] = shape(
      read([entry({ nodeSubnets: ['10.0.0.7/24', '10.0.0.0/24', 'fd00::7/64'], subnet: '10.0.70.99/24' })]),
    )
    expect(made).toMatchObject({ nodes: ['10.0.0.0/24', 'fd00::/64'], subnet: '10.0.70.0/24' })
  })

  test('routableSubnet alone counts where it is given, whatever nodeSubnets says; empty it is not there', () => {
    const both = read([entry({ routableSubnet: '10.1.0.9/16', nodeSubnets: 'x' })])
    expect(shape(both)[0]?.nodes).toEqual(['10.1.0.0/16'])
    for (const absent of ['', null])
      expect(shape(read([entry({ routableSubnet: absent })]))[0]?.nodes).toEqual(['10.0.0.0/24'])
  })

  test('keys in any case, as galaxy-ipam reads them; the exact one counts first', () => {
    const { nodeSubnets: NodeSubnets, ips: IPs, subnet: SUBNET, gateway: Gateway, vlan: VLAN } = GOOD
    expect(shape(read([{ NodeSubnets, IPs, SUBNET, Gateway, VLAN }]))).toEqual(shape(read([GOOD])))
    expect(shape(read([{ Vlan: 7, ...GOOD, VLAN: 9 }]))[0]?.vlan).toBe(GOOD.vlan)
    const routable = { ...GOOD, nodeSubnets: undefined, RoutableSubnet: '10.1.0.0/16' }
    expect(shape(read([routable]))[0]?.nodes).toEqual(['10.1.0.0/16'])
  })

  test('IPv6 beside IPv4', () => {
    const six = entry({
      nodeSubnets: ['fd00::/64'],
      ips: ['2001:db8::10~2001:db8::1f'],
      subnet: '2001:db8::/64',
      gateway: '2001:db8::1',
    })
    expect(shape(read([six, GOOD])).map(e => [e.gateway, e.size])).toEqual([
      ['10.0.70.1', 240],
      ['2001:db8::1', 16],
    ])
  })

  test('several entries may share a subnet and a node subnet, with disjoint addresses', () => {
    const two = [entry({ ips: ['10.0.70.20'] }), entry({ ips: ['10.0.70.10'] })]
    expect(shape(read(two)).map(e => e.ips)).toEqual([['10.0.70.10'], ['10.0.70.20']])
  })
})

describe('each field says where it is wrong', () => {
  test.each([
    ['not an array', { a: 1 }, ['floatingips must be a JSON array of entries']],
    ['empty', [], ['floatingips is empty: give at least one entry']],
    ['not an object', [GOOD, 7], ['floatingips[1] must be an object']],
    ['no node subnet', [without('nodeSubnets')], ['floatingips[0].nodeSubnets must be a list of at least one CIDR']],
    [
      'node subnets empty',
      [entry({ nodeSubnets: [] })],
      ['floatingips[0].nodeSubnets must be a list of at least one CIDR'],
    ],
    [
      'one node subnet wrong',
      [entry({ nodeSubnets: ['10.0.0.0/24', 'x'] })],
      ['floatingips[0].nodeSubnets[1] must be a CIDR, not "x"'],
    ],
    [
      'routableSubnet wrong',
      [entry({ routableSubnet: '10.0.0.1' })],
      ['floatingips[0].routableSubnet[0] must be a CIDR, not "10.0.0.1"'],
    ],
    ['no subnet', [without('subnet')], ['floatingips[0].subnet must be a CIDR such as 10.0.0.0/24 (it is missing)']],
    ['subnet wrong', [entry({ subnet: 24 })], ['floatingips[0].subnet must be a CIDR such as 10.0.0.0/24, not 24']],
    ['no gateway', [without('gateway')], ['floatingips[0].gateway must be an IP address (it is missing)']],
    [
      'gateway wrong',
      [entry({ gateway: '10.0.70.1/24' })],
      ['floatingips[0].gateway must be an IP address, not "10.0.70.1/24"'],
    ],
    [
      'gateway elsewhere',
      [entry({ gateway: '10.0.71.1' })],
      ['floatingips[0].gateway 10.0.71.1 is not inside subnet 10.0.70.0/24'],
    ],
    [
      'gateway of another family',
      [entry({ gateway: '::1' })],
      ['floatingips[0].gateway ::1 is not inside subnet 10.0.70.0/24'],
    ],
    ['vlan too high', [entry({ vlan: 4095 })], ['floatingips[0].vlan must be a whole number from 0 to 4094, not 4095']],
    ['vlan as text', [entry({ vlan: '2' })], ['floatingips[0].vlan must be a whole number from 0 to 4094, not "2"']],
    ['no ips', [without('ips')], ['floatingips[0].ips must be a list of at least one range']],
    ['ips not a list', [entry({ ips: '10.0.70.2' })], ['floatingips[0].ips must be a list of at least one range']],
    [
      'a range backwards',
      [entry({ ips: ['10.0.70.2', '10.0.70.9~10.0.70.5'] })],
      ['floatingips[0].ips[1] must be a single address, "a~b", "a-b" or a CIDR, not "10.0.70.9~10.0.70.5"'],
    ],
    [
      'a range outside',
      [entry({ ips: ['10.0.70.250~10.0.71.3'] })],
      ['floatingips[0].ips: 10.0.70.250~10.0.71.3 is not inside 10.0.70.0/24'],
    ],
    [
      'overlap between entries',
      [GOOD, entry({ ips: ['10.0.70.241~10.0.70.250'] })],
      ['10.0.70.241 is in two entries: 10.0.70.0/24 (10.0.70.2…) and 10.0.70.0/24 (10.0.70.241…)'],
    ],
  ])('%s', (_, raw, texts) => {
    expect(problems(raw)).toEqual(texts)
  })

  test('all problems at once, of all entries', () => {
    const found = problems([entry({ vlan: -1, gateway: 'x' }), 'no', entry({ ips: ['y'], nodeSubnets: ['z'] })])
    expect(found.map(text => text.split(' ')[0])).toEqual([
      'floatingips[0].gateway',
      'floatingips[0].vlan',
      'floatingips[1]',
      'floatingips[2].nodeSubnets[0]',
      'floatingips[2].ips[0]',
    ])
  })

  test('text that is not JSON', () => {
    const reading = readConfiguration('[{')
    expect(reading.ok ? [] : reading.problems).toEqual([expect.stringMatching(/^floatingips is not JSON: ./)])
  })

  test('each of several overlaps is named', () => {
    const found = problems([GOOD, entry({ ips: ['10.0.70.5'] }), entry({ ips: ['10.0.70.9~10.0.70.10'] })])
    expect(found.map(text => text.split(' is in')[0])).toEqual(['10.0.70.5', '10.0.70.9~10.0.70.10'])
  })
})

describe('limits', () => {
  const wide = (at: number, ips = `${at}.0.0.0/8`) =>
    entry({ nodeSubnets: ['192.168.0.0/16'], subnet: `${at}.0.0.0/8`, gateway: `${at}.0.0.1`, ips: [ips] })

  test('2^24 addresses in an entry, and no more', () => {
    expect(read([wide(20)]).entries[0]?.size).toBe(2 ** 24)
    const more = entry({ subnet: '20.0.0.0/7', gateway: '20.0.0.1', ips: ['20.0.0.0~21.0.0.0'] })
    expect(problems([more])).toEqual([
      'floatingips[0] (20.0.0.0/7) has 16777217 addresses: at most 16777216 are allowed in an entry',
    ])
  })

  test('an IPv6 range of any length is counted, not counted out', () => {
    const six = entry({ subnet: '2001:db8::/32', gateway: '2001:db8::1', ips: ['2001:db8::/32'] })
    expect(problems([six])).toEqual([
      'floatingips[0] (2001:db8::/32) has 79228162514264337593543950336 addresses: at most 16777216 are allowed in an entry',
    ])
  })

  test('2^28 addresses in all, and no more', () => {
    const sixteen = Array.from({ length: 16 }, (_, at) => wide(20 + at))
    expect(read(sixteen).entries).toHaveLength(16)
    expect(problems([...sixteen, wide(60, '60.0.0.7')])).toEqual([
      'floatingips has 268435457 addresses in all: at most 268435456 are allowed',
    ])
  })
})

describe('warnings say what to look at, and stop nothing', () => {
  test.each([
    [
      'gateway among the addresses',
      ['10.0.70.1~10.0.70.9'],
      ['floatingips[0].ips contains the gateway 10.0.70.1: pods may be given it'],
    ],
    [
      'network address',
      ['10.0.70.0'],
      ['floatingips[0].ips contains the network address 10.0.70.0: pods may be given it'],
    ],
    [
      'broadcast address',
      ['10.0.70.255'],
      ['floatingips[0].ips contains the broadcast address 10.0.70.255: pods may be given it'],
    ],
    ['ranges that touch', ['10.0.70.5', '10.0.70.4'], ['floatingips[0].ips: ranges that overlap or touch were merged']],
  ])('%s', (_, ips, warnings) => {
    expect(read([entry({ ips })]).warnings).toEqual(warnings)
  })

  test('a /31 has neither network nor broadcast address', () => {
    const tiny = entry({ subnet: '10.0.70.2/31', gateway: '10.0.70.2', ips: ['10.0.70.3'] })
    expect(read([tiny]).warnings).toEqual([])
  })
})
