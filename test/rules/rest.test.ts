/** Owns the table of rests (R12): whose address rests, who may have it all the same, and what ends it. */
import { describe, expect, test } from 'bun:test'
import { GONE, UNLOOKED, type Workload } from '../../src/domain/demand.ts'
import { isRefusal } from '../../src/domain/refusal.ts'
import { fitsAfter } from '../../src/rules/score.ts'
import {
  changesOf,
  demandOf,
  ip,
  keptRow,
  type PodWords,
  ranges,
  rowOf,
  scaled,
  type World,
  who,
  worldOf,
} from './world.ts'

const AT = 20
/** The pod's object went while a container of it was last seen running. */
const killed = (incarnation: string, workload: Workload = UNLOOKED) => {
  return { at: AT, incarnation, workload, rests: true, because: 'pod deleted' }
}
const resting = (text: string, key: string, words = {}) =>
  rowOf(text, key, { phase: 'resting', restsSince: AT, ...words })
const RACK_A = '10.1.0.1'

/** What filter says of rack a, and what bind does there. */
function asks(world: World, key: string, words: PodWords = {}): string {
  const group = world.group(RACK_A)
  const demand = demandOf(key, { uid: 'next', ...words })
  const filtered = world.decide('filter', { at: AT, demand, groups: [group] })
  const refused = isRefusal(filtered) ? filtered : filtered.answer.verdicts.get(group.id)
  if (refused) return `${refused.code}: ${refused.because}`
  return changesOf(world.decide('bind', { at: AT, demand, node: 'n2', group })).join(', ')
}

/** Rack a with nothing free but these rows. */
function full(...rows: readonly ReturnType<typeof rowOf>[]): World {
  const taken = new Set(rows.map(row => row.address.text))
  const others = ['10.0.1.2', '10.0.1.3', '10.0.1.4', '10.0.1.5'].filter(text => !taken.has(text))
  return worldOf([...rows, ...others.map((text, at) => rowOf(text, `NULL_ns_NULL_other-${at}`))])
}

describe('R12 the end of a pod whose container may still run', () => {
  test.each([
    // policy, owner, what is known of the workload, what happens
    [0, 'sts_ns_web_web-1', scaled(3), 'rest 10.0.1.2 -> resting sts_ns_web_web-1'],
    [0, 'dp_ns_api_api-x', scaled(3), 'rest 10.0.1.2 -> resting dp_ns_api_api-x'],
    [0, 'NULL_ns_NULL_lone', UNLOOKED, 'rest 10.0.1.2 -> resting NULL_ns_NULL_lone'],
    [1, 'sts_ns_web_web-1', GONE, 'rest 10.0.1.2 -> resting sts_ns_web_web-1'],
    [1, 'sts_ns_web_web-1', scaled(1), 'rest 10.0.1.2 -> resting sts_ns_web_web-1'],
    [1, 'sts_ns_web_web-1', scaled(3), 'keep 10.0.1.2 -> reserved sts_ns_web_web-1'],
    [1, 'dp_ns_api_api-x', scaled(0), 'rest 10.0.1.2 -> resting dp_ns_api_api-x'],
    [1, 'dp_ns_api_api-x', scaled(1), 'keep 10.0.1.2 -> reserved dp_ns_api_'],
    [2, 'pool__blue_dp_ns_api_api-x', GONE, 'keep 10.0.1.2 -> reserved pool__blue_'],
  ] as const)('policy %p, %s', (policy, key, workload, change) => {
    const row = rowOf('10.0.1.2', key, { policy })
    const world = worldOf([row])
    const done = world.decide('unbind', killed(row.incarnation ?? '', workload))
    expect(changesOf(done)).toEqual([change])
    const kept = change.startsWith('keep') ? 1 : 0
    expect(done).toMatchObject({ answer: { freed: 0, kept } })
    expect(world.row('10.0.1.2')).toMatchObject({ incarnation: null, node: null, restsSince: AT })
  })

  test('R12 nothing rests when its last status shows no container running', () => {
    const world = worldOf([rowOf('10.0.1.2', 'sts_ns_web_web-1')])
    const done = world.decide('unbind', { ...killed('web-1#1'), rests: false })
    expect(changesOf(done)).toEqual(['free 10.0.1.2 -> free'])
  })

  test('R12 what the pod only held was never in use', () => {
    const world = worldOf([rowOf('10.0.1.2', 'dp_ns_api_api-x', { phase: 'held', incarnation: 'u' })])
    expect(changesOf(world.decide('unbind', killed('u')))).toEqual(['give back 10.0.1.2 -> free'])
  })

  test('R12 outside of the configuration too: its range may come back at once', () => {
    const world = worldOf([rowOf('10.9.9.9', 'sts_ns_web_web-1', { policy: 2 })])
    expect(changesOf(world.decide('unbind', killed('web-1#1')))).toEqual(['rest 10.9.9.9 -> resting sts_ns_web_web-1'])
  })
})

