/** Owns what happens to ledgers of before: their rows are found, and their past is told, as if they had been written today. */
import { Database } from 'bun:sqlite'
import { afterAll, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { journalOf } from '../../src/store/journal.ts'
import { openLedgerFile } from '../../src/store/open.ts'
import { openReads } from '../../src/store/reads.ts'
import { removeDirs, tempDir } from '../ledger/fixture.ts'
import { fillAllocations } from './fill.ts'

afterAll(removeDirs)

test('from schema 2: rows get their indexes, changes whom they are about', () => {
  const dir = tempDir()
  const old = new Database(join(dir, 'ledger.db'), { create: true })
  for (const name of ['schema.sql', 'schema-2.sql'])
    old.run(readFileSync(join(import.meta.dir, '../../src/store', name), 'utf8'))
  old.run('PRAGMA user_version = 2')
  fillAllocations(old, 30)
  const insert = old.query(`INSERT INTO history (at, revision, verb, actor, address, key_before, key_after, because)
    VALUES (?, 1, ?, 'cluster', '10.0.0.1', ?, ?, 'x')`)
  const past = [
    ['bind', null, 'sts_ns_web_web-0'],
    ['keep', 'dp_ns_api_api-x', 'dp_ns_api_'],
    ['keep', 'pool__blue_dp_ns_api_api-y', 'pool__blue_'],
    ['hold', 'pool__blue_', 'pool__blue_dp_n2_api_api-z'],
    ['free', 'NULL_ns_NULL_lone', null],
    ['give back', null, 'pool__blue_'],
    ['adopt', null, ''],
    ['adopt', null, 'sts_ns_w"b\\_w"b\\-0'],
  ] as const
  past.forEach(([verb, before, after], at) => void insert.run(at, verb, before, after))
  old.close()

  const file = openLedgerFile(dir)
  const { search } = openReads(file.path)
  expect(search({ keyword: 'app-7_', sort: 'ip', descending: false, offset: 0, limit: 9 }).total).toBe(1)
  const rows = file.db.query('SELECT namespace, workload, pod, phase FROM history ORDER BY id').values()
  expect(rows.map(row => row.map(value => value ?? '-').join(' '))).toEqual([
    'ns web web-0 bound',
    'ns api api-x reserved',
    'ns api api-y reserved',
    'n2 api api-z held',
    'ns NULL lone -',
    '   reserved',
    '   reserved',
    'ns w"b\\ w"b\\-0 reserved',
  ])
  file.close()
})

test('R12 from schema 5: every row is there, as it was, and none rests', () => {
  const dir = tempDir()
  const old = new Database(join(dir, 'ledger.db'), { create: true })
  for (const name of ['schema.sql', 'schema-2.sql', 'schema-3.sql', 'schema-4.sql', 'schema-5.sql'])
    old.run(readFileSync(join(import.meta.dir, '../../src/store', name), 'utf8'))
  old.run('PRAGMA user_version = 5')
  fillAllocations(old, 30)
  old.run(`UPDATE allocation SET surge = 1, reservation = '{"id":"r"}' WHERE revision % 2 = 0`)
  const before = old.query('SELECT * FROM allocation ORDER BY sort').all() as object[]
  const names = "SELECT name FROM sqlite_schema WHERE tbl_name = 'allocation' ORDER BY name"
  const indexes = old.query(names).values()
  old.close()

  const file = openLedgerFile(dir)
  const after = file.db.query('SELECT * FROM allocation ORDER BY sort').all()
  expect(after).toEqual(before.map(row => ({ ...row, rests_since: null })))
  expect(file.db.query(names).values()).toEqual(indexes)
  expect(journalOf(file.db).load().rows).toHaveLength(30)
  file.close()
})
