/** Owns the ledger's memory: indexes find what they should, freed is not free before the turn is settled, verify() notices. */
import { describe, expect, test } from 'bun:test'
import { createCore } from '../../src/core/wasm.ts'
import type { Allocation } from '../../src/domain/allocation.ts'
import type { Change } from '../../src/domain/change.ts'
import { geometryOf } from '../../src/domain/geometry.ts'
import { indexBy } from '../../src/ledger/index.ts'
import { stateOf } from '../../src/ledger/state.ts'
import { Bug } from '../../src/lib/assert.ts'
import { ENTRIES, ip, keptRow, rowOf, worldOf } from '../rules/world.ts'

const ROWS = [
  rowOf('10.0.1.2', 'sts_ns_web_web-0'),
  rowOf('10.0.2.2', 'sts_ns_web_web-0', { index: 1 }),
  keptRow('10.0.1.3', 'sts_ns_web_web-1'),
  rowOf('10.0.1.4', 'dp_ns_api_p'),
  keptRow('10.0.1.5', 'dp_ns_api_'),
  rowOf('10.0.2.3', 'pool__blue_dp_ns_api_q'),
  keptRow('10.0.2.4', 'pool__blue_'),
  rowOf('10.0.9.9', 'sts_ns_old_old-0'), // an orphan
]

const texts = (rows: readonly Allocation[]) => rows.map(row => row.address.text).sort()
const changing = (
  before: Allocation | null,
  after: Change['after'],
  address = before?.address ?? ip('10.0.1.2'),
): Change => {
  return { verb: 'adopt', address, before, after, because: 'test' }
}

describe('indexes', () => {
  const { state } = worldOf(ROWS)
  test.each([
    ['key', state.ofKey('sts_ns_web_web-0'), ['10.0.1.2', '10.0.2.2']],
    ['a kept key', state.ofKey('dp_ns_api_'), ['10.0.1.5']],
    ['incarnation', state.ofIncarnation('web-0#1'), ['10.0.1.2', '10.0.2.2']],
    ['share of a Deployment: its pods’ and the kept ones', state.ofShare('dp_ns_api_'), ['10.0.1.4', '10.0.1.5']],
    ['share of a pool', state.ofShare('pool__blue_'), ['10.0.2.3', '10.0.2.4']],
    ['workload', state.ofWorkload('sts_ns_web_'), ['10.0.1.2', '10.0.1.3', '10.0.2.2']],
    ['nobody', state.ofKey('sts_ns_web_'), []],
  ])('%s', (_, rows, found) => {
    expect(texts(rows)).toEqual(found)
  })

  test('rows come in the order of the request', () => {
    const index = indexBy(row => row.incarnation)
    for (const at of [2, 0, 1]) index.add(rowOf(`10.0.1.${at}`, 'sts_ns_web_web-0', { index: at }))
    expect(index.of('web-0#1').map(row => row.index)).toEqual([0, 1, 2])
    index.remove(rowOf('10.0.1.1', 'sts_ns_web_web-0'))
    index.remove(rowOf('10.0.1.1', 'sts_ns_web_web-0'))
    expect([index.size, index.of('web-0#1').length]).toEqual([2, 2])
    index.add(keptRow('10.0.1.9', 'sts_ns_web_web-0'))
    expect(index.size).toBe(2)
  })
})

describe('slots', () => {
  test('rows take theirs, orphans have none', () => {
    const { state } = worldOf(ROWS)
    expect([0, 1, 2, 3].map(entry => state.freeCount(entry))).toEqual([0, 1, 2, 4])
    expect(state.size).toBe(8)
    expect(state.verify()).toBeNull()
  })

  test('R8 what is freed is given to nobody before the turn is settled', () => {
    const { state, geometry } = worldOf([rowOf('10.0.3.2', 'sts_ns_web_web-0'), rowOf('10.0.3.3', 'sts_ns_web_web-1')])
    const row = state.at(ip('10.0.3.3'))
    state.apply(changing(row, null), 5, 9)
    expect(state.at(ip('10.0.3.3'))).toBeNull()
    expect([state.peek(2), state.freeCount(2), state.match([[{ lo: 8, hi: 9 }]])]).toEqual([null, 0, null])
    expect(state.verify()).toBeNull()
    state.settle()
    expect(state.peek(2)).toBe(geometry.slotOf(ip('10.0.3.3')))
    expect(state.verify()).toBeNull()
  })

  test('a committed change carries time and revision', () => {
    const { state } = worldOf()
    const { updatedAt: _, revision: __, ...draft } = rowOf('10.0.1.2', 'sts_ns_web_web-0')
    const committed = state.apply(changing(null, draft), 5, 9)
    expect(committed).toMatchObject({ at: 5, revision: 9, after: { updatedAt: 5, revision: 9 } })
    expect(state.at(ip('10.0.1.2'))).toEqual(committed.after)
  })
})

describe('a bug, not a refusal', () => {
  test.each([
    ['a change that rests on a row not in force', changing(rowOf('10.0.1.2', 'sts_ns_web_web-0'), null)],
    ['a change that thinks that it is free', changing(null, rowOf('10.0.1.3', 'sts_ns_x_x-0'), ip('10.0.1.3'))],
    [
      'bound without a pod',
      changing(null, rowOf('10.0.2.5', 'sts_ns_web_web-9', { incarnation: null }), ip('10.0.2.5')),
    ],
    [
      'reserved with a pod',
      changing(null, keptRow('10.0.2.5', 'sts_ns_web_web-9', { incarnation: 'u' }), ip('10.0.2.5')),
    ],
    ['bound under a kept key', changing(null, rowOf('10.0.2.5', 'dp_ns_api_', { incarnation: 'u' }), ip('10.0.2.5'))],
  ])('%s', (_, change) => {
    const { state } = worldOf(ROWS)
    expect(() => state.apply(change, 1, 1)).toThrow(Bug)
  })
})

test('two rows of one address are a bug at the load', () => {
  const row = rowOf('10.0.1.2', 'sts_ns_web_web-0')
  expect(() => worldOf([row, row])).toThrow('10.0.1.2 was free')
})

test('verify() notices a core and rows that tell two stories', () => {
  const geometry = geometryOf(ENTRIES)
  const core = createCore(ENTRIES.map(entry => entry.size))
  const state = stateOf(geometry, core, [rowOf('10.0.1.3', 'sts_ns_web_web-0')])
  expect(state.verify()).toBeNull()
  core.take(0)
  expect(state.verify()).toBe('12 free + 1 rows + 0 freed ≠ 14 slots')
  core.release(0)
  core.release(1)
  expect(state.verify()).toBe('10.0.1.3 has a row, and its slot is free')
})

test('the n-th free address', () => {
  const { state } = worldOf([rowOf('10.0.1.2', 'sts_ns_web_web-0')])
  expect([0, 2, 3, 9, 12, 13].map(n => state.nthFree(n)?.text ?? null)).toEqual([
    '10.0.1.3',
    '10.0.1.5',
    '10.0.2.2',
    '2001:db8::2',
    '2001:db8::5',
    null,
  ])
})
