/** Owns the tables of follow and release: what is kept goes with its workload, or because somebody asked. */
import { describe, expect, test } from 'bun:test'
import { GONE, UNLOOKED, type Workload } from '../../src/domain/demand.ts'
import { changesOf, ip, keptRow, rowOf, scaled, type World, who, worldOf } from './world.ts'

function follow(
  world: World,
  workload: string,
  now: Workload,
  unfinished: readonly string[] = [],
  apiVersion = 'apps/v1',
) {
  const done = world.decide('follow', {
    at: 30,
    workloadOwner: who(workload),
    apiVersion,
    workload: now,
    unfinished: new Set(unfinished),
    revision: world.revision,
  })
  return changesOf(done).map(change => change.replace('free ', '').replace(' -> free', ''))
}

describe('a StatefulSet with policy immutable', () => {
  const rows = [0, 1, 2].map(at => keptRow(`10.0.1.${at + 2}`, `sts_ns_web_web-${at}`))
  test.each([
    ['unchanged: keeps', scaled(3), []],
    ['grown: keeps', scaled(9), []],
    ['scaled down: frees the ordinals beyond', scaled(1), ['10.0.1.3', '10.0.1.4']],
    ['start moved: frees the ordinals below', scaled(3, 2), ['10.0.1.2', '10.0.1.3']],
    ['deleted: frees all', GONE, ['10.0.1.2', '10.0.1.3', '10.0.1.4']],
    ['not readable: keeps', UNLOOKED, []],
  ] as const)('%s', (_, now, freed) => {
    expect(follow(worldOf(rows), 'sts_ns_web_', now)).toEqual([...freed])
  })

  test.each([
    [
      'over: frees all, for its pods have them under the pool’s name',
      'over',
      'blue',
      ['10.0.1.2', '10.0.1.3', '10.0.1.4'],
    ],
    ['on its way: keeps, it may be taken back', 'replacing', 'blue', []],
    ['not to be told: keeps', 'unclear', 'blue', []],
    ['over, and into no pool: keeps', 'over', '', []],
  ] as const)('R15 a rollout into a pool that is %s', (_, stage, pool, freed) => {
    const rollout = {
      stage,
      pool,
      maxSurge: 0,
      keepsOldPods: false,
      surgeAllowed: false,
      policy: pool === '' ? 1 : 2,
    } as const
    const now: Workload = { state: 'present', replicas: 3, firstOrdinal: 0, rollout }
    expect(follow(worldOf(rows), 'sts_ns_web_', now)).toEqual([...freed])
  })

  test('what has a pod stays until that pod ends', () => {
    expect(follow(worldOf([rowOf('10.0.1.2', 'sts_ns_web_web-0', { policy: 1 })]), 'sts_ns_web_', GONE)).toEqual([])
  })

  test('R11 a kept address stays while an unfinished pod of its key exists', () => {
    expect(follow(worldOf(rows), 'sts_ns_web_', GONE, ['web-0', 'web-2'])).toEqual(['10.0.1.3'])
  })

  test('others of the same name stay: another namespace, another kind, a pool', () => {
    const others = ['sts_else_web_web-0', 'dp_ns_web_', 'pool__blue_sts_ns_web_web-0'].map((key, at) =>
      keptRow(`10.0.1.${at + 2}`, key),
    )
    expect(follow(worldOf(others), 'sts_ns_web_', GONE)).toEqual([])
  })

  test('policy never stays, and so does what an administrator reserved', () => {
    const never = keptRow('10.0.1.2', 'sts_ns_web_web-0', { policy: 2 })
    const blocked = keptRow('10.0.1.3', 'sts_ns_web_web-1', { blocked: true })
    expect(follow(worldOf([never, blocked]), 'sts_ns_web_', GONE)).toEqual([])
  })
})

describe('a Deployment with policy immutable', () => {
  const rows = [
    keptRow('10.0.1.2', 'dp_ns_api_', { updatedAt: 1 }),
    keptRow('10.0.1.3', 'dp_ns_api_', { updatedAt: 3 }),
    keptRow('10.0.1.4', 'dp_ns_api_', { updatedAt: 2 }),
    rowOf('10.0.1.5', 'dp_ns_api_api-x', { policy: 1 }),
  ]
  test.each([
    ['unchanged: keeps', scaled(4), []],
    ['one too many: frees the newest kept', scaled(3), ['10.0.1.3']],
    ['two too many: the newest two', scaled(2), ['10.0.1.3', '10.0.1.4']],
    ['scaled to 0: all that is kept, not what has a pod', scaled(0), ['10.0.1.3', '10.0.1.4', '10.0.1.2']],
    ['deleted', GONE, ['10.0.1.2', '10.0.1.3', '10.0.1.4']],
    ['not readable: keeps', UNLOOKED, []],
  ] as const)('%s', (_, now, freed) => {
    expect(follow(worldOf(rows), 'dp_ns_api_', now)).toEqual([...freed])
  })
})

