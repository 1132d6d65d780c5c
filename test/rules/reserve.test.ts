/** Reservations as rules: all or none, for whom, where, and what becomes of them. */
import { describe, expect, test } from 'bun:test'
import { isSuspect } from '../../src/app/reconcile.ts'
import type { ReserveCommand } from '../../src/domain/command.ts'
import { isRefusal } from '../../src/domain/refusal.ts'
import { BLOCKING_OWNER } from '../../src/domain/reservation.ts'
import { present } from '../../src/lib/assert.ts'
import { changesOf, demandOf, ip, keptRow, ranges, rowOf, scaled, who, worldOf } from './world.ts'

const NONE = new Set<string>()

function wish(count: number, words: Partial<ReserveCommand> & { key?: (at: number) => string } = {}): ReserveCommand {
  const { key, ...rest } = words
  return {
    at: 1,
    reservation: { id: 'r', expiresAt: null, note: '' },
    owners: Array.from({ length: count }, (_, at) => (key === undefined ? BLOCKING_OWNER : who(key(at)))),
    apiVersion: 'apps/v1',
    blocked: key === undefined,
    addresses: null,
    within: null,
    contiguous: false,
    ...rest,
  }
}

const web = (at: number) => `sts_ns_web_web-${at}`
const end = (unfinished = NONE) => ({ at: 2, id: 'r', address: null, because: 'x', unfinished })
const because = (outcome: unknown) => (isRefusal(outcome) ? `${outcome.code}: ${outcome.because}` : 'reserved')

describe('taking', () => {
  test.each([
    ['any, of one entry', wish(2), ['10.0.1.2', '10.0.1.3']],
    [
      'of the wanted ranges, across entries',
      wish(3, { within: ranges('10.0.1.5', '10.0.2.0/24') }),
      ['10.0.1.5', '10.0.2.2', '10.0.2.3'],
    ],
    ['exactly these', wish(2, { addresses: [ip('10.0.2.5'), ip('10.0.1.4')] }), ['10.0.1.4', '10.0.2.5']],
    ['IPv6', wish(1, { within: ranges('2001:db8::3') }), ['2001:db8::3']],
  ])('%s', (_, command, expected) => {
    const world = worldOf()
    expect(because(world.decide('reserve', command))).toBe('reserved')
    expect(world.rows()).toEqual(expected.map(text => `${text} reserved reserved_NULL_NULL_`))
  })

  test('contiguous: gaps are passed over, an entry without a run too', () => {
    const world = worldOf([rowOf('10.0.1.3', 'sts_ns_x_x-0'), rowOf('10.0.2.2', 'sts_ns_x_x-1')])
    expect(because(world.decide('reserve', wish(3, { key: web, contiguous: true })))).toBe('reserved')
    expect(world.rows().filter(row => row.includes('web'))).toEqual([
      '10.0.2.3 reserved sts_ns_web_web-0',
      '10.0.2.4 reserved sts_ns_web_web-1',
      '10.0.2.5 reserved sts_ns_web_web-2',
    ])
  })

  test.each([
    ['more than any entry has', wish(5), 'no-address-left: no entry of the configuration has 5 free addresses'],
    [
      'no run of that length',
      wish(4, { contiguous: true, within: ranges('10.0.1.0/24') }),
      'no-address-left: there are not 4 free neighbouring addresses in 10.0.1.0~10.0.1.255',
    ],
    ['an address in use', wish(1, { addresses: [ip('10.0.1.3')] }), 'in-use: 10.0.1.3 belongs to sts_ns_x_x-0'],
    [
      'the second of two is in use',
      wish(2, { addresses: [ip('10.0.1.2'), ip('10.0.1.3')] }),
      'in-use: 10.0.1.3 belongs to sts_ns_x_x-0',
    ],
    [
      'not configured',
      wish(1, { addresses: [ip('10.9.9.9')] }),
      'request-not-possible: 10.9.9.9 is not in the configuration floatingips',
    ],
    [
      'ranges not configured',
      wish(1, { within: ranges('10.9.0.0/16') }),
      'request-not-possible: 10.9.0.0~10.9.255.255: no address of the configuration floatingips',
    ],
    ['a pod that has one', wish(1, { key: () => 'sts_ns_x_x-0' }), 'in-use: sts_ns_x_x-0 has 10.0.1.3 already'],
  ])('all or none: %s', (_, command, expected) => {
    const world = worldOf([rowOf('10.0.1.3', 'sts_ns_x_x-0')])
    expect(because(world.decide('reserve', command))).toBe(expected)
    expect(world.rows()).toHaveLength(1)
  })

  test('R8 what a turn freed is reserved only after its commit', () => {
    const world = worldOf([rowOf('10.0.1.2', 'NULL_ns_NULL_p')])
    world.during('unbind', { at: 1, incarnation: 'p#1', workload: scaled(0), rests: false, because: 'x' })
    const wanted = wish(1, { addresses: [ip('10.0.1.2')] })
    expect(because(world.during('reserve', wanted))).toContain('is becoming free in this moment')
    world.state.settle()
    expect(because(world.decide('reserve', wanted))).toBe('reserved')
  })
})

