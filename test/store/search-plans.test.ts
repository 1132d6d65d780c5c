/** Owns how searches read: each page by field from one index, in its order; a keyword from the trigram index, or bounded by the keys. */
import { Database, type SQLQueryBindings } from 'bun:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type LedgerFile, openLedgerFile } from '../../src/store/open.ts'
import { openReads } from '../../src/store/reads.ts'
import { planOf, type Search } from '../../src/store/search.ts'
import { trigramsIn } from '../../src/store/trigrams.ts'
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
  trigramsIn(db)
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
    [{ after: '10.0.0.9', keyword: '_' }, 'allocation_by_sort (sort>?)'],
    [{ after: '10.0.0.9', namespace: 'n' }, 'allocation_by_namespace (namespace=? AND sort>?)'],
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
      /^SEARCH allocation USING INDEX sqlite_autoindex_allocation_1 \(address=\?\); LIST SUBQUERY \d+; SEARCH temp\.keyed USING INTEGER PRIMARY KEY \(rowid=\?\); LIST SUBQUERY \d+; SCAN temp\.trigram VIRTUAL TABLE INDEX \d:M\d/,
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

describe.each([
  ['the keys are gone through', 0],
  ['the index has half of them', 10_000],
  ['the index has all of them', ROWS],
])('what is found does not depend on how: %s', (_, keys) => {
  const reads = () => {
    const opened = openReads(file.path)
    if (keys > 0) opened.index(keys)
    return opened
  }
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
