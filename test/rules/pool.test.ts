/** Owns the tables of pools, and of what nobody tells the end of: limits, holds by size, resizing, reclaim, ended reservations. */
import { describe, expect, test } from 'bun:test'
import { keptBy, ownerKey } from '../../src/domain/owner.ts'
import { isRefusal } from '../../src/domain/refusal.ts'
import {
  changesOf,
  demandOf,
  ENTRIES,
  ip,
  keptRow,
  type PodWords,
  rowOf,
  scaled,
  type World,
  who,
  worldOf,
} from './world.ts'

const A = '10.1.9.9'
const B = '10.2.0.1'
const POOL = 'pool__blue_'
const pod = (name: string) => `${POOL}dp_ns_api_${name}`
const never = { policy: 2 } as const

function filter(world: World, key: string, words: PodWords = {}, nodes: readonly string[] = [A, B]) {
  const groups = nodes.map(node => world.group(node))
  const done = world.decide('filter', { at: 5, demand: demandOf(key, { ...never, ...words }), groups })
  if (isRefusal(done)) throw new Error('filter never refuses as a whole')
  const verdicts = groups.map(group => done.answer.verdicts.get(group.id)?.code ?? 'yes')
  return { verdicts, changes: changesOf(done), because: done.answer.verdicts.get(groups[0]?.id ?? '')?.because }
}

describe('a pool with a size', () => {
  const used = [rowOf('10.0.1.2', pod('p'), never), rowOf('10.0.1.3', `${POOL}sts_else_web_web-0`, never)]

  test('limits all of its pods together, whatever owns them', () => {
    const said = filter(worldOf(used), pod('q'), { poolSize: 2, workload: scaled(9) })
    expect(said).toEqual({
      verdicts: ['limit-reached', 'limit-reached'],
      changes: [],
      because: 'reached pool blue size limit of 2',
    })
    expect(filter(worldOf(used), `${POOL}sts_ns_web_web-9`, { poolSize: 2 }).verdicts).toEqual([
      'limit-reached',
      'limit-reached',
    ])
  })

  test('counts what is reserved under a pod’s name, not what is kept for the pool', () => {
    const rows = [keptRow('10.0.1.2', `${POOL}sts_ns_web_web-0`, never), keptRow('10.0.1.3', POOL, never)]
    expect(filter(worldOf(rows), pod('q'), { poolSize: 1 }).verdicts).toEqual(['limit-reached', 'limit-reached'])
    expect(filter(worldOf(rows), pod('q'), { poolSize: 2 }).verdicts).toEqual(['yes', 'address-elsewhere'])
  })

  test('is taken from in filter, free addresses too: the next filter counts them', () => {
    const world = worldOf(used)
    expect(filter(world, pod('q'), { poolSize: 3 })).toMatchObject({
      verdicts: ['yes', 'address-elsewhere'],
      changes: [`hold 10.0.1.4 -> held ${pod('q')}`],
    })
    expect(filter(world, pod('r'), { poolSize: 3 }).verdicts).toEqual(['limit-reached', 'limit-reached'])
  })

  test('a hold that came from nobody becomes free again', () => {
    const world = worldOf(used)
    filter(world, pod('q'), { poolSize: 3 })
    const command = { at: 9, incarnation: 'q#1', revision: world.revision, because: 'not bound' }
    expect(changesOf(world.decide('giveBack', command))).toEqual(['give back 10.0.1.4 -> free'])
  })
})

