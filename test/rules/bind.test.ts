/** Owns the tables of bind and confirm: filter's rule once more, then the claim, and the last look before the Binding. */
import { describe, expect, test } from 'bun:test'
import { GONE } from '../../src/domain/demand.ts'
import { isRefusal } from '../../src/domain/refusal.ts'
import { confirm, outgrown } from '../../src/rules/bind.ts'
import {
  changesOf,
  demandOf,
  ENTRIES,
  entryOf,
  ip,
  keptRow,
  type PodWords,
  ranges,
  rowOf,
  scaled,
  type World,
  worldOf,
} from './world.ts'

const A = ['10.1.9.9']
const NESTED = ['10.1.1.1']
const BOTH = ['10.2.0.1', 'fd00::1']

function bind(world: World, key: string, nodeAddresses: readonly string[] = A, words: PodWords = {}, node = 'n1') {
  return world.decide('bind', { at: 9, demand: demandOf(key, words), node, group: world.group(...nodeAddresses) })
}
const leases = (done: ReturnType<typeof bind>) =>
  isRefusal(done)
    ? [done.because]
    : done.answer.addresses.map(l => `${l.address.text}/${l.prefix} via ${l.gateway.text} vlan ${l.vlan}`)

describe('a claim', () => {
  test('takes the next free address, and records pod, node, policy and owner', () => {
    const world = worldOf()
    const done = bind(world, 'sts_ns_web_web-0', A, { policy: 1 })
    expect(changesOf(done)).toEqual(['bind 10.0.1.2 -> bound sts_ns_web_web-0'])
    expect(leases(done)).toEqual(['10.0.1.2/24 via 10.0.1.1 vlan 7'])
    expect(world.row('10.0.1.2')).toMatchObject({
      incarnation: 'web-0#1',
      node: 'n1',
      policy: 1,
      apiVersion: 'apps/v1',
      updatedAt: 9,
    })
  })

  test('takes the most specific subnet of the node first, then the wider one', () => {
    const world = worldOf()
    const got = ['p', 'q', 'r'].map(pod => leases(bind(world, `NULL_ns_NULL_${pod}`, NESTED))[0]?.split('/')[0] ?? '')
    expect(got).toEqual(['10.0.3.2', '10.0.3.3', '10.0.1.2'])
  })

  test('gives a freed address last', () => {
    const world = worldOf()
    bind(world, 'NULL_ns_NULL_p')
    world.decide('unbind', { at: 1, incarnation: 'p#1', workload: GONE, rests: false, because: 'deleted' })
    const got = ['q', 'r', 's', 't'].map(pod => leases(bind(world, `NULL_ns_NULL_${pod}`))[0]?.split('/')[0] ?? '')
    expect(got).toEqual(['10.0.1.3', '10.0.1.4', '10.0.1.5', '10.0.1.2'])
  })

  test('of the address that is kept for the key', () => {
    const world = worldOf([keptRow('10.0.1.4', 'sts_ns_web_web-0')])
    expect(changesOf(bind(world, 'sts_ns_web_web-0', A, { policy: 1, uid: 'web-0#2' }))).toEqual([
      'bind 10.0.1.4 -> bound sts_ns_web_web-0',
    ])
    expect(world.row('10.0.1.4')?.incarnation).toBe('web-0#2')
  })

  test('of what filter held', () => {
    const world = worldOf([keptRow('10.0.1.4', 'dp_ns_api_')])
    world.decide('filter', { at: 5, demand: demandOf('dp_ns_api_api-x', { policy: 1 }), groups: [world.group(...A)] })
    expect(changesOf(bind(world, 'dp_ns_api_api-x', A, { policy: 1 }))).toEqual([
      'bind 10.0.1.4 -> bound dp_ns_api_api-x',
    ])
  })

  test('again by the same pod: the same address, a newer revision, perhaps another node', () => {
    const world = worldOf()
    bind(world, 'sts_ns_web_web-0')
    const first = world.row('10.0.1.2')
    expect(leases(bind(world, 'sts_ns_web_web-0', A, {}, 'n2'))).toEqual(['10.0.1.2/24 via 10.0.1.1 vlan 7'])
    expect(world.row('10.0.1.2')).toMatchObject({ node: 'n2', revision: (first?.revision ?? 0) + 1 })
    expect(world.state.size).toBe(1)
  })

  test('counts a gateway and a vlan of the entry that has the address', () => {
    const world = worldOf([], [{ ...entryOf('10.1.0.0/16', '10.0.1.0/25', '10.0.1.2'), vlan: 0 }])
    expect(leases(bind(world, 'sts_ns_web_web-0'))).toEqual(['10.0.1.2/25 via 10.0.1.1 vlan 0'])
  })
})

