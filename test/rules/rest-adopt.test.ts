/** Owns the table of what a new leader learns of rests from the objects (R12, R6). */
import { describe, expect, test } from 'bun:test'
import type { AdoptCommand } from '../../src/domain/command.ts'
import { UNLOOKED } from '../../src/domain/demand.ts'
import { ip, rowOf, who, worldOf } from './world.ts'

const AT = 20
const resting = (text: string, key: string) => rowOf(text, key, { phase: 'resting', restsSince: AT })

describe('R12 a new leader learns it from the object', () => {
  const object = (words: Partial<AdoptCommand> = {}): AdoptCommand => ({
    ...{ at: 50, source: 'object', address: ip('10.0.1.2'), owner: who('sts_ns_web_web-0'), apiVersion: 'apps/v1' },
    ...{ policy: 0, incarnation: null, node: null, index: 0, reservation: null, blocked: false, surge: false },
    ...{ restsSince: AT, alive: new Set(['web-0#2']), ...words },
  })

  test.each([
    ['of nobody', {}, 'resting'],
    ['that is kept', { policy: 1 }, 'reserved'],
    ['that is reserved', { reservation: { id: 'r', expiresAt: null, note: '' } }, 'reserved'],
    ['out of circulation', { blocked: true }, 'reserved'],
    ['of a pod', { incarnation: 'web-0#2', node: 'n1' }, 'bound'],
    ['without a rest', { restsSince: null }, 'reserved'],
  ] as const)('an object %s', (_, words, phase) => {
    const world = worldOf()
    world.decide('adopt', object(words))
    expect(world.row('10.0.1.2')).toMatchObject({ phase, restsSince: 'restsSince' in words ? null : AT })
  })

  test('over a file that still has the pod: its end, unseen here, was seen there', () => {
    const world = worldOf([rowOf('10.0.1.2', 'sts_ns_web_web-0')])
    expect(world.decide('adopt', object())).toMatchObject({ answer: 'known' })
    world.decide('unbind', { at: 51, incarnation: 'web-0#1', workload: UNLOOKED, rests: false, because: 'unseen' })
    expect(world.row('10.0.1.2')).toMatchObject({ phase: 'resting', restsSince: AT })
  })

  test('a living pod that carries it has it, and it rests on for the others', () => {
    const world = worldOf([resting('10.0.1.2', 'sts_ns_web_web-0')])
    const carried = { source: 'pod' as const, owner: who('NULL_ns_NULL_p'), incarnation: 'p#1', node: 'n1' }
    world.decide('adopt', object({ ...carried, restsSince: null, alive: new Set(['p#1']) }))
    expect(world.row('10.0.1.2')).toMatchObject({ phase: 'bound', incarnation: 'p#1', restsSince: AT })
  })

  test('an administrator may take it out of circulation meanwhile', () => {
    const world = worldOf([resting('10.0.1.2', 'sts_ns_web_web-0')])
    world.decide('adopt', object({ blocked: true, restsSince: null }))
    expect(world.row('10.0.1.2')).toMatchObject({ phase: 'reserved', blocked: true, restsSince: AT })
    world.decide('unblock', { at: 55, address: ip('10.0.1.2') })
    expect(world.row('10.0.1.2')).toMatchObject({ phase: 'resting', blocked: false })
  })
})