describe('R12 what is kept, and given up before the rest is over, rests for others', () => {
  const kept = (key: string, words = {}) => keptRow('10.0.1.2', key, { restsSince: AT, ...words })
  const rests = (key: string) => [`10.0.1.2 resting ${key}`]

  test('its StatefulSet is deleted', () => {
    const world = worldOf([kept('sts_ns_web_web-0')])
    const workloadOwner = who('sts_ns_web_')
    const facts = { workloadOwner, apiVersion: 'apps/v1', workload: GONE, unfinished: new Set<string>(), revision: 100 }
    expect(world.decide('follow', { at: 25, ...facts })).toMatchObject({ answer: { freed: 0, kept: 0 } })
    expect(world.rows()).toEqual(rests('sts_ns_web_web-0'))
  })

  test('its Deployment is scaled down', () => {
    const world = worldOf([kept('dp_ns_api_')])
    const facts = { workloadOwner: who('dp_ns_api_'), apiVersion: 'apps/v1', workload: scaled(0) }
    world.decide('follow', { at: 25, ...facts, unfinished: new Set(), revision: 100 })
    expect(world.rows()).toEqual(rests('dp_ns_api_'))
  })

  test('its pool is made smaller', () => {
    const world = worldOf([kept('pool__blue_', { policy: 2 })])
    const done = world.decide('resizePool', { at: 25, pool: 'blue', size: 0, preallocate: true })
    expect(done).toMatchObject({ answer: { allocated: 0, inUse: 0 } })
    expect(world.rows()).toEqual(rests('pool__blue_'))
  })

  test('its reservation ends', () => {
    const world = worldOf([
      kept('sts_ns_web_web-0', { policy: 0, reservation: { id: 'r', expiresAt: null, note: '' } }),
    ])
    const end = { id: 'r', address: null, because: 'over', unfinished: new Set<string>() }
    expect(world.decide('unreserve', { at: 25, ...end })).toMatchObject({ answer: { freed: 1, left: 0 } })
    expect(world.rows()).toEqual(rests('sts_ns_web_web-0'))
    expect(world.row('10.0.1.2')?.reservation).toBeNull()
  })

  test('it left the configuration, and nobody has it', () => {
    const row = keptRow('10.9.9.9', 'sts_ns_web_web-0', { restsSince: AT })
    const world = worldOf([row])
    world.decide('reclaim', { at: 25, address: row.address, revision: row.revision })
    expect(world.rows()).toEqual(['10.9.9.9 resting sts_ns_web_web-0'])
  })

  test('its replacement bound it, and ended in good order', () => {
    const world = worldOf([resting('10.0.1.2', 'sts_ns_web_web-0')])
    expect(asks(world, 'sts_ns_web_web-0')).toBe('bind 10.0.1.2 -> bound sts_ns_web_web-0')
    world.decide('unbind', { ...killed('next'), at: 25, rests: false })
    expect(world.rows()).toEqual(rests('sts_ns_web_web-0'))
    expect(world.row('10.0.1.2')?.restsSince).toBe(AT)
  })

  test('a hold on it goes back', () => {
    const world = worldOf([rowOf('10.0.1.2', 'dp_ns_api_api-y', { phase: 'held', incarnation: 'u', restsSince: AT })])
    world.decide('giveBack', { at: 25, incarnation: 'u', revision: 100, because: 'late' })
    expect(world.rows()).toEqual(rests('dp_ns_api_api-y'))
  })
})

