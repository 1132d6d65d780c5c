/** Owns the table of endings: behaviour section 6 row by row, holds given back, and the fences R7, R9. */
import { describe, expect, test } from 'bun:test'
import { GONE, UNLOOKED, type Workload } from '../../src/domain/demand.ts'
import { changesOf, demandOf, keptRow, rowOf, scaled, worldOf } from './world.ts'

const ends = (incarnation: string, workload: Workload = UNLOOKED) => ({
  at: 20,
  incarnation,
  workload,
  rests: false,
  because: 'pod deleted',
})

describe('a pod ended', () => {
  const STS = 'sts_ns_web_web-1'
  const DP = 'dp_ns_api_api-x'
  const KIND = 'tapp_ns_db_db-1'
  const BARE = 'NULL_ns_NULL_lone-1'
  const FREE = 'free 10.0.1.2 -> free'
  const keep = (key: string) => `keep 10.0.1.2 -> reserved ${key}`

  test.each([
    // policy, workload, owner key, what is known of the workload, what happens
    ['release', 'StatefulSet', STS, scaled(3), FREE],
    ['release', 'Deployment', DP, scaled(3), FREE],
    ['release', 'other kind', KIND, UNLOOKED, FREE],
    ['release', 'bare pod', BARE, UNLOOKED, FREE],
    ['immutable', 'StatefulSet gone', STS, GONE, FREE],
    ['immutable', 'ordinal below the replicas', STS, scaled(2), keep(STS)],
    ['immutable', 'ordinal outside: scaled down', STS, scaled(1), FREE],
    ['immutable', 'ordinal below start', STS, scaled(3, 2), FREE],
    ['immutable', 'ordinal within [start, start + replicas)', STS, scaled(1, 1), keep(STS)],
    ['immutable', 'StatefulSet could not be read: doubt keeps', STS, UNLOOKED, keep(STS)],
    ['immutable', 'Deployment gone', DP, GONE, FREE],
    ['immutable', 'Deployment of 0 replicas', DP, scaled(0), FREE],
    ['immutable', 'as many addresses as replicas', DP, scaled(1), keep('dp_ns_api_')],
    ['immutable', 'Deployment could not be read: doubt keeps', DP, UNLOOKED, keep('dp_ns_api_')],
    ['never', 'StatefulSet gone', STS, GONE, keep(STS)],
    ['never', 'StatefulSet scaled down', STS, scaled(0), keep(STS)],
    ['never', 'Deployment gone', DP, GONE, keep('dp_ns_api_')],
    ['never', 'Deployment in a pool', 'pool__blue_dp_ns_api_api-x', GONE, keep('pool__blue_')],
    ['never', 'other kind', KIND, GONE, keep(KIND)],
    ['never', 'bare pod', BARE, UNLOOKED, keep(BARE)],
  ] as const)('%s, %s %s', (policy, _, key, workload, change) => {
    const row = rowOf('10.0.1.2', key, { policy: policy === 'never' ? 2 : policy === 'immutable' ? 1 : 0 })
    const world = worldOf([row])
    const done = world.decide('unbind', ends(row.incarnation ?? '', workload))
    expect(changesOf(done)).toEqual([change])
    expect(done).toMatchObject({ answer: change === FREE ? { freed: 1, kept: 0 } : { freed: 0, kept: 1 } })
  })

  test('what is kept has no pod, no node and no way back', () => {
    const world = worldOf([rowOf('10.0.1.2', STS, { policy: 1 })])
    world.decide('unbind', ends('web-1#1', scaled(2)))
    expect(world.row('10.0.1.2')).toMatchObject({
      phase: 'reserved',
      incarnation: null,
      node: null,
      heldFrom: null,
      policy: 1,
      updatedAt: 20,
    })
  })

  test('a Deployment with more addresses than replicas gives up this one only', () => {
    const world = worldOf([
      rowOf('10.0.1.2', 'dp_ns_api_p', { policy: 1 }),
      rowOf('10.0.1.3', 'dp_ns_api_q', { policy: 1 }),
    ])
    expect(changesOf(world.decide('unbind', ends('p#1', scaled(1))))).toEqual(['free 10.0.1.2 -> free'])
    expect(changesOf(world.decide('unbind', ends('q#1', scaled(1))))).toEqual(['keep 10.0.1.3 -> reserved dp_ns_api_'])
  })

  test('of two addresses of one pod only the one too many goes', () => {
    const rows = ['10.0.1.2', '10.0.1.3'].map(address => rowOf(address, 'dp_ns_api_p', { policy: 1 }))
    const ended = (replicas: number) => changesOf(worldOf(rows).decide('unbind', ends('p#1', scaled(replicas))))
    expect(ended(1)).toEqual(['free 10.0.1.2 -> free', 'keep 10.0.1.3 -> reserved dp_ns_api_'])
    expect(ended(0)).toEqual(['free 10.0.1.2 -> free', 'free 10.0.1.3 -> free'])
  })

  test('kept ones count, orphans do not', () => {
    const rows = [
      rowOf('10.0.1.2', 'dp_ns_api_p', { policy: 1 }),
      keptRow('10.0.1.3', 'dp_ns_api_'),
      rowOf('10.0.9.9', 'dp_ns_api_q'),
    ]
    expect(changesOf(worldOf(rows).decide('unbind', ends('p#1', scaled(2))))).toEqual([
      'keep 10.0.1.2 -> reserved dp_ns_api_',
    ])
    expect(changesOf(worldOf(rows).decide('unbind', ends('p#1', scaled(1))))).toEqual(['free 10.0.1.2 -> free'])
  })

  test('an orphan disappears with its pod, whatever the policy', () => {
    const world = worldOf([rowOf('10.0.9.9', STS, { policy: 2 })])
    expect(changesOf(world.decide('unbind', ends('web-1#1', scaled(3))))).toEqual(['free 10.0.9.9 -> free'])
    expect(world.state.verify()).toBeNull()
  })

  test('all addresses of a pod end together', () => {
    const world = worldOf([rowOf('10.0.1.2', STS, { policy: 1 }), rowOf('10.0.2.2', STS, { policy: 1, index: 1 })])
    expect(changesOf(world.decide('unbind', ends('web-1#1', scaled(2))))).toEqual([
      `keep 10.0.1.2 -> reserved ${STS}`,
      `keep 10.0.2.2 -> reserved ${STS}`,
    ])
    expect(world.row('10.0.2.2')?.index).toBe(1)
  })

  test.each([
    // policy, owner key, what is known of the workload, what happens and why
    [1, STS, scaled(1), keep(STS), 'the next pod of its name is there already'],
    [1, STS, GONE, keep(STS), 'the next pod of its name is there already'],
    [1, STS, scaled(2), keep(STS), 'policy immutable'],
    [0, STS, scaled(2), FREE, 'released with its pod'],
    [2, STS, GONE, keep(STS), 'policy never'],
  ] as const)('R11 policy %d, %s, and the next pod of its name is there', (policy, key, workload, change, why) => {
    const world = worldOf([rowOf('10.0.1.2', key, { policy })])
    const done = world.decide('unbind', { ...ends('web-1#1', workload), awaited: true })
    expect(changesOf(done)).toEqual([change])
    expect('changes' in done && done.changes[0]?.because).toBe(`pod deleted; ${why}`)
  })

  test('the history reads why', () => {
    const world = worldOf([rowOf('10.0.1.2', STS, { policy: 1 })])
    const done = world.decide('unbind', ends('web-1#1', scaled(1)))
    expect('changes' in done && done.changes[0]?.because).toBe('pod deleted; its workload was scaled down')
  })
})

