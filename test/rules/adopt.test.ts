/** Owns the table of adoption (R6): what the cluster says enters the ledger, and takes nothing from a living pod. */
import { describe, expect, test } from 'bun:test'
import type { AdoptCommand } from '../../src/domain/command.ts'
import { changesOf, ip, keptRow, rowOf, who, worldOf } from './world.ts'

const KEY = 'sts_ns_web_web-0'
const OTHER = 'sts_ns_web_web-1'

/** A pod that carries 10.0.1.2; `alive` names the UIDs of all unfinished pods. */
function sighting(words: Partial<AdoptCommand> & { key?: string; living?: readonly string[] } = {}): AdoptCommand {
  const { key = KEY, living = ['web-0#1'], ...rest } = words
  return {
    at: 50,
    source: 'pod',
    address: ip('10.0.1.2'),
    owner: who(key),
    apiVersion: 'apps/v1',
    reservation: null,
    policy: 1,
    incarnation: 'web-0#1',
    node: 'n1',
    index: 0,
    blocked: false,
    surge: false,
    restsSince: null,
    alive: new Set(living),
    ...rest,
  }
}

describe('an address that the ledger has as free', () => {
  test.each([
    ['of a bound pod: bound', {}, 'bound'],
    ['of an object with node and UID: bound', { source: 'object' }, 'bound'],
    ['R36 of an object without a node: a hold', { source: 'object', node: null }, 'held'],
    ['of an object without a pod: reserved', { source: 'object', node: null, incarnation: null }, 'reserved'],
    [
      'of an object whose UID cannot be read: bound to nobody in particular',
      { source: 'object', incarnation: 'unknown' },
      'bound',
    ],
  ] as const)('%s', (_, words, phase) => {
    const world = worldOf()
    const done = world.decide('adopt', sighting(words))
    expect(changesOf(done)).toEqual([`adopt 10.0.1.2 -> ${phase} ${KEY}`])
    expect(done).toMatchObject({ answer: 'new' })
    expect(world.row('10.0.1.2')).toMatchObject({ policy: 1, apiVersion: 'apps/v1' })
    expect(world.state.freeCount(0)).toBe(3)
  })

  test('outside the configuration: orphaned, given to nobody', () => {
    const world = worldOf()
    expect(changesOf(world.decide('adopt', sighting({ address: ip('10.0.9.9') })))).toEqual([
      `adopt 10.0.9.9 -> bound ${KEY}`,
    ])
    expect(world.state.verify()).toBeNull()
  })

  test('an administrator’s reservation: blocked', () => {
    const world = worldOf()
    world.decide('adopt', sighting({ source: 'object', incarnation: null, node: null, blocked: true }))
    expect(world.row('10.0.1.2')).toMatchObject({ phase: 'reserved', blocked: true })
  })
})