describe('R12 who may have an address that rests', () => {
  const one = '; 1 rests, since a container may still use it'
  const none = 'no free address for nodes in 10.1.0.0/16'

  test.each([
    // whose it was, who asks, what they get
    ['sts_ns_web_web-0', 'sts_ns_web_web-0', 'bind 10.0.1.2 -> bound sts_ns_web_web-0'],
    ['sts_ns_web_web-0', 'sts_ns_web_web-1', `resting: ${none}${one}`],
    ['sts_ns_web_web-0', 'sts_other_web_web-0', `resting: ${none}${one}`],
    ['sts_ns_web_web-0', 'NULL_ns_NULL_web-0', `resting: ${none}${one}`],
    ['dp_ns_api_api-x', 'dp_ns_api_api-y', 'bind 10.0.1.2 -> bound dp_ns_api_api-y'],
    ['dp_ns_api_api-x', 'dp_ns_app_app-y', `resting: ${none}${one}`],
    ['dp_ns_api_', 'dp_ns_api_api-y', 'bind 10.0.1.2 -> bound dp_ns_api_api-y'],
    ['NULL_ns_NULL_lone', 'NULL_ns_NULL_lone', 'bind 10.0.1.2 -> bound NULL_ns_NULL_lone'],
    ['NULL_ns_NULL_lone', 'NULL_ns_NULL_other', `resting: ${none}${one}`],
    ['job_ns_sum_sum-x', 'job_ns_sum_sum-y', 'bind 10.0.1.2 -> bound job_ns_sum_sum-y'],
    ['tapp_ns_db_db-0', 'tapp_ns_db_db-1', `resting: ${none}${one}`],
    ['tapp_ns_db_db-1', 'tapp_ns_db_db-1', 'bind 10.0.1.2 -> bound tapp_ns_db_db-1'],
    ['pool__blue_dp_ns_api_api-x', 'pool__blue_sts_ns_web_web-0', 'bind 10.0.1.2 -> bound pool__blue_sts_ns_web_web-0'],
    ['pool__blue_dp_ns_api_api-x', 'pool__red_dp_ns_api_api-y', `resting: ${none}${one}`],
    ['pool__blue_dp_ns_api_api-x', 'dp_ns_api_api-y', `resting: ${none}${one}`],
  ])('of %s: %s', (was, key, outcome) => {
    expect(asks(full(resting('10.0.1.2', was)), key)).toBe(outcome)
  })

  test('its own name gets it before any free one', () => {
    expect(asks(worldOf([resting('10.0.1.4', 'sts_ns_web_web-0')]), 'sts_ns_web_web-0')).toBe(
      'bind 10.0.1.4 -> bound sts_ns_web_web-0',
    )
  })

  test('a sibling gets a free one first: two pods at one address are worse than another address', () => {
    expect(asks(worldOf([resting('10.0.1.4', 'dp_ns_api_api-x')]), 'dp_ns_api_api-y')).toBe(
      'bind 10.0.1.2 -> bound dp_ns_api_api-y',
    )
  })

  test('the answer to its range list, by its own name; not one out of the list', () => {
    const row = resting('10.0.1.4', 'sts_ns_web_web-0')
    const inside = { request: [ranges('10.0.1.3~10.0.1.5')] }
    const outside = { request: [ranges('10.0.1.2~10.0.1.3')] }
    expect(asks(worldOf([row]), 'sts_ns_web_web-0', inside)).toBe('bind 10.0.1.4 -> bound sts_ns_web_web-0')
    expect(asks(worldOf([row]), 'sts_ns_web_web-0', outside)).toBe('bind 10.0.1.2 -> bound sts_ns_web_web-0')
  })

  test('several lists: those that rest and those that are free together', () => {
    const rows = [resting('10.0.1.4', 'dp_ns_api_api-x', { index: 1 }), rowOf('10.0.1.3', 'NULL_ns_NULL_other')]
    const request = [ranges('10.0.1.2~10.0.1.3'), ranges('10.0.1.3~10.0.1.4')]
    expect(asks(worldOf(rows), 'dp_ns_api_api-y', { request })).toBe(
      'bind 10.0.1.2 -> bound dp_ns_api_api-y, bind 10.0.1.4 -> bound dp_ns_api_api-y',
    )
  })

  test('of a request it is told only what rests in its ranges', () => {
    const world = full(resting('10.0.1.2', 'sts_ns_web_web-0'))
    const asked = (text: string) => asks(world, 'NULL_ns_NULL_p', { request: [ranges(text)] })
    const text = 'no free address for the requested ranges for nodes in 10.1.0.0/16'
    expect(asked('10.0.1.2~10.0.1.3')).toBe(`resting: ${text}${one}`)
    expect(asked('10.0.1.3')).toBe(`no-address-left: ${text}`)
  })

  test('how many rest is told', () => {
    const world = full(resting('10.0.1.2', 'sts_ns_web_web-0'), resting('10.0.1.3', 'sts_ns_web_web-1'))
    expect(asks(world, 'NULL_ns_NULL_p')).toBe(`resting: ${none}; 2 rest, since containers may still use them`)
  })

  test('it counts in no limit', () => {
    const world = worldOf([resting('10.0.1.4', 'dp_ns_api_api-x'), resting('10.0.1.5', 'pool__blue_dp_ns_api_api-x')])
    const sticky = { policy: 1 as const, workload: scaled(1) }
    expect(asks(world, 'dp_ns_api_api-y', sticky)).toBe('bind 10.0.1.2 -> bound dp_ns_api_api-y')
    const pooled = { policy: 2 as const, workload: scaled(9), poolSize: 1 }
    expect(asks(world, 'pool__blue_dp_ns_api_api-y', pooled)).toBe('bind 10.0.1.3 -> bound pool__blue_dp_ns_api_api-y')
  })

  test('a pod of a higher priority may still have others evicted', () => {
    const world = full(resting('10.0.1.2', 'sts_ns_web_web-0'))
    const demand = demandOf('NULL_ns_NULL_p')
    const group = world.group(RACK_A)
    const may = (uid: string) => fitsAfter(world.state, { at: AT, demand, groups: [group] }, group, [uid])
    expect([may('other-0#1'), may('nobody')]).toEqual([true, false])
  })

  test('a person who reserves, or imports, is told that it rests', () => {
    const world = full(resting('10.0.1.2', 'sts_ns_web_web-0'))
    const reservation = { id: 'r', expiresAt: null, note: '' }
    const wish = { apiVersion: '', blocked: false, within: null, contiguous: false, addresses: [ip('10.0.1.2')] }
    const reserved = world.decide('reserve', { at: AT, reservation, owners: [who('dp_ns_api_')], ...wish })
    const item = { address: ip('10.0.1.2'), owner: who('sts_ns_web_web-0'), policy: 2 as const }
    for (const done of [reserved, world.decide('importAll', { at: AT, items: [item] })]) {
      expect(isRefusal(done) && done.because).toContain('rests: a container of sts_ns_web_web-0 may still run')
    }
  })
})

