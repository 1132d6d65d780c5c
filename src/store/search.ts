/** Owns the questions that people ask of the rows: by field, sorted, page by page, each from an index that it names. */
import type { Database, SQLQueryBindings } from 'bun:sqlite'
import { parseAddress, sortKey } from '../ip/address.ts'
import { present } from '../lib/assert.ts'
import type { AllocationRow } from './row.ts'
import { HAS_TERM, phrase, type Trigrams } from './trigrams.ts'

export type SortField = 'ip' | 'namespace' | 'podname' | 'policy'

export interface Search {
  /** Part of the owner key. */
  readonly keyword?: string
  readonly pool?: string
  readonly kind?: string
  readonly namespace?: string
  readonly workload?: string
  readonly pod?: string
  /** Rows of addresses beyond this one: whoever reads page by page misses none that way, whatever happens to those before. */
  readonly after?: string
  readonly sort: SortField
  readonly descending: boolean
  readonly offset: number
  readonly limit: number
}

/** A row as it travels between threads: all but the bytes that it sorts by. */
export type FoundRow = Omit<AllocationRow, 'sort'>

export interface FoundRows {
  readonly total: number
  readonly rows: readonly FoundRow[]
}

const COLUMNS: Record<SortField, string> = { ip: 'sort', namespace: 'namespace', podname: 'pod', policy: 'policy' }

/** The field that narrows most drives; an index that serves it must exist, or SQLite refuses the question. */
const DRIVERS = [
  ['pod', 'allocation_by_pod'],
  ['workload', 'allocation_by_app'],
  ['pool', 'allocation_by_pool'],
  ['namespace', 'allocation_by_namespace'],
  ['kind', 'allocation_by_kind'],
] as const

/** Without any field: the index in the order of the list. Rows by policy alone are sorted as they are read. */
const ORDERS: Record<SortField, string | null> = {
  ip: 'allocation_by_sort',
  namespace: 'allocation_by_namespace',
  podname: 'allocation_by_pod',
  policy: null,
}

export interface Plan {
  readonly total: string
  readonly page: string
  readonly values: readonly SQLQueryBindings[]
}

/** The two statements of a search; `selective`: how many rows the trigram index has for the keyword is known to be small. */
export function planOf(search: Search, selective: boolean): Plan {
  const driver = DRIVERS.find(([field]) => search[field] !== undefined)
  const byKeyword = search.keyword !== undefined && selective
  const index = driver?.[1] ?? ORDERS[search.sort]
  const from = byKeyword || index === null ? 'allocation' : `allocation INDEXED BY ${index}`
  const conditions: string[] = []
  const values: SQLQueryBindings[] = []
  const want = (condition: string, value: SQLQueryBindings) => {
    conditions.push(condition)
    values.push(value)
  }
  if (search.keyword !== undefined) {
    if (byKeyword) want(HAS_TERM, phrase(search.keyword))
    else want('instr(key, ?) > 0', search.keyword)
  }
  for (const [field] of DRIVERS) {
    const value = search[field]
    if (value === undefined) continue
    // The plus keeps the field from driving where the few rows of the keyword do.
    const equals = `${byKeyword ? '+' : ''}${field} = ?`
    if (field === 'pool') want(`${equals} AND pool <> ''`, value)
    // What a pool keeps is of no kind; galaxy-ipam lists it whatever the kind asked for.
    else if (field === 'kind' && search.pool !== undefined) want(`(${equals} OR kind = '')`, value)
    else want(equals, value)
  }
  if (search.after !== undefined) want('sort > ?', sortKey(present(parseAddress(search.after), search.after)))
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`
  const direction = search.descending ? 'DESC' : 'ASC'
  const order = search.sort === 'ip' ? `sort ${direction}` : `${COLUMNS[search.sort]} ${direction}, sort ${direction}`
  return {
    total: `SELECT count(*) AS total FROM ${from}${where}`,
    page: `SELECT ${ROW} FROM ${from}${where} ORDER BY ${order} LIMIT ? OFFSET ?`,
    values,
  }
}

const ROW = `address, key, pool, kind, namespace, workload, pod, phase, incarnation, node, policy, list_index, api_version,
  held_from, blocked, updated_at, revision, surge, reservation, rests_since`

/** Keys that a question may have to take into the trigram index: some milliseconds. Behind by more, it goes through the keys. */
const CATCH_UP = 200

export function searchIn(db: Database, trigrams: Trigrams): (search: Search) => FoundRows {
  // In one transaction: the index, the count and the page tell of the same moment.
  return db.transaction((search: Search) => {
    const narrow = search.keyword !== undefined && trigrams.narrows(search.keyword, CATCH_UP)
    const { total, page, values } = planOf(search, narrow)
    return {
      total: db.query<{ total: number }, SQLQueryBindings[]>(total).get(...values)?.total ?? 0,
      rows: db.query<FoundRow, SQLQueryBindings[]>(page).all(...values, search.limit, search.offset),
    }
  })
}