test('what a person reserved for a Deployment beside its own costs it none of those', () => {
  const reservation = { id: 'r1', expiresAt: null, note: 'for 4' }
  const rows = [
    keptRow('10.0.1.2', 'dp_ns_api_'),
    rowOf('10.0.1.3', 'dp_ns_api_api-x', { policy: 1 }),
    keptRow('10.0.1.4', 'dp_ns_api_', { policy: 0, reservation }),
    rowOf('10.0.1.5', 'dp_ns_api_api-y', { policy: 1, reservation }),
  ]
  expect(follow(worldOf(rows), 'dp_ns_api_', scaled(3))).toEqual([])
  expect(follow(worldOf(rows), 'dp_ns_api_', scaled(2))).toEqual(['10.0.1.2'])
})

test('a custom workload is followed as a StatefulSet is; one whose size nobody can tell keeps', () => {
  const rows = [keptRow('10.0.1.2', 'tapp_ns_db_db-7')]
  expect(follow(worldOf(rows), 'tapp_ns_db_', scaled(8))).toEqual([])
  expect(follow(worldOf(rows), 'tapp_ns_db_', scaled(7))).toEqual(['10.0.1.2'])
  expect(follow(worldOf(rows), 'tapp_ns_db_', { state: 'unscaled', because: 'no scale' })).toEqual([])
  expect(follow(worldOf(rows), 'tapp_ns_db_', GONE)).toEqual(['10.0.1.2'])
})

test.each([
  ['the same group, another version', 'tapp_ns_db_', 'a.example/v2', ['10.0.1.2']],
  ['another group with a kind of that name', 'tapp_ns_db_', 'b.example/v1', []],
  ['nobody told which group was deleted', 'tapp_ns_db_', '', []],
  ['a StatefulSet of another group', 'sts_ns_db_', 'kruise.example/v1', ['10.0.1.4']],
  ['a StatefulSet of Kubernetes; galaxy told no apiVersion', 'sts_ns_db_', 'apps/v1', ['10.0.1.3', '10.0.1.5']],
] as const)('R10 deleted, of %s', (_, key, apiVersion, freed) => {
  const rows = [
    keptRow('10.0.1.2', 'tapp_ns_db_db-0', { apiVersion: 'a.example/v1' }),
    keptRow('10.0.1.3', 'sts_ns_db_db-0', { apiVersion: 'apps/v1' }),
    keptRow('10.0.1.4', 'sts_ns_db_db-1', { apiVersion: 'kruise.example/v1' }),
    keptRow('10.0.1.5', 'sts_ns_db_db-2', { apiVersion: '' }),
  ]
  expect(follow(worldOf(rows), key, GONE, [], apiVersion)).toEqual([...freed])
})

describe('release: somebody asked', () => {
  const KEY = 'sts_ns_web_web-0'
  const ask = (world: World, words: { owner?: string; revision?: number } = {}) =>
    world.decide('release', {
      at: 40,
      address: ip('10.0.1.2'),
      owner: who(words.owner ?? KEY),
      revision: words.revision ?? 1,
      because: 'asked',
    })

  test('frees it, for the next one to have', () => {
    const world = worldOf([keptRow('10.0.1.2', KEY)])
    expect(ask(world)).toMatchObject({ answer: { changed: true } })
    expect(world.rows()).toEqual([])
    expect(world.state.freeCount(0)).toBe(4)
  })

  test('that is free already is done', () => {
    expect(ask(worldOf())).toEqual({ changes: [], answer: { changed: false } })
  })

  test.each([
    [
      'belongs to another meanwhile',
      keptRow('10.0.1.2', KEY),
      { owner: 'sts_ns_web_web-1' },
      'stale',
      '10.0.1.2 belongs to sts_ns_web_web-0, not to sts_ns_web_web-1',
    ],
    [
      'R11 changed since its pod was confirmed absent',
      rowOf('10.0.1.2', KEY),
      { revision: 0 },
      'stale',
      '10.0.1.2 changed while its pod was looked up: try again',
    ],
    [
      'is kept out of circulation by an object',
      keptRow('10.0.1.2', KEY, { blocked: true }),
      {},
      'in-use',
      '10.0.1.2 is kept out of circulation by FloatingIP 10.0.1.2, which has the label reserved or cannot be read: correct or delete it',
    ],
    [
      'is kept out of circulation by a reservation, whoever is said to own it',
      keptRow('10.0.1.2', KEY, { blocked: true, reservation: { id: 'a1', expiresAt: null, note: '' } }),
      { owner: 'sts_ns_web_web-1' },
      'in-use',
      '10.0.1.2 is kept out of circulation by reservation a1: floatip ip unreserve a1',
    ],
  ] as const)('%s: refused', (_, row, words, code, because) => {
    const world = worldOf([row])
    expect(ask(world, words)).toEqual({ refused: true, code, because })
    expect(world.rows()).toHaveLength(1)
  })
})