describe('R12 the end of a rest', () => {
  const end = (world: World, since = AT) =>
    changesOf(world.decide('rested', { at: 60, address: ip('10.0.1.2'), since }))

  test('what only rested is free', () => {
    const world = full(resting('10.0.1.2', 'sts_ns_web_web-0'))
    expect(end(world)).toEqual(['free 10.0.1.2 -> free'])
    expect(asks(world, 'NULL_ns_NULL_p')).toBe('bind 10.0.1.2 -> bound NULL_ns_NULL_p')
  })

  test.each([
    ['bound', rowOf('10.0.1.2', 'sts_ns_web_web-0', { restsSince: AT })],
    ['reserved', keptRow('10.0.1.2', 'sts_ns_web_web-0', { restsSince: AT })],
  ])('what is %s stays so, and is free at once when it goes', (phase, row) => {
    const world = worldOf([row])
    expect(end(world)).toEqual([`rest 10.0.1.2 -> ${phase} sts_ns_web_web-0`])
    expect(world.row('10.0.1.2')).toMatchObject({ phase, restsSince: null, incarnation: row.incarnation })
  })

  test('a later rest goes on', () => {
    const world = worldOf([resting('10.0.1.2', 'sts_ns_web_web-0')])
    expect(end(world, AT - 1)).toEqual([])
    expect(world.row('10.0.1.2')?.phase).toBe('resting')
  })

  test('a person may cut it short, and history says so; what is kept has to rest first', () => {
    const world = worldOf([keptRow('10.0.1.2', 'sts_ns_web_web-0', { restsSince: AT })])
    const release = () => {
      const revision = world.row('10.0.1.2')?.revision ?? 0
      return world.decide('release', {
        ...{ at: 25, address: ip('10.0.1.2'), owner: who('sts_ns_web_web-0'), revision },
        because: 'released over HTTP',
      })
    }
    expect(changesOf(release())).toEqual(['release 10.0.1.2 -> resting sts_ns_web_web-0'])
    const cut = release()
    expect(changesOf(cut)).toEqual(['release 10.0.1.2 -> free'])
    expect(isRefusal(cut) ? '' : cut.changes[0]?.because).toBe('released over HTTP, before it had rested')
  })
})