describe('R2 bind runs the whole rule of filter again', () => {
  const kept = [keptRow('10.0.2.2', 'dp_ns_api_')]
  test.each([
    [
      'the limit was reached meanwhile',
      [rowOf('10.0.1.2', 'dp_ns_api_api-0')],
      'dp_ns_api_api-x',
      A,
      { policy: 1, workload: scaled(1) },
      'limit-reached',
    ],
    ['the Deployment is gone', [], 'dp_ns_api_api-x', A, { policy: 1, workload: GONE }, 'limit-reached'],
    ['its owner keeps addresses elsewhere', kept, 'dp_ns_api_api-x', A, { policy: 1 }, 'address-elsewhere'],
    [
      'its own address is elsewhere',
      [keptRow('10.0.2.2', 'sts_ns_web_web-0')],
      'sts_ns_web_web-0',
      A,
      { policy: 1 },
      'address-elsewhere',
    ],
    [
      'the old pod is not seen to end',
      [rowOf('10.0.1.2', 'sts_ns_web_web-0')],
      'sts_ns_web_web-0',
      A,
      { uid: 'new' },
      'waiting-for-old-pod',
    ],
    ['the policy is not supported', [], 'NULL_ns_NULL_lone', A, { policy: 1 }, 'policy-not-supported'],
    ['a list cannot be served there', [], 'sts_ns_web_web-0', A, { request: [ranges('10.0.2.2')] }, 'no-address-left'],
    ['a list is nowhere', [], 'sts_ns_web_web-0', A, { request: [ranges('10.9.9.9')] }, 'request-not-possible'],
  ] as const)('%s: refused, nothing changes', (_, rows, key, node, words, code) => {
    const world = worldOf([...rows])
    const before = world.rows()
    expect(bind(world, key, node, words)).toMatchObject({ refused: true, code })
    expect(world.rows()).toEqual(before)
  })

  test('kept addresses are claimed without a hold too, the newest that the node can use', () => {
    const world = worldOf([
      keptRow('10.0.1.2', 'dp_ns_api_', { updatedAt: 1 }),
      keptRow('10.0.1.3', 'dp_ns_api_', { updatedAt: 2 }),
      ...kept,
    ])
    expect(changesOf(bind(world, 'dp_ns_api_api-x', A, { policy: 1 }))).toEqual([
      'bind 10.0.1.3 -> bound dp_ns_api_api-x',
    ])
  })

  test('a full subnet', () => {
    const rows = ['2', '3', '4', '5'].map(at => rowOf(`10.0.1.${at}`, `sts_ns_old_old-${at}`))
    expect(bind(worldOf(rows), 'sts_ns_web_web-0')).toMatchObject({
      because: 'no free address for nodes in 10.1.0.0/16',
    })
  })

  test('parallel binds never exceed the replicas', () => {
    const world = worldOf()
    const workload = scaled(2)
    const bound = ['p', 'q', 'r', 's'].map(pod => bind(world, `dp_ns_api_${pod}`, A, { policy: 1, workload }))
    expect(bound.map(changesOf).map(changes => changes[0])).toEqual([
      'bind 10.0.1.2 -> bound dp_ns_api_p',
      'bind 10.0.1.3 -> bound dp_ns_api_q',
      'refused: limit-reached',
      'refused: limit-reached',
    ])
  })
})

describe('several addresses', () => {
  const key = 'sts_ns_web_web-0'
  const got = (world: World, request: PodWords['request'] = [], node: readonly string[] = A, words: PodWords = {}) =>
    leases(bind(world, key, node, { request, ...words })).map(text => text.split('/')[0] ?? '')

  test('one from each list, in the order of the request', () => {
    expect(got(worldOf(), [ranges('10.0.1.5'), ranges('10.0.1.2~10.0.1.4')])).toEqual(['10.0.1.5', '10.0.1.2'])
  })

  test('overlapping lists are matched exactly: [[a~b],[a]] gets b and a', () => {
    expect(got(worldOf(), [ranges('10.0.1.2~10.0.1.3'), ranges('10.0.1.2')])).toEqual(['10.0.1.3', '10.0.1.2'])
  })

  test('all or none', () => {
    const world = worldOf([rowOf('10.0.1.2', 'sts_ns_old_old-0')])
    expect(bind(world, key, A, { request: [ranges('10.0.1.3'), ranges('10.0.1.2')] })).toMatchObject({
      code: 'no-address-left',
    })
    expect(world.state.size).toBe(1)
  })

  test('IPv4 and IPv6 together on a node with both', () => {
    expect(got(worldOf(), [ranges('10.0.2.0/24'), ranges('2001:db8::/64')], BOTH)).toEqual(['10.0.2.2', '2001:db8::2'])
  })

  test('kept ones come back in their order', () => {
    const world = worldOf()
    const request = [ranges('10.0.1.4~10.0.1.5'), ranges('10.0.1.2~10.0.1.3')]
    const first = got(world, request, A, { policy: 1 })
    world.decide('unbind', { at: 1, incarnation: 'web-0#1', workload: scaled(1), rests: false, because: 'deleted' })
    expect(got(world, request, A, { policy: 1, uid: 'web-0#2' })).toEqual(first)
  })

  test('R21 fewer held than requested: the held ones stay fixed, the rest is matched around them', () => {
    const world = worldOf([keptRow('10.0.1.2', key, { index: 1 })])
    const request = [ranges('10.0.1.2~10.0.1.3'), ranges('10.0.1.2~10.0.1.3')]
    expect(got(world, request, A, { policy: 1 })).toEqual(['10.0.1.3', '10.0.1.2'])
  })

  test('R21 a changed request keeps what still fits', () => {
    const world = worldOf([keptRow('10.0.1.2', key), keptRow('10.0.1.3', key, { index: 1 })])
    expect(got(world, [ranges('10.0.1.2'), ranges('10.0.1.5')], A, { policy: 1 })).toEqual(['10.0.1.2', '10.0.1.5'])
  })
})

