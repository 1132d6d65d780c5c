/** Owns the failing disk: memory equals disk afterwards, neighbours of a poisonous command succeed, a bug ends it all. */
import { afterAll, describe, expect, test } from 'bun:test'
import { UNLOOKED } from '../../src/domain/demand.ts'
import { geometryOf } from '../../src/domain/geometry.ts'
import { isRefusal } from '../../src/domain/refusal.ts'
import { Bug } from '../../src/lib/assert.ts'
import { Fault } from '../../src/lib/fault.ts'
import { demandOf, ip, rowOf } from '../rules/world.ts'
import { difference, goodDisk, openTestLedger, removeDirs, type TestLedger } from './fixture.ts'

afterAll(removeDirs)

function bind(t: TestLedger, pod: string) {
  const group = t.ledger.read(view => view.geometry).groupOf([ip('10.1.9.9')])
  if (group === null) throw new Error('no group')
  return t.ledger.submit('bind', { at: 9, demand: demandOf(`NULL_ns_NULL_${pod}`), node: 'n1', group })
}

/** What became of each: the address, or the fault's text. */
async function settled(asked: readonly ReturnType<typeof bind>[]) {
  const results = await Promise.allSettled(asked)
  return results.map(result => {
    if (result.status === 'rejected')
      return result.reason instanceof Fault ? `${result.reason.message} (${result.reason.retryable})` : result.reason
    return isRefusal(result.value)
      ? result.value.code
      : result.value.changes.map(change => change.address.text).join(' ')
  })
}

const NOT_WRITTEN = 'the ledger could not be written (true)'

describe('a disk that fails', () => {
  test('at the commit of one command: rejected, memory as before', async () => {
    const t = openTestLedger()
    await bind(t, 'p')
    t.disk.failCommit = 1
    expect(await settled([bind(t, 'q')])).toEqual([NOT_WRITTEN])
    expect(difference(t)).toBeNull()
    expect(t.ledger.read(state => state.size)).toBe(1)
    expect(await settled([bind(t, 'q')])).toEqual(['10.0.1.3'])
  })

  test('at the read of a new configuration: a fault that is worth another try, and the old one stays in force', async () => {
    const t = openTestLedger()
    await bind(t, 'p')
    const before = t.ledger.read(view => view.geometry)
    t.disk.failLoad = 1
    expect(() => t.ledger.reshape(geometryOf([]))).toThrow(Fault)
    expect(t.ledger.read(view => view.geometry)).toBe(before)
    expect(difference(t)).toBeNull()
  })

  test('at the commit of many, once: each gets a turn of its own', async () => {
    const t = openTestLedger()
    t.disk.failCommit = 1
    expect(await settled(['p', 'q', 'r'].map(pod => bind(t, pod)))).toEqual(['10.0.1.2', '10.0.1.3', '10.0.1.4'])
    expect(t.commits.count).toBe(3)
    expect(difference(t)).toBeNull()
  })

  test('at one poisonous command: it is rejected, its neighbours are not', async () => {
    const t = openTestLedger()
    t.disk.poison = '10.0.1.3'
    const result = await settled(['p', 'q', 'r'].map(pod => bind(t, pod)))
    expect(result).toEqual(['10.0.1.2', NOT_WRITTEN, NOT_WRITTEN])
    expect(difference(t)).toBeNull()
    t.disk.poison = ''
    expect(await settled([bind(t, 'q')])).toEqual(['10.0.1.3'])
  })

  test('for good: everybody is told, and memory is read back a few times, not for each of hundreds', async () => {
    const t = openTestLedger()
    t.disk.poison = '10.0.1.2'
    t.disk.failLoad = 1_000
    const pods = Array.from({ length: 100 }, (_, at) => `p${at}`)
    expect(new Set(await settled(pods.map(pod => bind(t, pod))))).toEqual(new Set([NOT_WRITTEN]))
    expect(1_000 - t.disk.failLoad).toBeLessThan(10)
    t.disk.poison = ''
    expect(await settled([bind(t, 'p0')])).toEqual(['10.0.1.2'])
    expect(difference(t)).toBeNull()
  })

  test('at any append of a batch: nothing of it stays half done', async () => {
    for (let nth = 1; nth <= 4; nth++) {
      const t = openTestLedger({ disk: { ...goodDisk(), failAppend: nth } })
      const result = await settled(['p', 'q', 'r'].map(pod => bind(t, pod)))
      expect(result).toEqual(['10.0.1.2', '10.0.1.3', '10.0.1.4'])
      expect(difference(t)).toBeNull()
      t.file.close()
    }
  })

  test('revisions never go back: a fence of the failed turn matches nothing later', async () => {
    const t = openTestLedger()
    await bind(t, 'p')
    t.disk.failCommit = 1
    await settled([bind(t, 'q')])
    expect(t.ledger.revision).toBe(1)
    const outcome = await bind(t, 'r')
    expect(isRefusal(outcome) || outcome.revision).toBe(2)
  })

  test('after the commit (the answer is lost): the retry finds what is on disk', async () => {
    const t = openTestLedger()
    t.disk.loseCommit = true
    expect(await settled([bind(t, 'p')])).toEqual([NOT_WRITTEN])
    expect(difference(t)).toBeNull()
    expect(await settled([bind(t, 'p')])).toEqual(['10.0.1.2'])
    expect(t.ledger.read(state => state.size)).toBe(1)
    t.disk.loseCommit = true
    expect(await settled([bind(t, 'q'), bind(t, 'r')])).toEqual(['10.0.1.3', '10.0.1.4'])
    expect(difference(t)).toBeNull()
  })

  test('and cannot be read either: everybody is told, nothing is decided on a memory that is ahead of the disk', async () => {
    const t = openTestLedger()
    await bind(t, 'p')
    t.disk.failCommit = 1
    t.disk.failLoad = 1
    expect(await settled([bind(t, 'q')])).toEqual([NOT_WRITTEN])
    expect(await settled([bind(t, 'r')])).toEqual(['10.0.1.3'])
    expect(difference(t)).toBeNull()
    expect(t.ledger.read(state => state.size)).toBe(2)
  })

  test('and cannot be read, then is asked: the answer comes from the disk or not at all', async () => {
    const t = openTestLedger()
    t.disk.failCommit = 1
    t.disk.failLoad = 1
    await settled([bind(t, 'q')])
    t.disk.failLoad = 1
    expect(() => t.ledger.read(state => state.size)).toThrow('the ledger could not be read')
    expect(t.ledger.read(state => state.size)).toBe(0)
  })
})