describe('using', () => {
  test('the pod of the reserved name gets its address, and it goes back to the reservation whatever the policy', () => {
    const world = worldOf()
    world.decide('reserve', wish(1, { key: web, addresses: [ip('10.0.1.4')] }))
    const demand = demandOf(web(0), { policy: 0 })
    const group = world.group('10.1.9.1')
    expect(changesOf(world.decide('bind', { at: 1, demand, node: 'n', group }))).toEqual([
      'bind 10.0.1.4 -> bound sts_ns_web_web-0',
    ])
    const ended = { at: 2, incarnation: 'web-0#1', workload: scaled(0), rests: false, because: 'x' }
    expect(changesOf(world.decide('unbind', ended))).toEqual(['keep 10.0.1.4 -> reserved sts_ns_web_web-0'])
    const row = world.row('10.0.1.4')
    expect(row?.reservation?.id).toBe('r')
    expect(
      changesOf(world.decide('reclaim', { at: 3, address: ip('10.0.1.4'), revision: row?.revision ?? 0 })),
    ).toEqual(['keep 10.0.1.4 -> reserved sts_ns_web_web-0'])
  })

  test.each([
    ['gone back', ['giveBack', 'unreserve']],
    ['still held', ['unreserve', 'giveBack']],
  ] as const)('nobody but the reservation keeps what a pod only held: %s at its end', (_, order) => {
    const world = worldOf()
    world.decide('reserve', wish(1, { key: () => 'pool__blue_' }))
    const demand = demandOf('pool__blue_dp_ns_api_api-x', { policy: 2, workload: scaled(2) })
    world.decide('filter', { at: 2, demand, groups: [world.group('10.1.9.1')] })
    expect(world.row('10.0.1.2')?.phase).toBe('held')
    for (const kind of order) {
      if (kind === 'giveBack')
        world.decide(kind, { at: 3, incarnation: 'api-x#1', revision: world.revision, because: 'x' })
      else world.decide(kind, { at: 3, id: 'r', address: null, because: 'x', unfinished: NONE })
    }
    expect(world.rows()).toEqual([])
  })

  test('a Deployment’s pod takes one of those kept for it; a hold given up goes back to the reservation', () => {
    const world = worldOf()
    world.decide('reserve', wish(2, { key: () => 'dp_ns_api_' }))
    const demand = demandOf('dp_ns_api_api-x', { policy: 1, workload: scaled(2) })
    const groups = [world.group('10.1.9.1')]
    world.decide('filter', { at: 2, demand, groups })
    expect(world.row('10.0.1.2')).toMatchObject({ phase: 'held', reservation: { id: 'r' } })
    world.decide('giveBack', { at: 3, incarnation: 'api-x#1', revision: world.revision, because: 'x' })
    expect(world.row('10.0.1.2')).toMatchObject({ phase: 'reserved', reservation: { id: 'r' } })
  })

  test('what is reserved does not go with a workload that does not exist yet, nor with a smaller pool', () => {
    const world = worldOf()
    world.decide('reserve', wish(1, { key: web }))
    world.decide('reserve', wish(2, { key: () => 'pool__blue_' }))
    const gone = { state: 'gone' } as const
    world.decide('follow', {
      at: 2,
      workloadOwner: who('sts_ns_web_'),
      apiVersion: 'apps/v1',
      workload: gone,
      unfinished: NONE,
      revision: world.revision,
    })
    world.decide('resizePool', { at: 2, pool: 'blue', size: 0, preallocate: false })
    expect(world.rows()).toHaveLength(3)
  })

  test('out of circulation: for no pod', () => {
    const world = worldOf()
    world.decide('reserve', wish(4))
    const demand = demandOf('NULL_ns_NULL_p')
    const group = world.group('10.1.9.1')
    expect(changesOf(world.decide('bind', { at: 1, demand, node: 'n', group }))).toEqual(['refused: no-address-left'])
  })
})

