/** Owns the tables of prioritize and preempt. */
import { describe, expect, test } from 'bun:test'
import { fitsAfter, score } from '../../src/rules/score.ts'
import { demandOf, keptRow, type PodWords, ranges, rowOf, scaled, worldOf } from './world.ts'

const filled = (count: number) =>
  Array.from({ length: count }, (_, at) => rowOf(`10.0.2.${at + 2}`, `sts_ns_old_old-${at}`))

test.each([
  [0, 10],
  [1, 7],
  [2, 5],
  [3, 2],
  [4, 0],
])('%i of 4 addresses in use: score %i', (used, expected) => {
  const world = worldOf(filled(used))
  expect(score(world.state, world.group('10.2.0.1'))).toBe(expected)
})

test('a nested node counts all of its entries', () => {
  const world = worldOf([rowOf('10.0.3.2', 'sts_ns_old_old-0'), rowOf('10.0.3.3', 'sts_ns_old_old-1')])
  expect(score(world.state, world.group('10.1.1.1'))).toBe(6)
})

describe('preempt: would the pod have an address once the victims ended?', () => {
  const after = (
    rows: Parameters<typeof worldOf>[0],
    victims: readonly string[],
    key = 'sts_ns_web_web-0',
    words: PodWords = {},
  ) => {
    const world = worldOf(rows)
    return fitsAfter(world.state, { at: 1, demand: demandOf(key, words), groups: [] }, world.group('10.2.0.1'), victims)
  }
  const limited = [rowOf('10.0.2.2', 'dp_ns_api_p', { policy: 1 })]

  test.each([
    ['there is one anyway', filled(3), [], true],
    ['none, and no victim has one', filled(4), ['other#1'], false],
    ['a victim frees one', filled(4), ['old-2#1'], true],
    [
      'a victim keeps its own (immutable)',
      [...filled(3), rowOf('10.0.2.5', 'sts_ns_old_old-9', { policy: 1 })],
      ['old-9#1'],
      false,
    ],
    [
      'what a victim has goes back to its reservation',
      [...filled(3), rowOf('10.0.2.5', 'sts_ns_old_old-9', { reservation: { id: 'r', expiresAt: null, note: '' } })],
      ['old-9#1'],
      false,
    ],
    ['a victim frees one elsewhere', [...filled(4), rowOf('10.0.1.2', 'sts_ns_old_old-9')], ['old-9#1'], false],
  ] as const)('%s', (_, rows, victims, fits) => {
    expect(after([...rows], victims)).toBe(fits)
  })

  test('its own address is elsewhere: no victim helps', () => {
    expect(
      after([...filled(4), keptRow('10.0.1.2', 'sts_ns_web_web-0')], ['old-1#1'], 'sts_ns_web_web-0', { policy: 1 }),
    ).toBe(false)
  })

  test('the limit is reached: a victim of the same Deployment makes room', () => {
    const words = { policy: 1, workload: scaled(1) } as const
    expect(after(limited, ['p#1'], 'dp_ns_api_q', words)).toBe(true)
    expect(after(limited, ['other#1'], 'dp_ns_api_q', words)).toBe(false)
  })

  const pooled = [
    rowOf('10.0.2.2', 'pool__p_dp_ns_api_p', { policy: 2 }),
    rowOf('10.0.2.3', 'pool__p_dp_ns_web_w', { policy: 2 }),
    rowOf('10.0.2.4', 'pool__p_sts_ns_db_db-0', { policy: 2 }),
  ]
  test.each([
    ['no size: one of its own Deployment', { workload: scaled(1) }, ['p#1'], true],
    ['no size: another Deployment’s does not count in its replicas', { workload: scaled(1) }, ['w#1'], false],
    ['a size: any Deployment’s', { poolSize: 3 }, ['w#1'], true],
    ['a size: what is kept under its pod’s name counts as before', { poolSize: 3 }, ['db-0#1'], false],
    ['a size that shrank: not enough', { poolSize: 2 }, ['w#1'], false],
    ['a size that shrank: enough', { poolSize: 2 }, ['w#1', 'p#1'], true],
  ] as const)('the limit of a pool is reached, %s', (_, words, victims, fits) => {
    expect(after(pooled, victims, 'pool__p_dp_ns_api_q', { policy: 2, ...words })).toBe(fits)
  })

  const pair = (...lists: string[]) => lists.map(text => ranges(text))
  test.each([
    ['any of the ranges', pair('10.0.2.0/24'), ['old-1#1'], true],
    ['not in the ranges', pair('10.0.2.5'), ['old-1#1'], false],
    ['two lists, one victim', pair('10.0.2.2~10.0.2.3', '10.0.2.2~10.0.2.3'), ['old-1#1'], false],
    ['two lists, two victims', pair('10.0.2.2~10.0.2.3', '10.0.2.2~10.0.2.3'), ['old-0#1', 'old-1#1'], true],
    ['overlapping lists, matched exactly', pair('10.0.2.2~10.0.2.3', '10.0.2.2'), ['old-0#1', 'old-1#1'], true],
    ['two victims for the same list', pair('10.0.2.2~10.0.2.3', '10.0.2.5'), ['old-0#1', 'old-1#1'], false],
  ] as const)('requested ranges, what the victims would free is counted: %s', (_, request, victims, fits) => {
    expect(after(filled(4), victims, 'sts_ns_web_web-0', { request })).toBe(fits)
  })

  test('requested ranges: a free address for one list, a victim’s for the other; what it has already stays', () => {
    const request = pair('10.0.2.4~10.0.2.5', '10.0.2.2')
    expect(after(filled(3), ['old-0#1'], 'sts_ns_web_web-0', { request })).toBe(true)
    expect(after(filled(3), ['old-1#1'], 'sts_ns_web_web-0', { request })).toBe(false)
    const own = keptRow('10.0.2.5', 'sts_ns_web_web-0', { policy: 2 })
    expect(after([...filled(3), own], ['old-0#1'], 'sts_ns_web_web-0', { request, policy: 2 })).toBe(true)
  })
})
