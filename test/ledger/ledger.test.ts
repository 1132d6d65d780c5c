/** Owns what the turn promises: one commit for many, a refusal for itself alone, R8, limits, closing, and recovery by loading. */
import { afterAll, describe, expect, test } from 'bun:test'
import type { BindCommand } from '../../src/domain/command.ts'
import { UNLOOKED } from '../../src/domain/demand.ts'
import { geometryOf } from '../../src/domain/geometry.ts'
import { isRefusal, type Refusal } from '../../src/domain/refusal.ts'
import { type Outcome, QUEUE_MAX, TURN_MAX } from '../../src/ledger/ledger.ts'
import { Fault } from '../../src/lib/fault.ts'
import type { BindAnswer } from '../../src/rules/bind.ts'
import { demandOf, ENTRIES, entryOf, ip, type PodWords, ranges } from '../rules/world.ts'
import { difference, openTestLedger, removeDirs, rowsOf, type TestLedger } from './fixture.ts'

afterAll(removeDirs)

const bind = (t: TestLedger, key: string, words: PodWords = {}, node = '10.1.9.9'): BindCommand => {
  const group = t.ledger.read(view => view.geometry).groupOf([ip(node)])
  if (group === null) throw new Error(node)
  return { at: 9, demand: demandOf(key, words), node: 'n1', group }
}
const unbind = (incarnation: string) => ({ at: 10, incarnation, workload: UNLOOKED, rests: false, because: 'deleted' })
const got = (outcome: Outcome<BindAnswer> | Refusal) =>
  isRefusal(outcome) ? outcome.code : outcome.answer.addresses.map(a => a.address.text).join(' ')

describe('a turn', () => {
  test('decides all that is queued and commits once', async () => {
    const t = openTestLedger()
    const outcomes = await Promise.all(
      ['p', 'q', 'r'].map(pod => t.ledger.submit('bind', bind(t, `NULL_ns_NULL_${pod}`))),
    )
    expect(outcomes.map(got)).toEqual(['10.0.1.2', '10.0.1.3', '10.0.1.4'])
    expect(outcomes.map(o => !isRefusal(o) && o.revision)).toEqual([1, 2, 3])
    expect(t.commits.count).toBe(1)
    expect(difference(t)).toBeNull()
  })

  test('answers only what is on disk', async () => {
    const t = openTestLedger()
    await t.ledger.submit('bind', bind(t, 'NULL_ns_NULL_p'))
    expect(t.file.db.inTransaction).toBe(false)
    expect(rowsOf(t.journal.load().rows)).toHaveLength(1)
  })

  test('a refusal aborts nothing but itself, and moves no revision', async () => {
    const t = openTestLedger()
    const outcomes = await Promise.all([
      t.ledger.submit('bind', bind(t, 'NULL_ns_NULL_p')),
      t.ledger.submit('bind', bind(t, 'NULL_ns_NULL_q', { policy: 1 })),
      t.ledger.submit('bind', bind(t, 'NULL_ns_NULL_r')),
    ])
    expect(outcomes.map(got)).toEqual(['10.0.1.2', 'policy-not-supported', '10.0.1.3'])
    expect(t.ledger.revision).toBe(2)
    expect(difference(t)).toBeNull()
  })

  test('R8 what a turn frees is given in the next one, not in the same', async () => {
    const t = openTestLedger({ entries: [entryOf('10.1.0.0/16', '10.0.1.0/24', '10.0.1.2')] })
    await t.ledger.submit('bind', bind(t, 'NULL_ns_NULL_p'))
    const [freed, same] = await Promise.all([
      t.ledger.submit('unbind', unbind('p#1')),
      t.ledger.submit('bind', bind(t, 'NULL_ns_NULL_q')),
    ])
    expect(isRefusal(freed) ? freed : freed.answer).toEqual({ freed: 1, kept: 0 })
    expect(got(same)).toBe('no-address-left')
    expect(got(await t.ledger.submit('bind', bind(t, 'NULL_ns_NULL_q')))).toBe('10.0.1.2')
    expect(difference(t)).toBeNull()
  })

  test('takes a bounded batch; the rest has its own', async () => {
    const t = openTestLedger()
    const asked = Array.from({ length: TURN_MAX + 3 }, () => t.ledger.submit('unbind', unbind('nobody')))
    await Promise.all(asked)
    expect(t.commits.count).toBe(2)
  })

  test('tells listeners once per commit, in order, before the answers', async () => {
    const t = openTestLedger()
    const heard: string[] = []
    t.ledger.onCommit(changes => heard.push(changes.map(change => change.address.text).join(' ')))
    const asked = ['p', 'q'].map(async pod => {
      await t.ledger.submit('bind', bind(t, `NULL_ns_NULL_${pod}`))
      heard.push(pod)
    })
    await Promise.all(asked)
    await t.ledger.submit('unbind', unbind('nobody'))
    expect(heard).toEqual(['10.0.1.2 10.0.1.3', 'p', 'q'])
  })

  test('parallel binds of one Deployment never exceed its replicas', async () => {
    const t = openTestLedger()
    const workload = { state: 'present', replicas: 2, firstOrdinal: 0 } as const
    const outcomes = await Promise.all(
      ['p', 'q', 'r', 's'].map(pod => t.ledger.submit('bind', bind(t, `dp_ns_api_${pod}`, { policy: 1, workload }))),
    )
    expect(outcomes.map(got)).toEqual(['10.0.1.2', '10.0.1.3', 'limit-reached', 'limit-reached'])
  })
})

