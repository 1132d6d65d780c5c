/** Owns what is on disk: rows that read back, history with who and why, the outbox, terms and searches. */
import { afterAll, describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Allocation } from '../../src/domain/allocation.ts'
import type { Change, Committed } from '../../src/domain/change.ts'
import { nextTerm } from '../../src/store/facts.ts'
import { journalOf } from '../../src/store/journal.ts'
import { openLedgerFile } from '../../src/store/open.ts'
import { openReads } from '../../src/store/reads.ts'
import { fromRow, toRow } from '../../src/store/row.ts'
import type { Search } from '../../src/store/search.ts'
import { removeDirs, tempDir } from '../ledger/fixture.ts'
import { ip, keptRow, rowOf, who } from '../rules/world.ts'

afterAll(removeDirs)

function open(dir = tempDir()) {
  const file = openLedgerFile(dir)
  return { dir, file, journal: journalOf(file.db) }
}

function committed(
  verb: Change['verb'],
  before: Allocation | null,
  after: Allocation | null,
  revision: number,
): Committed {
  const address = after?.address ?? before?.address ?? ip('::')
  return { verb, address, before, after, because: `because of ${verb}`, at: revision * 10, revision }
}

/** One transaction with these changes. */
function write({ journal }: ReturnType<typeof open>, ...changes: readonly Committed[]): void {
  journal.begin()
  for (const change of changes) journal.append(change, 'scheduler')
  journal.commit()
}

const BOUND = rowOf('10.0.1.2', 'sts_ns_web_web-0', { revision: 1 })
const KEPT = keptRow('10.0.1.2', 'sts_ns_web_web-0', { revision: 2 })

describe('rows', () => {
  test('read back as they were, whatever they hold', () => {
    const owner = fc
      .constantFrom('sts_ns_web_web-0', 'dp_ns_api_x', 'pool__blue_dp_ns_api_x', 'NULL_ns_NULL_lone')
      .map(who)
    const row = fc.record({
      address: fc.constantFrom('10.0.0.1', '255.255.255.255', '::', '2001:db8::1').map(ip),
      owner,
      phase: fc.constantFrom('held' as const, 'bound' as const),
      incarnation: fc.string(),
      node: fc.option(fc.string()),
      policy: fc.constantFrom(0 as const, 1 as const, 2 as const),
      index: fc.nat(63),
      apiVersion: fc.string(),
      reservation: fc.option(
        fc.record({ id: fc.string({ minLength: 1 }), expiresAt: fc.option(fc.nat()), note: fc.string() }),
      ),
      heldFrom: fc.option(fc.constantFrom('dp_ns_api_', 'pool__blue_', 'sts_ns_web_web-0').map(who)),
      blocked: fc.boolean(),
      surge: fc.boolean(),
      restsSince: fc.option(fc.nat()),
      updatedAt: fc.nat(),
      revision: fc.nat(),
    })
    fc.assert(fc.property(row, each => expect(fromRow(toRow(each))).toEqual(each)))
    expect(fromRow(toRow(KEPT))).toEqual(KEPT)
  })

  test('load in the order of addresses, IPv4 before IPv6', () => {
    const t = open()
    const rows = ['2001:db8::1', '10.0.0.10', '9.0.0.1', '10.0.0.9'].map((a, at) => rowOf(a, `sts_ns_web_web-${at}`))
    write(t, ...rows.map(row => committed('bind', null, row, 1)))
    expect(t.journal.load().rows.map(row => row.address.text)).toEqual([
      '9.0.0.1',
      '10.0.0.9',
      '10.0.0.10',
      '2001:db8::1',
    ])
  })

  test('a rolled back transaction leaves nothing, twice in a row too', () => {
    const t = open()
    t.journal.begin()
    t.journal.append(committed('bind', null, BOUND, 1), 'scheduler')
    t.journal.rollback()
    t.journal.rollback()
    expect(t.journal.load()).toEqual({ rows: [], revision: 0 })
    expect(t.journal.outbox()).toEqual([])
    expect(t.file.db.query('SELECT count(*) AS n FROM history').get()).toEqual({ n: 0 })
  })

  test('the schema refuses a row that breaks the invariant', () => {
    const t = open()
    t.journal.begin()
    expect(() => t.journal.append(committed('bind', null, { ...BOUND, incarnation: null }, 1), 'scheduler')).toThrow(
      'CHECK',
    )
    t.journal.rollback()
  })
})

test('history tells who, why, when, from whom to whom', () => {
  const t = open()
  t.journal.begin()
  t.journal.append(committed('bind', null, BOUND, 1), 'scheduler')
  t.journal.append(committed('keep', BOUND, KEPT, 2), 'cluster')
  t.journal.append(committed('release', KEPT, null, 3), 'person')
  t.journal.commit()
  const rows = t.file.db.query('SELECT * FROM history ORDER BY id').all() as Record<string, unknown>[]
  const key = 'sts_ns_web_web-0'
  const common = { address: '10.0.1.2', namespace: 'ns', workload: 'web', pod: 'web-0', pod_left: null }
  expect(rows.map(({ id: _, ...row }) => row)).toEqual([
    {
      ...common,
      at: 10,
      revision: 1,
      verb: 'bind',
      actor: 'scheduler',
      key_before: null,
      key_after: key,
      incarnation: 'web-0#1',
      node: 'n1',
      because: 'because of bind',
      phase: 'bound',
    },
    {
      ...common,
      at: 20,
      revision: 2,
      verb: 'keep',
      actor: 'cluster',
      key_before: key,
      key_after: key,
      incarnation: 'web-0#1',
      node: 'n1',
      because: 'because of keep',
      phase: 'reserved',
    },
    {
      ...common,
      at: 30,
      revision: 3,
      verb: 'release',
      actor: 'person',
      key_before: key,
      key_after: null,
      incarnation: null,
      node: null,
      because: 'because of release',
      phase: null,
    },
  ])
})