describe('a broken invariant', () => {
  const broken = (t: TestLedger) => {
    // A row written past the turn: the next apply rests on a row that is not in force.
    t.ledger.read(state =>
      state.apply(
        {
          verb: 'adopt',
          address: ip('10.0.1.2'),
          before: null,
          after: rowOf('10.0.1.2', 'sts_ns_x_x-0', { phase: 'held' }),
          because: '',
        },
        0,
        0,
      ),
    )
    t.ledger.read(state => Object.assign(state, { at: () => null }))
    const adoption = {
      source: 'pod',
      address: ip('10.0.1.2'),
      owner: demandOf('sts_ns_web_web-0').owner,
      apiVersion: '',
      reservation: null,
      restsSince: null,
    } as const
    return t.ledger.submit('adopt', {
      ...adoption,
      at: 1,
      policy: 0,
      incarnation: 'u',
      node: 'n',
      index: 0,
      blocked: false,
      surge: false,
      alive: new Set(),
    })
  }

  test('is told once, its turn is rolled back, and nothing is decided any more', async () => {
    const t = openTestLedger()
    const asked = [bind(t, 'p'), broken(t), bind(t, 'q')]
    const results = await Promise.allSettled(asked)
    expect(results.map(result => result.status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(t.bugs).toHaveLength(1)
    expect(t.bugs[0]).toBeInstanceOf(Bug)
    expect(t.file.db.inTransaction).toBe(false)
    expect(t.journal.load().rows).toEqual([])
    const later = await Promise.allSettled([
      bind(t, 'r'),
      t.ledger.submit('unbind', { at: 1, incarnation: 'u', workload: UNLOOKED, rests: false, because: '' }),
    ])
    expect(later.map(result => result.status)).toEqual(['rejected', 'rejected'])
    expect(t.journal.load().rows).toEqual([])
  })
})
