/** Owns the questions about the past: the changes of an address, pod, app, namespace or node, and who had what at a time. */
import type { Database, SQLQueryBindings } from 'bun:sqlite'

export interface PastQuestion {
  readonly address?: string
  readonly pod?: string
  readonly namespace?: string
  readonly workload?: string
  readonly node?: string
  readonly span: Span
  readonly offset: number
  readonly limit: number
}

/** `changes` between two times (both included), or what was in force `at` one. In ms since the epoch. */
export type Span =
  | { readonly kind: 'changes'; readonly from: number | null; readonly to: number | null }
  | { readonly kind: 'at'; readonly at: number }

export interface PastRow {
  readonly id: number
  readonly at: number
  readonly verb: string
  readonly actor: string
  readonly address: string
  readonly key_before: string | null
  readonly key_after: string | null
  readonly incarnation: string | null
  readonly node: string | null
  readonly because: string
  readonly phase: string | null
}

export interface Past {
  readonly total: number
  readonly rows: readonly PastRow[]
  /** Every change since then is recorded, and nothing is known of what was before; null: none is recorded. */
  readonly recordedSince: number | null
}

/** The row's last change, and since when it belongs to this owner in this phase. */
export interface Story {
  readonly last: PastRow
  readonly since: number
}

export interface Following {
  readonly rows: readonly PastRow[]
  /** Up to this id changes are forgotten, but for the last of each address. */
  readonly forgotten: number
}

const ROW = 'id, at, verb, actor, address, key_before, key_after, incarnation, node, because, phase'

/** The field that narrows most drives. */
const DRIVERS = [
  ['address', 'history_by_address'],
  ['pod', 'history_by_pod'],
  ['workload', 'history_by_app'],
  ['node', 'history_by_node'],
  ['namespace', 'history_by_namespace'],
] as const

/** Of whom has the address after the change: `sts_<ns>_<name>_<pod>` and so on; kept for a pool: empty. */
const OWNER_AFTER = `CASE WHEN key_after GLOB 'pool__*' THEN substr(key_after, 7 + instr(substr(key_after, 7), '_')) ELSE key_after END`

export interface PastPlan {
  readonly total: string
  readonly page: string
  readonly values: readonly SQLQueryBindings[]
}

export function pastPlanOf(question: PastQuestion): PastPlan {
  const { span, pod, namespace, workload, node } = question
  const conditions: string[] = []
  const values: SQLQueryBindings[] = []
  const want = (condition: string, ...wanted: SQLQueryBindings[]) => {
    conditions.push(condition)
    values.push(...wanted)
  }
  const driver = DRIVERS.find(([field]) => question[field] !== undefined)
  // Whoever lost an address to another pod is in an index of its own; for what was in force it does not matter.
  const alsoLeft = pod !== undefined && span.kind === 'changes'
  for (const [field] of DRIVERS) {
    const value = question[field]
    if (value === undefined) continue
    if (field === 'pod' && alsoLeft)
      want(driver?.[0] === 'pod' ? '(pod = ? OR pod_left = ?)' : '(+pod = ? OR +pod_left = ?)', value, value)
    else want(`${field === driver?.[0] ? '' : '+'}${field} = ?`, value)
  }
  if (span.kind === 'at') {
    want('at <= ? AND key_after IS NOT NULL', span.at)
    // A change is about whom it took the address from, too; and it tells the node that the address left.
    for (const name of [namespace, workload])
      if (name !== undefined) want(`instr(${OWNER_AFTER}, '_' || ? || '_') > 0`, name)
    if (pod !== undefined) want("substr(key_after, -1 - length(?)) = '_' || ?", pod, pod)
    if (node !== undefined) want("phase = 'bound'")
    want(
      // The first bound is in the others, and yet needed: without it all changes of the address are read for each of them.
      `NOT EXISTS (SELECT 1 FROM history later WHERE later.address = history.address AND later.at >= history.at
        AND later.at <= ? AND (later.at > history.at OR later.id > history.id))`,
      span.at,
    )
  } else {
    if (span.from !== null) want('at >= ?', span.from)
    if (span.to !== null) want('at <= ?', span.to)
  }
  const index = driver?.[1] ?? 'history_by_time'
  const from = alsoLeft && driver?.[0] === 'pod' ? 'history' : `history INDEXED BY ${index}`
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`
  return {
    total: `SELECT count(*) AS total FROM ${from}${where}`,
    page: `SELECT ${ROW} FROM ${from}${where} ORDER BY at DESC, id DESC LIMIT ? OFFSET ?`,
    values,
  }
}

export function historyIn(db: Database) {
  const pruned = db.query<{ value: string }, []>("SELECT value FROM fact WHERE name = 'recorded-since'")
  const first = db.query<{ at: number | null }, []>('SELECT min(at) AS at FROM history INDEXED BY history_by_time')
  const last = db.query<PastRow, [string]>(
    `SELECT ${ROW} FROM history INDEXED BY history_by_address WHERE address = ? ORDER BY at DESC, id DESC LIMIT 1`,
  )
  const since = db.query<{ since: number | null }, [string, number, string | null, string | null]>(`
    SELECT min(at) AS since FROM history INDEXED BY history_by_address WHERE address = ?1 AND at >= coalesce(
      (SELECT at FROM history INDEXED BY history_by_address WHERE address = ?1 AND at <= ?2
        AND (key_after IS NOT ?3 OR phase IS NOT ?4) ORDER BY at DESC, id DESC LIMIT 1), 0)
      AND key_after IS ?3 AND phase IS ?4`)
  const after = db.query<PastRow, [number, number]>(`SELECT ${ROW} FROM history WHERE id > ? ORDER BY id LIMIT ?`)
  const reached = db.query<{ value: string }, []>("SELECT value FROM fact WHERE name = 'pruned-to'")
  const newest = db.query<{ id: number | null }, []>('SELECT max(id) AS id FROM history')

  return {
    past: db.transaction((question: PastQuestion): Past => {
      const { total, page, values } = pastPlanOf(question)
      return {
        total: db.query<{ total: number }, SQLQueryBindings[]>(total).get(...values)?.total ?? 0,
        rows: db.query<PastRow, SQLQueryBindings[]>(page).all(...values, question.limit, question.offset),
        recordedSince: Number(pruned.get()?.value ?? 0) || (first.get()?.at ?? null),
      }
    }),
    story: db.transaction((address: string): Story | null => {
      const row = last.get(address)
      if (row === null) return null
      return { last: row, since: since.get(address, row.at, row.key_after, row.phase)?.since ?? row.at }
    }),
    /** Changes after this one in the order in which they happened. */
    after: db.transaction(
      (id: number, limit: number): Following => ({
        rows: after.all(id, limit),
        forgotten: Number(reached.get()?.value ?? 0),
      }),
    ),
    /** The id of the last change; 0: there is none. */
    newest: (): number => newest.get()?.id ?? 0,
  }
}