describe('the outbox', () => {
  const at = (revision: number) => ({ address: '10.0.1.2', revision })
  test('holds the newest revision of each address, oldest change first', () => {
    const t = open()
    write(t, committed('bind', null, BOUND, 1))
    write(t, committed('bind', null, rowOf('10.0.1.9', 'sts_ns_web_web-1'), 2))
    write(t, committed('keep', BOUND, KEPT, 3))
    expect(t.journal.outbox()).toEqual([{ address: '10.0.1.9', revision: 2 }, at(3)])
  })

  test('an acknowledgement of an older revision leaves the newer; of the newest or later ends it', () => {
    const t = open()
    write(t, committed('bind', null, BOUND, 1), committed('keep', BOUND, KEPT, 2))
    t.journal.acknowledge('10.0.1.2', 1)
    expect(t.journal.outbox()).toEqual([at(2)])
    t.journal.acknowledge('10.0.1.2', 2)
    t.journal.acknowledge('10.0.1.2', 9)
    expect(t.journal.outbox()).toEqual([])
  })

  test('a freed address is in it too: its object must go', () => {
    const t = open()
    write(t, committed('bind', null, BOUND, 1))
    write(t, committed('free', BOUND, null, 2))
    expect(t.journal.outbox()).toEqual([at(2)])
  })

  test('survives a restart, and so does the highest revision', () => {
    const t = open()
    write(t, committed('bind', null, BOUND, 7))
    t.file.close()
    const again = open(t.dir)
    expect(again.journal.outbox()).toEqual([at(7)])
    expect(again.journal.load().revision).toBe(7)
  })
})

test('each start is a term of its own', () => {
  const t = open()
  expect([nextTerm(t.file.db), nextTerm(t.file.db)]).toEqual([1, 2])
  t.file.close()
  expect(nextTerm(open(t.dir).file.db)).toBe(3)
})

test('what a search finds is the whole row', () => {
  const t = open()
  const reservation = { id: 'r1', expiresAt: 5, note: 'firewall' }
  const row = rowOf('10.0.1.2', 'sts_ns_web_web-0', { revision: 1, surge: true, reservation, updatedAt: 10 })
  write(t, committed('bind', null, row, 1))
  const { rows } = openReads(t.file.path).search({ sort: 'ip', descending: false, offset: 0, limit: 1 })
  expect(rows.map(fromRow)).toEqual([row])
})

describe('search', () => {
  const t = open()
  const keys = ['sts_ns_web_web-1', 'sts_ns_web_web-0', 'dp_b_api_x', 'pool__blue_dp_a_api_y', 'NULL_a_NULL_50%_off']
  write(
    t,
    ...keys.map((key, at) =>
      committed(
        'bind',
        null,
        rowOf(`10.0.1.${at + 8}`, key.replace('50%_off', '50%off'), { policy: (at % 3) as 0 | 1 | 2 }),
        1,
      ),
    ),
  )
  const ask = (fields: Partial<Search>) => {
    const found = openReads(t.file.path).search({ sort: 'ip', descending: false, offset: 0, limit: 10, ...fields })
    return `${found.total}: ${found.rows.map(row => row.address.slice(7)).join(' ')}`
  }
  test.each([
    ['everything, as numbers', {}, '5: 8 9 10 11 12'],
    ['descending', { descending: true }, '5: 12 11 10 9 8'],
    ['a page; the total is of all', { offset: 2, limit: 2 }, '5: 10 11'],
    ['beyond the end', { offset: 9 }, '5: '],
    ['by workload and kind', { workload: 'web', kind: 'sts' }, '2: 8 9'],
    ['by pod alone', { pod: 'x' }, '1: 10'],
    ['by namespace alone', { namespace: 'a' }, '2: 11 12'],
    ['by pool', { pool: 'blue' }, '1: 11'],
    ['by part of the key', { keyword: 'web-' }, '2: 8 9'],
    ['by part of the key, in its case', { keyword: 'WEB-' }, '0: '],
    ['by two letters', { keyword: 'we' }, '2: 8 9'],
    ['by a quotation mark', { keyword: 'b"-' }, '0: '],
    ['by a letter that ends texts', { keyword: 'web\0' }, '0: '],
    ['by part of the key and a field', { keyword: 'web', kind: 'sts', pod: 'web-1' }, '1: 8'],
    ['by part of the key, sorted by pod', { keyword: 'web-', sort: 'podname' }, '2: 9 8'],
    ['by a part that SQL would read as a pattern', { keyword: '50%' }, '1: 12'],
    ['fields combine with AND', { namespace: 'a', pool: 'blue', keyword: 'web' }, '0: '],
    ['sorted by pod', { sort: 'podname', kind: 'sts' }, '2: 9 8'],
    ['sorted by policy, then by address', { sort: 'policy' }, '5: 8 11 9 12 10'],
    ['sorted by namespace', { sort: 'namespace' }, '5: 11 12 10 8 9'],
  ] as const)('%s', (_, fields, found) => {
    expect(ask(fields)).toBe(found)
  })
})