describe('R7 R9 rows are found by the UID of the pod that ended, with the policy of its bind', () => {
  test('the end of another incarnation of the same key changes nothing', () => {
    const world = worldOf([rowOf('10.0.1.2', 'sts_ns_web_web-0', { incarnation: 'web-0#2' })])
    expect(world.decide('unbind', ends('web-0#1', GONE))).toEqual({ changes: [], answer: { freed: 0, kept: 0 } })
    expect(world.row('10.0.1.2')?.incarnation).toBe('web-0#2')
  })

  test('a doubled end changes nothing the second time', () => {
    const world = worldOf([rowOf('10.0.1.2', 'sts_ns_web_web-0', { policy: 1 })])
    expect(changesOf(world.decide('unbind', ends('web-0#1', scaled(1))))).toHaveLength(1)
    expect(changesOf(world.decide('unbind', ends('web-0#1', GONE)))).toEqual([])
  })

  test('no UID matches what was adopted without one', () => {
    const world = worldOf([rowOf('10.0.1.2', 'sts_ns_web_web-0', { incarnation: 'unknown' })])
    expect(changesOf(world.decide('unbind', ends('web-0#1', GONE)))).toEqual([])
  })
})

describe('a hold', () => {
  const kept = [keptRow('10.0.1.2', 'dp_ns_api_')]
  function held() {
    const world = worldOf(kept)
    world.decide('filter', {
      at: 5,
      demand: demandOf('dp_ns_api_api-x', { policy: 1 }),
      groups: [world.group('10.1.9.9')],
    })
    return { world, revision: world.revision }
  }
  const back = ['give back 10.0.1.2 -> reserved dp_ns_api_']

  test('that expires goes back to where it came from', () => {
    const { world, revision } = held()
    expect(
      changesOf(world.decide('giveBack', { at: 9, incarnation: 'api-x#1', revision, because: 'not bound' })),
    ).toEqual(back)
  })

  test('goes back when its pod ends, whatever the workload', () => {
    expect(changesOf(held().world.decide('unbind', ends('api-x#1', GONE)))).toEqual(back)
  })

  test('that was claimed meanwhile stays: the fence is older', () => {
    const { world, revision } = held()
    world.decide('bind', {
      at: 8,
      demand: demandOf('dp_ns_api_api-x', { policy: 1 }),
      node: 'n1',
      group: world.group('10.1.9.9'),
    })
    expect(
      changesOf(world.decide('giveBack', { at: 9, incarnation: 'api-x#1', revision, because: 'not bound' })),
    ).toEqual([])
    expect(world.row('10.0.1.2')?.phase).toBe('bound')
  })

  test('that came from nobody becomes free', () => {
    const world = worldOf([rowOf('10.0.1.2', 'dp_ns_api_api-x', { phase: 'held', node: null })])
    expect(changesOf(world.decide('unbind', ends('api-x#1')))).toEqual(['give back 10.0.1.2 -> free'])
  })
})