describe('a pool without a size', () => {
  const others = [rowOf('10.0.1.2', `${POOL}dp_ns_other_o`, never), rowOf('10.0.1.3', pod('p'), never)]
  test.each([
    ['a Deployment counts its own pods only', pod('q'), scaled(2), 'yes'],
    ['and is limited by its replicas', pod('q'), scaled(1), 'limit-reached'],
    ['a StatefulSet has no limit', `${POOL}sts_ns_web_web-0`, scaled(0), 'yes'],
    ['a bare pod without a number is welcome', `${POOL}NULL_ns_NULL_lone`, scaled(0), 'yes'],
  ] as const)('%s', (_, key, workload, verdict) => {
    expect(filter(worldOf(others), key, { workload }, [A]).verdicts).toEqual([verdict])
  })

  test('kept addresses go to whoever comes, newest first', () => {
    const rows = [
      keptRow('10.0.1.2', POOL, { updatedAt: 1, ...never }),
      keptRow('10.0.1.3', POOL, { updatedAt: 2, ...never }),
    ]
    expect(filter(worldOf(rows), pod('q')).changes).toEqual([`hold 10.0.1.3 -> held ${pod('q')}`])
  })

  test('R20 a name that would make owner keys ambiguous is refused', () => {
    const owner = { ...who('dp_ns_api_x'), pool: 'a_b' }
    const world = worldOf()
    const group = world.group(A)
    const done = world.decide('filter', {
      at: 1,
      demand: { ...demandOf('dp_ns_api_x', never), owner },
      groups: [group],
    })
    expect(isRefusal(done) || done.answer.verdicts.get(group.id)?.because).toBe(
      'pool name "a_b" must be a DNS-1123 name such as web-pool',
    )
  })

  test.each([
    [pod('x-1'), POOL],
    [`${POOL}sts_ns_web_web-0`, `${POOL}sts_ns_web_web-0`],
    [`${POOL}NULL_ns_NULL_lone`, POOL],
    ['sts_ns_web_web-0', 'sts_ns_web_web-0'],
    ['dp_ns_api_x', 'dp_ns_api_'],
    ['tapp_ns_db_db', 'tapp_ns_db_db'],
  ])('the address of %s is kept for %s', (key, kept) => {
    expect(ownerKey(keptBy(who(key)))).toBe(kept)
    const world = worldOf([rowOf('10.0.1.2', key, { policy: 2, incarnation: 'u' })])
    world.decide('unbind', { at: 1, incarnation: 'u', workload: scaled(0), rests: false, because: 'x' })
    expect(world.rows()).toEqual([`10.0.1.2 reserved ${kept}`])
    const object = {
      at: 1,
      source: 'object',
      address: ip('10.0.1.3'),
      owner: who(key),
      apiVersion: '',
      reservation: null,
      policy: 2,
      surge: false,
      restsSince: null,
    } as const
    world.decide('adopt', { ...object, incarnation: 'v', node: null, index: 0, blocked: false, alive: new Set(['v']) })
    world.decide('giveBack', { at: 1, incarnation: 'v', revision: world.revision, because: 'x' })
    expect(world.rows()).toEqual([`10.0.1.2 reserved ${kept}`, `10.0.1.3 reserved ${kept}`])
  })
})

describe('resizing', () => {
  const rows = [
    rowOf('10.0.1.2', pod('p'), never),
    keptRow('10.0.1.3', POOL, { updatedAt: 1, ...never }),
    keptRow('10.0.1.4', POOL, { updatedAt: 2, ...never }),
    keptRow('10.0.1.5', POOL, { blocked: true, ...never }),
  ]
  const resize = (size: number, preallocate: boolean, from = rows, entries = ENTRIES) => {
    const done = worldOf(from, entries).decide('resizePool', { at: 7, pool: 'blue', size, preallocate })
    if (isRefusal(done)) throw new Error(done.because)
    return { ...done.answer, changes: changesOf(done) }
  }
  test.each([
    ['to what it has', 3, true, { allocated: 3, inUse: 1, changes: [] }],
    [
      'smaller: the newest of what is not in use',
      2,
      false,
      { allocated: 2, inUse: 1, changes: ['free 10.0.1.4 -> free'] },
    ],
    [
      'to nothing: what is in use stays',
      0,
      true,
      { allocated: 1, inUse: 1, changes: ['free 10.0.1.4 -> free', 'free 10.0.1.3 -> free'] },
    ],
    ['larger, not ahead', 9, false, { allocated: 3, inUse: 1, changes: [] }],
    [
      'larger, ahead',
      5,
      true,
      { allocated: 5, inUse: 1, changes: [`keep 10.0.2.2 -> reserved ${POOL}`, `keep 10.0.2.3 -> reserved ${POOL}`] },
    ],
  ] as const)('%s', (_, size, preallocate, result) => {
    expect(resize(size, preallocate)).toEqual({ ...result, changes: [...result.changes] })
  })

  test('stops short when there are no more addresses', () => {
    expect(resize(99, true, rows, ENTRIES.slice(0, 1))).toMatchObject({ allocated: 3, changes: [] })
  })
})