describe('ending', () => {
  test('what nobody has is free, what a pod has follows its policy', () => {
    const world = worldOf()
    world.decide('reserve', wish(2, { key: web }))
    const group = world.group('10.1.9.1')
    world.decide('bind', { at: 1, demand: demandOf(web(0)), node: 'n', group })
    expect(changesOf(world.decide('unreserve', end()))).toEqual([
      'unreserve 10.0.1.3 -> free',
      'unreserve 10.0.1.2 -> bound sts_ns_web_web-0',
    ])
    const ended = { at: 2, incarnation: 'web-0#1', workload: scaled(0), rests: false, because: 'x' }
    expect(changesOf(world.decide('unbind', ended))).toEqual(['free 10.0.1.2 -> free'])
    expect(changesOf(world.decide('expire', end()))).toEqual([])
  })

  test('R11 an address under the name of an unfinished pod is not let go', () => {
    const world = worldOf()
    world.decide('reserve', wish(2, { key: web }))
    expect(changesOf(world.decide('expire', end(new Set(['ns/web-1']))))).toEqual([
      'unreserve 10.0.1.2 -> free',
      'unreserve 10.0.1.3 -> reserved sts_ns_web_web-1',
    ])
    expect(world.row('10.0.1.3')?.reservation).toBeNull()
  })

  test.each([
    ['immutable', 1],
    ['never', 2],
  ] as const)('between two pods of one name, policy %s: it is theirs, as without the reservation', (_, policy) => {
    const world = worldOf()
    world.decide('reserve', wish(1, { key: web }))
    const demand = demandOf(web(0), { policy, workload: scaled(1) })
    world.decide('bind', { at: 1, demand, node: 'n', group: world.group('10.1.9.1') })
    const ended = { at: 2, incarnation: 'web-0#1', workload: scaled(1), rests: false, because: 'x' }
    world.decide('unbind', ended)
    expect(changesOf(world.decide('expire', end()))).toEqual(['unreserve 10.0.1.2 -> reserved sts_ns_web_web-0'])
  })

  test('the pod that waited for it went without having had it: then nothing keeps it', () => {
    const world = worldOf()
    world.decide('reserve', wish(1, { key: web }))
    world.decide('expire', end(new Set(['ns/web-0'])))
    const { address, revision } = present(world.row('10.0.1.2'), 'row')
    expect(isSuspect(present(world.row('10.0.1.2'), 'row'), NONE)).toBe(true)
    expect(changesOf(world.decide('reclaim', { at: 3, address, revision }))).toEqual(['free 10.0.1.2 -> free'])
  })

  test.each([
    ['before it was given back', 'expire, give back'],
    ['after that', 'give back, expire'],
  ])('a pod only held it, with policy never, and the reservation ended %s: then nothing keeps it', (_, order) => {
    const world = worldOf()
    world.decide('reserve', wish(1, { key: () => 'dp_ns_web_' }))
    const demand = demandOf('dp_ns_web_web-a', { policy: 2, workload: scaled(1) })
    world.decide('filter', { at: 1, demand, groups: [world.group('10.1.9.1')] })
    expect(world.rows()).toEqual(['10.0.1.2 held dp_ns_web_web-a'])
    const late = { at: 2, incarnation: 'web-a#1', revision: Number.MAX_SAFE_INTEGER, because: 'x' }
    for (const deed of order.split(', '))
      deed === 'expire' ? world.decide('expire', end()) : world.decide('giveBack', late)
    expect(world.rows()).toEqual([])
  })

  test('another reservation, and what is kept without one, stay', () => {
    const world = worldOf([keptRow('10.0.1.2', 'sts_ns_x_x-0')])
    world.decide('reserve', wish(1, { reservation: { id: 'other', expiresAt: null, note: '' } }))
    expect(changesOf(world.decide('unreserve', end()))).toEqual([])
  })
})