test.each([
  ['a changed request: what no list asks for', [ranges('10.0.1.2'), ranges('10.0.1.5')], ['10.0.1.3']],
  ['no request any more: answers to lists, but no second row of the first', [], ['10.0.1.3']],
  ['the same request: nothing', [ranges('10.0.1.2'), ranges('10.0.1.3'), ranges('10.0.1.4')], []],
])('R21 outgrown once bound, %s', (_, request, expected) => {
  const key = 'sts_ns_web_web-0'
  const kept = ['10.0.1.2', '10.0.1.3'].map((text, index) => keptRow(text, key, { index }))
  const others = [rowOf('10.0.2.2', 'sts_ns_web_web-1'), rowOf('10.0.2.3', key, { incarnation: 'web-0#7' })]
  const leftOver = request.length === 0 ? [keptRow('10.0.2.4', key)] : []
  const world = worldOf([...kept, ...others, ...leftOver])
  const demand = demandOf(key, { policy: 2, request, uid: 'web-0#2' })
  const bound = request.length === 0 ? ['10.0.1.2'] : request.map(([range]) => range?.first.text ?? '')
  expect(outgrown(world.state, demand, bound.map(ip)).map(row => row.address.text)).toEqual(expected)
})

describe('R3 confirm: the claim is as it was', () => {
  const pod = demandOf('sts_ns_web_web-0').pod
  function claimed() {
    const world = worldOf([], ENTRIES)
    bind(world, 'sts_ns_web_web-0')
    const addresses = [ip('10.0.1.2')]
    return { world, addresses, ask: { pod, addresses, revision: world.revision } }
  }

  test('untouched: the Binding may be posted', () => {
    const { world, ask } = claimed()
    expect(confirm(world.state, ask)).toBeNull()
  })

  test.each([
    ['a later bind of the same pod superseded it', (world: World) => bind(world, 'sts_ns_web_web-0', A, {}, 'n2')],
    [
      'the pod ended',
      (world: World) =>
        world.decide('unbind', { at: 1, incarnation: 'web-0#1', workload: GONE, rests: false, because: 'x' }),
    ],
    [
      'it was given up',
      (world: World) => world.decide('giveBack', { at: 1, incarnation: 'web-0#1', revision: 999, because: 'x' }),
    ],
    [
      'freed, and given to another pod',
      (world: World) => {
        world.decide('unbind', { at: 1, incarnation: 'web-0#1', workload: GONE, rests: false, because: 'x' })
        for (const other of ['p', 'q', 'r', 's']) bind(world, `NULL_ns_NULL_${other}`)
      },
    ],
  ])('%s: stale', (_, happens) => {
    const { world, ask } = claimed()
    happens(world)
    expect(confirm(world.state, ask)).toMatchObject({ code: 'stale', because: 'the claim of ns/web-0 was superseded' })
  })

  test('a hold is not a claim', () => {
    const world = worldOf([rowOf('10.0.1.2', 'sts_ns_web_web-0', { phase: 'held', node: null, revision: 4 })])
    expect(confirm(world.state, { pod, addresses: [ip('10.0.1.2')], revision: 4 })).toMatchObject({ code: 'stale' })
  })
})

test('R21 what a person reserved for the pod is never outgrown: the reservation ends it', () => {
  const key = 'sts_ns_web_web-0'
  const reservation = { id: 'r1', expiresAt: null, note: '' }
  const world = worldOf([
    rowOf('10.0.1.2', key, { incarnation: 'u1' }),
    keptRow('10.0.1.3', key),
    keptRow('10.0.1.4', key, { reservation }),
    rowOf('10.0.1.5', key, { incarnation: 'u1', reservation }),
  ])
  const demand = demandOf(key, { uid: 'u1', policy: 1, request: [ranges('10.0.1.2')] })
  expect(outgrown(world.state, demand, [ip('10.0.1.2')]).map(row => row.address.text)).toEqual(['10.0.1.3'])
})