describe('a claim given up goes back to where it came from', () => {
  const claim = (key: string) => {
    const world = worldOf([keptRow('10.0.1.2', key)])
    const pod = key.endsWith('_') ? `${key}api-x` : key
    const demand = demandOf(pod, { policy: 1, uid: 'u2' })
    const group = world.group('10.1.9.9')
    world.decide('filter', { at: 5, demand, groups: [group] })
    world.decide('bind', { at: 6, demand, node: 'n1', group })
    world.decide('bind', { at: 7, demand, node: 'n2', group })
    return world
  }
  test.each(['sts_ns_web_web-0', 'dp_ns_api_'])('%s keeps its address', key => {
    const world = claim(key)
    expect(
      changesOf(world.decide('giveBack', { at: 9, incarnation: 'u2', revision: world.revision, because: 'no node' })),
    ).toEqual([`give back 10.0.1.2 -> reserved ${key}`])
  })

  test('a free one becomes free', () => {
    const world = worldOf()
    world.decide('bind', { at: 6, demand: demandOf('sts_ns_web_web-0'), node: 'n1', group: world.group('10.1.9.9') })
    expect(
      changesOf(
        world.decide('giveBack', { at: 9, incarnation: 'web-0#1', revision: world.revision, because: 'no node' }),
      ),
    ).toEqual(['give back 10.0.1.2 -> free'])
  })
})

test('what a person reserved for a Deployment beside its own is no address too many: its pods keep theirs', () => {
  const reservation = { id: 'r1', expiresAt: null, note: 'for 4' }
  const world = worldOf([
    rowOf('10.0.1.2', 'dp_ns_api_api-x', { policy: 1, incarnation: 'x' }),
    rowOf('10.0.1.3', 'dp_ns_api_api-y', { policy: 1, incarnation: 'y' }),
    keptRow('10.0.1.4', 'dp_ns_api_', { policy: 0, reservation }),
  ])
  expect(changesOf(world.decide('unbind', ends('x', scaled(2))))).toEqual(['keep 10.0.1.2 -> reserved dp_ns_api_'])
  expect(changesOf(world.decide('unbind', ends('y', scaled(1))))).toEqual(['free 10.0.1.3 -> free'])
})
