/** Owns the questions that people ask of the rows: by field, sorted, page by page. */
import type { Database, SQLQueryBindings } from 'bun:sqlite'
import type { Allocation } from '../domain/allocation.ts'
import { type AllocationRow, fromRow } from './row.ts'

export type SortField = 'ip' | 'namespace' | 'podname' | 'policy'

export interface Search {
  /** Part of the owner key. */
  readonly keyword?: string
  readonly pool?: string
  readonly kind?: string
  readonly namespace?: string
  readonly workload?: string
  readonly pod?: string
  readonly sort: SortField
  readonly descending: boolean
  readonly offset: number
  readonly limit: number
}

export interface Found {
  readonly total: number
  readonly rows: readonly Allocation[]
}

const COLUMNS: Record<SortField, string> = { ip: 'sort', namespace: 'namespace', podname: 'pod', policy: 'policy' }

export function searchIn(db: Database): (search: Search) => Found {
  return search => {
    const wanted: [string, string | undefined][] = [
      ['instr(key, ?) > 0', search.keyword],
      ['pool = ?', search.pool],
      ['kind = ?', search.kind],
      ['namespace = ?', search.namespace],
      ['workload = ?', search.workload],
      ['pod = ?', search.pod],
    ]
    const used = wanted.filter((each): each is [string, string] => each[1] !== undefined)
    const where = used.length === 0 ? '' : `WHERE ${used.map(([condition]) => condition).join(' AND ')}`
    const values: SQLQueryBindings[] = used.map(([, value]) => value)
    const direction = search.descending ? 'DESC' : 'ASC'
    const total = db
      .query<{ total: number }, SQLQueryBindings[]>(`SELECT count(*) AS total FROM allocation ${where}`)
      .get(...values)
    const rows = db
      .query<AllocationRow, SQLQueryBindings[]>(
        `SELECT * FROM allocation ${where} ORDER BY ${COLUMNS[search.sort]} ${direction}, sort ${direction} LIMIT ? OFFSET ?`,
      )
      .all(...values, search.limit, search.offset)
    return { total: total?.total ?? 0, rows: rows.map(fromRow) }
  }
}