describe('what nobody tells the end of', () => {
  const reclaim = (row: ReturnType<typeof rowOf>, revision = 1) =>
    changesOf(worldOf([row]).decide('reclaim', { at: 8, address: row.address, revision }))
  const KEY = 'sts_ns_web_web-0'
  test.each([
    [
      'an unknown incarnation, policy release',
      rowOf('10.0.1.2', KEY, { incarnation: 'unknown' }),
      1,
      ['free 10.0.1.2 -> free'],
    ],
    [
      'an unknown incarnation, policy that keeps',
      rowOf('10.0.1.2', KEY, { incarnation: 'unknown', policy: 1 }),
      1,
      [`keep 10.0.1.2 -> reserved ${KEY}`],
    ],
    ['an orphan', rowOf('10.0.9.9', KEY, { incarnation: 'unknown', policy: 2 }), 1, ['free 10.0.9.9 -> free']],
    ['changed since the pod was looked up', rowOf('10.0.1.2', KEY), 0, []],
  ] as const)('%s', (_, row, revision, changes) => {
    expect(reclaim(row, revision)).toEqual([...changes])
  })

  test('a reservation ends once; nobody else’s row is touched', () => {
    const world = worldOf([keptRow('10.0.1.2', KEY, { blocked: true }), keptRow('10.0.1.3', 'sts_ns_web_web-1')])
    const unblock = (text: string) => changesOf(world.decide('unblock', { at: 8, address: ip(text) }))
    expect(['10.0.1.2', '10.0.1.2', '10.0.1.3'].map(unblock)).toEqual([['free 10.0.1.2 -> free'], [], []])
  })
})

describe('a group of a configuration that was replaced', () => {
  const old = worldOf().group(A)
  test('filter: asks again', () => {
    const done = worldOf().decide('filter', { at: 1, demand: demandOf('sts_ns_web_web-0'), groups: [old] })
    expect(isRefusal(done) || done.answer.verdicts.get(old.id)?.code).toBe('stale')
  })
  test('bind: refused, nothing changes', () => {
    const world = worldOf()
    expect(world.decide('bind', { at: 1, demand: demandOf('sts_ns_web_web-0'), node: 'n', group: old })).toMatchObject({
      code: 'stale',
    })
    expect(world.rows()).toEqual([])
  })
})

describe('R18 a hold that no asked node can use', () => {
  const kept = [keptRow('10.0.1.2', 'dp_ns_api_', { updatedAt: 9 }), keptRow('10.0.2.2', 'dp_ns_api_')]
  test('goes back, and another is taken in the same turn', () => {
    const world = worldOf(kept)
    expect(filter(world, 'dp_ns_api_x', { policy: 1 }).changes).toEqual(['hold 10.0.1.2 -> held dp_ns_api_x'])
    expect(filter(world, 'dp_ns_api_x', { policy: 1 }, [B])).toMatchObject({
      verdicts: ['yes'],
      changes: ['give back 10.0.1.2 -> reserved dp_ns_api_', 'hold 10.0.2.2 -> held dp_ns_api_x'],
    })
  })

  test('stays when there is no other', () => {
    const world = worldOf(kept.slice(0, 1))
    filter(world, 'dp_ns_api_x', { policy: 1 })
    expect(filter(world, 'dp_ns_api_x', { policy: 1 }, [B])).toMatchObject({
      verdicts: ['address-elsewhere'],
      changes: [],
    })
  })

  test('stays when it is reserved under the pod’s own name', () => {
    const key = `${POOL}sts_ns_web_web-0`
    const held = { phase: 'held', node: null, policy: 2, heldFrom: who(key) } as const
    const world = worldOf([rowOf('10.0.1.2', key, held), keptRow('10.0.2.2', POOL, never)])
    expect(filter(world, key, {}, [B])).toMatchObject({ verdicts: ['address-elsewhere'], changes: [] })
  })

  test('that came from nobody is exchanged for a free one', () => {
    const world = worldOf([rowOf('10.0.1.2', pod('q'), { phase: 'held', node: null, policy: 2 })])
    expect(filter(world, pod('q'), { poolSize: 1 }, [B])).toMatchObject({
      verdicts: ['yes'],
      changes: ['give back 10.0.1.2 -> free', `hold 10.0.2.2 -> held ${pod('q')}`],
    })
  })

  test('R1 a claim stays: its Binding may be on its way', () => {
    const world = worldOf([rowOf('10.0.1.2', 'dp_ns_api_x', { policy: 1 }), ...kept.slice(1)])
    expect(filter(world, 'dp_ns_api_x', { policy: 1 }, [B])).toMatchObject({
      verdicts: ['address-elsewhere'],
      changes: [],
    })
    expect(world.row('10.0.1.2')?.phase).toBe('bound')
  })
})