describe('limits and closing', () => {
  test('beyond the queue limit askers are told to come again', async () => {
    const t = openTestLedger()
    const asked = Array.from({ length: QUEUE_MAX }, () => t.ledger.submit('unbind', unbind('nobody')))
    const late = t.ledger.submit('unbind', unbind('nobody'))
    expect(late).rejects.toThrow('too many commands are waiting')
    await late.catch((fault: Fault) => expect(fault.retryable).toBe(true))
    await Promise.all(asked)
    expect(isRefusal(await t.ledger.submit('unbind', unbind('nobody')))).toBe(false)
  })

  test('close decides what is queued, then refuses', async () => {
    const t = openTestLedger()
    const queued = t.ledger.submit('bind', bind(t, 'NULL_ns_NULL_p'))
    t.ledger.close()
    expect(got(await queued)).toBe('10.0.1.2')
    expect(rowsOf(t.journal.load().rows)).toHaveLength(1)
    const late = t.ledger.submit('bind', bind(t, 'NULL_ns_NULL_q'))
    await late.catch((fault: unknown) => expect(fault).toBeInstanceOf(Fault))
    expect(late).rejects.toThrow('the ledger is closed')
  })

  test('close writes the acknowledgements that wait for a turn', async () => {
    const t = openTestLedger()
    await t.ledger.submit('bind', bind(t, 'NULL_ns_NULL_p'))
    t.ledger.acknowledge('10.0.1.2', 1)
    expect(t.journal.outbox()).toHaveLength(1)
    t.ledger.close()
    expect(t.journal.outbox()).toEqual([])
  })

  test('whoever asks what is to be written is not told what is acknowledged already', async () => {
    const t = openTestLedger()
    await Promise.all(['p', 'q'].map(pod => t.ledger.submit('bind', bind(t, `NULL_ns_NULL_${pod}`))))
    t.ledger.acknowledge('10.0.1.2', 1)
    expect(t.ledger.outbox().map(({ address }) => address)).toEqual(['10.0.1.3'])
  })

  test('an acknowledgement alone is written soon', async () => {
    const t = openTestLedger()
    await t.ledger.submit('bind', bind(t, 'NULL_ns_NULL_p'))
    t.ledger.acknowledge('10.0.1.2', 1)
    for (let i = 0; i < 100 && t.journal.outbox().length > 0; i++) await Bun.sleep(10)
    expect(t.journal.outbox()).toEqual([])
  })

  test('acknowledgements that rode on a turn do not ask for one of their own', async () => {
    const t = openTestLedger()
    for (const pod of ['p', 'q']) {
      t.ledger.acknowledge('10.0.1.2', t.ledger.revision)
      await t.ledger.submit('bind', bind(t, `NULL_ns_NULL_${pod}`))
    }
    const turns = t.commits.count
    await Bun.sleep(100)
    expect(t.commits.count).toBe(turns)
  })
})

describe('start-up, recovery and a crash are one load', () => {
  async function busy() {
    const t = openTestLedger()
    const request = { request: [ranges('10.0.2.0/24'), ranges('2001:db8::/64')], policy: 1 } as const
    const both = { ...bind(t, 'sts_ns_web_web-0', request), group: groupOf(t, '10.2.0.1', 'fd00::1') }
    await Promise.all([
      t.ledger.submit('bind', both),
      t.ledger.submit('bind', bind(t, 'dp_ns_api_x', { policy: 2 })),
      t.ledger.submit('bind', bind(t, 'pool__blue_dp_ns_api_y', { policy: 2 })),
      t.ledger.submit('bind', bind(t, 'NULL_ns_NULL_z')),
    ])
    await Promise.all([t.ledger.submit('unbind', unbind('x#1')), t.ledger.submit('unbind', unbind('z#1'))])
    await t.ledger.submit('filter', {
      at: 11,
      demand: demandOf('dp_ns_api_w', { policy: 2 }),
      groups: [groupOf(t, '10.1.9.9')],
    })
    return t
  }

  test('a reopened file gives the equal state', async () => {
    const before = await busy()
    const rows = before.ledger.read(state => rowsOf(state.rows()))
    expect(rows.map(row => row.phase).sort()).toEqual(['bound', 'bound', 'bound', 'held'])
    const outbox = before.ledger.outbox()
    before.ledger.close()
    before.file.close()
    const after = openTestLedger({ dir: before.dir })
    expect(after.ledger.read(state => rowsOf(state.rows()))).toEqual([...rows])
    expect(after.ledger.revision).toBe(before.ledger.revision)
    expect(after.ledger.outbox()).toEqual(outbox)
    expect(difference(after)).toBeNull()
  })

  test('revisions go on where they were, though the newest row is gone', async () => {
    const before = openTestLedger()
    await before.ledger.submit('bind', bind(before, 'NULL_ns_NULL_p'))
    await before.ledger.submit('unbind', unbind('p#1'))
    before.file.close()
    const after = openTestLedger({ dir: before.dir })
    expect(after.ledger.revision).toBe(2)
    const outcome = await after.ledger.submit('bind', bind(after, 'NULL_ns_NULL_p'))
    expect(isRefusal(outcome) || outcome.revision).toBe(3)
  })

  test('another configuration: the same rows over other slots, what left is an orphan', async () => {
    const t = await busy()
    const rows = t.ledger.read(state => rowsOf(state.rows()))
    t.ledger.reshape(geometryOf(ENTRIES.slice(1)))
    expect(t.ledger.read(state => rowsOf(state.rows()))).toEqual([...rows])
    expect(difference(t)).toBeNull()
    t.ledger.reshape(geometryOf(ENTRIES))
    expect(difference(t)).toBeNull()
  })
})

function groupOf(t: TestLedger, ...addresses: string[]) {
  const group = t.ledger.read(view => view.geometry).groupOf(addresses.map(ip))
  if (group === null) throw new Error('no group')
  return group
}
