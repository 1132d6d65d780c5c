/** Owns how searches read: each page by field from one index, in its order; a keyword from the trigram index, or bounded by the keys. */
import { Database, type SQLQueryBindings } from 'bun:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type LedgerFile, openLedgerFile } from '../../src/store/open.ts'
import { openReads } from '../../src/store/reads.ts'
import { planOf, type Search } from '../../src/store/search.ts'
import { removeDirs, tempDir } from '../ledger/fixture.ts'
import { fillAllocations } from './fill.ts'

const ROWS = 20_000
let file: LedgerFile

beforeAll(() => {
  file = openLedgerFile(tempDir())
  fillAllocations(file.db, ROWS)
})
afterAll(() => {
  file.close()
  removeDirs()
})

const search = (fields: Partial<Search>): Search => ({
  sort: 'ip',
  descending: false,
  offset: 0,
  limit: 10,
  ...fields,
})

function steps(fields: Partial<Search>, selective = false): string[] {
  const { page, values } = planOf(search(fields), selective)
  return explained(page, [...values, 10, 0])
}

function explained(statement: string, values: readonly SQLQueryBindings[]): string[] {
  const db = new Database(file.path, { readonly: true })
  const plan = db.query<{ detail: string }, SQLQueryBindings[]>(`EXPLAIN QUERY PLAN ${statement}`).all(...values)
  db.close()
  return plan.map(({ detail }) => detail)
}

describe('the plan of a page: one search of one index, in the order of the list', () => {
  test.each([
    [{ pod: 'a' }, 'allocation_by_pod (pod=?)'],
    [{ pod: 'a', namespace: 'n', workload: 'w', kind: 'sts' }, 'allocation_by_pod (pod=?)'],
    [{ workload: 'w', kind: 'sts', namespace: 'n' }, 'allocation_by_app (workload=? AND kind=? AND namespace=?)'],
    [{ pool: 'p' }, 'allocation_by_pool (pool=?)'],
    [{ namespace: 'n' }, 'allocation_by_namespace (namespace=?)'],
    [{ namespace: 'n', descending: true }, 'allocation_by_namespace (namespace=?)'],
    [{ namespace: 'n', sort: 'namespace' }, 'allocation_by_namespace (namespace=?)'],
    [{ kind: 'dp' }, 'allocation_by_kind (kind=?)'],
  ] as const)('%j', (fields, index) => {
    expect(steps(fields)).toEqual([`SEARCH allocation USING INDEX ${index}`])
  })

  test.each([
    [{ sort: 'podname' }, 'allocation_by_pod'],
    [{ sort: 'namespace' }, 'allocation_by_namespace'],
  ] as const)('%j of everything goes along the index, and stops after the page', (fields, index) => {
    expect(steps(fields)).toEqual([`SCAN allocation USING INDEX ${index}`])
  })

  test('an app in all namespaces: its rows are sorted, nobody else’s', () => {
    expect(steps({ workload: 'w', kind: 'sts' })).toEqual([
      'SEARCH allocation USING INDEX allocation_by_app (workload=? AND kind=?)',
      'USE TEMP B-TREE FOR ORDER BY',
    ])
  })

  test('a selective keyword: the trigram index, then the few rows', () => {
    expect(steps({ keyword: 'web-7' }, true).join('; ')).toMatch(
      /^SEARCH allocation USING INTEGER PRIMARY KEY \(rowid=\?\); LIST SUBQUERY \d; SCAN owner_key VIRTUAL TABLE INDEX \d:M\d; USE TEMP B-TREE FOR ORDER BY$/,
    )
  })

  test('a broad keyword: along the keys in the order of the list; with a field along that', () => {
    expect(steps({ keyword: 'web' })).toEqual(['SCAN allocation USING INDEX allocation_by_sort'])
    expect(steps({ keyword: 'web', namespace: 'n' })).toEqual([
      'SEARCH allocation USING INDEX allocation_by_namespace (namespace=?)',
    ])
  })

  test('counting never reads the table either', () => {
    const count = (fields: Partial<Search>) => {
      const { total, values } = planOf(search(fields), false)
      return explained(total, values).join('; ')
    }
    expect(count({ namespace: 'n' })).toContain('COVERING INDEX allocation_by_namespace')
    expect(count({ keyword: 'w' })).toContain('COVERING INDEX allocation_by_sort')
  })
})

describe('what is found does not depend on how', () => {
  const reads = () => openReads(file.path)
  test.each([
    ['namespace-3', 400],
    ['sts', 20_000],
    ['web', 20_000],
    ['app-17_', 20],
    ['p_n', 0],
    ['_web-app-1_', 0],
    ['17', null],
    ['-', 20_000],
    ['ÄÖ', 0],
  ] as const)('keyword %s', (keyword, total) => {
    const { search: ask } = reads()
    const found = ask(search({ keyword, limit: 9_999 }))
    const all = file.db
      .query<{ address: string }, [string]>('SELECT address FROM allocation WHERE instr(key, ?) > 0 ORDER BY sort')
      .all(keyword)
    expect(found.total).toBe(all.length)
    if (total !== null && total > 0) expect(found.total).toBeGreaterThan(0)
    expect(found.rows.map(({ address }) => address)).toEqual(all.slice(0, 9_999).map(({ address }) => address))
  })

  test('keys that change and go are forgotten by the trigram index', () => {
    file.db.run("UPDATE allocation SET key = 'sts_x_moved_moved-1' WHERE address = '10.0.0.7'")
    file.db.run("DELETE FROM allocation WHERE address = '10.0.0.8'")
    const { search: ask } = reads()
    expect(ask(search({ keyword: 'moved' })).rows.map(({ address }) => address)).toEqual(['10.0.0.7'])
    file.db.run("INSERT INTO owner_key (owner_key, rank) VALUES ('integrity-check', 1)")
  })
})

test('a reader sees what was committed before it asked', () => {
  const { search: ask } = openReads(file.path)
  const before = ask(search({ namespace: 'fresh' })).total
  file.db.run("UPDATE allocation SET namespace = 'fresh' WHERE address = '10.0.0.9'")
  expect([before, ask(search({ namespace: 'fresh' })).total]).toEqual([0, 1])
})

test('a reader cannot write', () => {
  expect(() => openReads(`${tempDir()}/none.db`)).toThrow()
})