describe('an address that has a row', () => {
  const row = (words = {}) => rowOf('10.0.1.2', KEY, { policy: 1, ...words })
  test.each([
    ['the same pod: known', row(), sighting(), 'known'],
    ['the same key, an empty incarnation: its pod is back', keptRow('10.0.1.2', KEY), sighting(), 'taken over'],
    ['the same key, a dead UID: the living one has it', row({ incarnation: 'web-0#0' }), sighting(), 'taken over'],
    ['the same key, an unknown UID: now known', row({ incarnation: 'unknown' }), sighting(), 'taken over'],
    ['another key, kept without a pod: the living pod has it', keptRow('10.0.1.2', OTHER), sighting(), 'taken over'],
    ['another key, its pod dead: the living pod has it', rowOf('10.0.1.2', OTHER), sighting(), 'taken over'],
    [
      'another key, its pod alive: a second claimant',
      rowOf('10.0.1.2', OTHER),
      sighting({ living: ['web-0#1', 'web-1#1'] }),
      'in-use',
    ],
    ['a sighting whose pod is not alive: ignored', rowOf('10.0.1.2', OTHER), sighting({ living: [] }), 'known'],
    [
      'reserved by an administrator: a second claimant',
      keptRow('10.0.1.2', OTHER, { blocked: true }),
      sighting(),
      'in-use',
    ],
    [
      'a hold of another key, its pod dead; a pod carries it',
      rowOf('10.0.1.2', OTHER, { phase: 'held', node: null }),
      sighting(),
      'taken over',
    ],
    [
      'a hold of this pod, and the pod is bound with it: bound, for no expiry to free',
      row({ phase: 'held', node: null, heldFrom: who('dp_ns_api_') }),
      sighting(),
      'taken over',
    ],
    ['bound by this pod, but on another node than the claim says', row({ node: 'n9' }), sighting(), 'taken over'],
  ] as const)('%s', (_, before, command, verdict) => {
    const world = worldOf([before])
    const done = world.decide('adopt', command)
    if (verdict === 'in-use') expect(done).toMatchObject({ refused: true, code: 'in-use' })
    else expect(done).toMatchObject({ answer: verdict })
    const after = world.row('10.0.1.2')
    if (verdict === 'taken over')
      expect(after).toMatchObject({ incarnation: 'web-0#1', phase: 'bound', node: 'n1', heldFrom: null })
    else expect(after).toEqual(before)
  })

  test('a second claimant is named with both owners', () => {
    const world = worldOf([rowOf('10.0.1.2', OTHER)])
    expect(world.decide('adopt', sighting({ living: ['web-0#1', 'web-1#1'] }))).toMatchObject({
      because: `10.0.1.2 is claimed by ${KEY} (pod), but ${OTHER} has it`,
    })
  })

  test('an object says nothing new of the pod that has it', () => {
    const world = worldOf([row()])
    expect(world.decide('adopt', sighting({ source: 'object', node: null }))).toMatchObject({
      changes: [],
      answer: 'known',
    })
    expect(world.decide('adopt', sighting({ source: 'object', node: 'n9' }))).toMatchObject({
      changes: [],
      answer: 'known',
    })
  })
})

describe('a hold or claim adopted from an object, and then given up, goes back to whom the policy keeps it for', () => {
  const given = 'give back 10.0.1.2 -> '
  test.each([
    ['a claim of a StatefulSet', 'sts_ns_web_web-0', 'n1', 1, `${given}reserved sts_ns_web_web-0`],
    ['a hold of a Deployment', 'dp_ns_api_x', null, 1, `${given}reserved dp_ns_api_`],
    ['a claim with policy never', 'NULL_ns_NULL_lone-1', 'n1', 2, `${given}reserved NULL_ns_NULL_lone-1`],
    ['a claim with policy release', 'sts_ns_web_web-0', 'n1', 0, `${given}free`],
  ] as const)('%s', (_, key, node, policy, change) => {
    const world = worldOf()
    world.decide('adopt', sighting({ source: 'object', key, node, policy }))
    const command = { at: 60, incarnation: 'web-0#1', revision: world.revision, because: 'not bound in time' }
    expect(changesOf(world.decide('giveBack', command))).toEqual([change])
  })
})

test('what was adopted ends like any other', () => {
  const world = worldOf()
  world.decide('adopt', sighting({ policy: 0 }))
  world.decide('unbind', {
    at: 60,
    incarnation: 'web-0#1',
    workload: { state: 'unlooked' },
    rests: false,
    because: 'x',
  })
  expect(world.rows()).toEqual([])
})

test('an address that was freed in the open turn can be found in use: R8 is about giving, not about finding', () => {
  const world = worldOf([rowOf('10.0.1.2', OTHER)])
  world.during('unbind', {
    at: 60,
    incarnation: 'web-1#1',
    workload: { state: 'unlooked' },
    rests: false,
    because: 'x',
  })
  expect(changesOf(world.during('adopt', sighting()))).toEqual([`adopt 10.0.1.2 -> bound ${KEY}`])
  world.state.settle()
  expect(world.state.verify()).toBeNull()
  expect(world.state.freeCount(0)).toBe(3)
})
