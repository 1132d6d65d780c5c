/** Owns the past: who had what, by whom and when, against an oracle; what is forgotten, and what never is. */
import { Database, type SQLQueryBindings } from 'bun:sqlite'
import { afterAll, describe, expect, test } from 'bun:test'
import type { Allocation } from '../../src/domain/allocation.ts'
import type { Committed, Verb } from '../../src/domain/change.ts'
import { ownerKey } from '../../src/domain/owner.ts'
import { type PastQuestion, pastPlanOf } from '../../src/store/history.ts'
import { journalOf } from '../../src/store/journal.ts'
import { openLedgerFile } from '../../src/store/open.ts'
import { openReads } from '../../src/store/reads.ts'
import { retentionIn } from '../../src/store/retention.ts'
import { removeDirs, tempDir } from '../ledger/fixture.ts'
import { ip, keptRow, rowOf } from '../rules/world.ts'
import { randomOf } from '../sim/random.ts'

afterAll(removeDirs)

const SEED = Number(process.env.FLOATIP_SEED ?? 20261124)
const CHANGES = 100_000
const ADDRESSES = 500
const QUESTIONS = 1_000

function open() {
  const file = openLedgerFile(tempDir())
  file.db.run('PRAGMA synchronous = OFF')
  return { file, journal: journalOf(file.db), reads: openReads(file.path) }
}

type Opened = ReturnType<typeof open>

function write({ journal }: Opened, ...changes: readonly Committed[]): void {
  journal.begin()
  for (const change of changes) journal.append(change, 'cluster')
  journal.commit()
}

function change(verb: Verb, before: Allocation | null, after: Allocation | null, at: number): Committed {
  const address = after?.address ?? before?.address ?? ip('::')
  return { verb, address, before, after, because: verb, at, revision: at }
}

const past = (fields: Partial<PastQuestion>): PastQuestion => ({
  span: { kind: 'changes', from: null, to: null },
  offset: 0,
  limit: 9_999,
  ...fields,
})

/** A random life of some addresses: every change, and what the oracle remembers of it. */
function churn(opened: Opened, changes: number) {
  const random = randomOf(SEED)
  const rows = new Map<string, Allocation>()
  const log: { at: number; address: string; pod: string | null }[] = []
  let at = 1_000
  for (let done = 0; done < changes; ) {
    const batch: Committed[] = []
    const seen = new Set<string>()
    for (let n = 0; n < 100 && done < changes; n++, done++) {
      // Several changes of one millisecond happen too.
      at += random.below(3)
      const text = `10.0.${random.below(ADDRESSES) >> 8}.${random.below(256)}`
      if (seen.has(text)) continue
      seen.add(text)
      const before = rows.get(text) ?? null
      const key =
        before !== null && random.chance(0.5)
          ? ownerKey(before.owner)
          : `sts_ns-${random.below(5)}_app-${random.below(40)}_pod-${random.below(2_000)}`
      const kind =
        before === null ? 'bind' : random.weighted({ keep: 2, free: 2, bind: before.phase === 'bound' ? 0 : 2 })
      const after =
        kind === 'free'
          ? null
          : kind === 'keep'
            ? keptRow(text, before === null ? key : ownerKey(before.owner))
            : rowOf(text, key, { node: `n-${random.below(20)}` })
      if (after === null) rows.delete(text)
      else rows.set(text, after)
      batch.push(change(kind, before, after, at))
      log.push({ at, address: text, pod: after?.owner.pod ?? null })
    }
    write(opened, ...batch)
  }
  return { log, random, end: at }
}

describe(`history under churn, FLOATIP_SEED=${SEED}`, () => {
  test(`${CHANGES} changes; "who had this address at T" and "which addresses had this pod at T", ${QUESTIONS} times`, () => {
    const opened = open()
    const { log, random, end } = churn(opened, CHANGES)
    const byAddress = new Map<string, typeof log>()
    for (const each of log) byAddress.set(each.address, [...(byAddress.get(each.address) ?? []), each])
    const holder = (address: string, at: number) =>
      (byAddress.get(address) ?? []).findLast(each => each.at <= at)?.pod ?? null

    for (let n = 0; n < QUESTIONS; n++) {
      const at = random.below(end + 1_000)
      const address = random.pick([...byAddress.keys()]) ?? ''
      const { rows } = opened.reads.past(past({ address, span: { kind: 'at', at } }))
      const found = rows.map(({ key_after }) => key_after?.split('_').at(-1) ?? null)
      const wanted = holder(address, at)
      expect({ address, at, found }).toEqual({ address, at, found: wanted === null ? [] : [wanted] })
      if (n % 10 > 0) continue
      const pod = `pod-${random.below(2_000)}`
      const of = opened.reads.past(past({ pod, span: { kind: 'at', at } })).rows.map(row => row.address)
      const all = [...byAddress.keys()].filter(each => holder(each, at) === pod)
      expect({ pod, at, of: of.sort() }).toEqual({ pod, at, of: all.sort() })
    }

    // The same after most of it is forgotten: what was in force at the limit is known.
    const prune = retentionIn(opened.file.db)
    const limits = { rows: CHANGES / 10, ageMs: Number.MAX_SAFE_INTEGER }
    while (prune(limits, end, 1_000).more);
    const left = opened.reads.past(past({ limit: 1 }))
    expect(left.total).toBeLessThanOrEqual(CHANGES / 10 + ADDRESSES)
    const since = left.recordedSince ?? 0
    expect(since).toBeGreaterThan(end / 2)
    for (let n = 0; n < 200; n++) {
      const at = since + random.below(end - since)
      const address = random.pick([...byAddress.keys()]) ?? ''
      const [row] = opened.reads.past(past({ address, span: { kind: 'at', at } })).rows
      expect({ address, at, pod: row?.key_after?.split('_').at(-1) ?? null }).toEqual({
        address,
        at,
        pod: holder(address, at),
      })
    }
    opened.file.close()
  }, 120_000)
})

describe('changes', () => {
  const bound = rowOf('10.0.1.2', 'sts_a_web_web-0')
  const kept = keptRow('10.0.1.2', 'sts_a_web_web-0')
  const other = rowOf('10.0.1.2', 'sts_b_db_db-0', { node: 'n2' })
  const pool = keptRow('10.0.1.3', 'pool__p_')
  const pooled = rowOf('10.0.1.3', 'pool__p_dp_a_api_api-x')

  function lived() {
    const opened = open()
    write(
      opened,
      change('bind', null, bound, 10),
      change('keep', bound, kept, 20),
      change('adopt', kept, other, 30),
      change('free', other, null, 40),
      change('bind', pool, pooled, 50),
      change('keep', pooled, pool, 60),
    )
    return opened
  }

  test.each([
    ['everything, newest first', {}, '60 50 40 30 20 10'],
    ['of an address', { address: '10.0.1.2' }, '40 30 20 10'],
    ['of a pod, with the one that lost it to another', { pod: 'web-0' }, '30 20 10'],
    ['of the pod that took it', { pod: 'db-0' }, '40 30'],
    ['of a pod of a pool: when it got it, and when the pool took it back', { pod: 'api-x' }, '60 50'],
    ['of an app', { workload: 'web' }, '20 10'],
    ['of a namespace', { namespace: 'a' }, '60 50 20 10'],
    ['of a node', { node: 'n2' }, '40 30'],
    ['of a pod at an address', { pod: 'web-0', address: '10.0.1.2' }, '30 20 10'],
    ['of a pod in another namespace', { pod: 'web-0', namespace: 'b' }, '30'],
    ['of nobody', { pod: 'nobody' }, ''],
    ['between two times, both included', { span: { kind: 'changes', from: 20, to: 40 } }, '40 30 20'],
    ['a page', { offset: 1, limit: 2 }, '50 40'],
    ['in force: the pod', { address: '10.0.1.2', span: { kind: 'at', at: 15 } }, '10'],
    ['in force: kept', { address: '10.0.1.2', span: { kind: 'at', at: 20 } }, '20'],
    ['in force: nobody', { address: '10.0.1.2', span: { kind: 'at', at: 40 } }, ''],
    ['in force before anything', { address: '10.0.1.2', span: { kind: 'at', at: 9 } }, ''],
    ['in force of a pod that lost it', { pod: 'web-0', span: { kind: 'at', at: 35 } }, ''],
    ['in force of a pod whose pool took it back', { pod: 'api-x', span: { kind: 'at', at: 65 } }, ''],
    ['in force of a pod that it is kept for', { pod: 'web-0', span: { kind: 'at', at: 25 } }, '20'],
    ['in force in a namespace whose pool took it back', { namespace: 'a', span: { kind: 'at', at: 65 } }, ''],
    ['in force of an app whose pool took it back', { workload: 'api', span: { kind: 'at', at: 65 } }, ''],
    ['in force in the namespace that it is kept for', { namespace: 'a', span: { kind: 'at', at: 25 } }, '20'],
    ['in force on a node', { node: 'n1', span: { kind: 'at', at: 15 } }, '10'],
    ['in force on a node that its pod has left', { node: 'n1', span: { kind: 'at', at: 25 } }, ''],
    ['in force of everybody', { span: { kind: 'at', at: 55 } }, '50'],
  ] as const)('%s', (_, fields, found) => {
    const opened = lived()
    const { rows, total } = opened.reads.past(past(fields))
    expect(rows.map(({ at }) => at).join(' ')).toBe(found)
    if (!('limit' in fields)) expect(total).toBe(rows.length)
    opened.file.close()
  })

  test('the story of an address: its last change, and since when it is so', () => {
    const opened = open()
    const again = rowOf('10.0.1.2', 'sts_a_web_web-0', { node: 'n9' })
    write(
      opened,
      change('bind', null, bound, 10),
      change('keep', bound, kept, 20),
      change('bind', kept, bound, 30),
      change('adopt', bound, again, 40),
    )
    expect(opened.reads.story('10.0.1.2')).toMatchObject({ since: 30, last: { at: 40, verb: 'adopt', node: 'n9' } })
    expect(opened.reads.story('10.0.1.9')).toBeNull()
    opened.file.close()
  })

  test('after an id, in the order in which they happened', () => {
    const opened = lived()
    expect(opened.reads.newest()).toBe(6)
    expect(opened.reads.after(4, 10)).toMatchObject({ rows: [{ id: 5 }, { id: 6 }], forgotten: 0 })
    expect(opened.reads.after(0, 2).rows.map(({ id }) => id)).toEqual([1, 2])
    opened.file.close()
  })

  test('every question reads one index', () => {
    const opened = lived()
    const db = new Database(opened.file.path, { readonly: true })
    const plan = (fields: Partial<PastQuestion>) => {
      const { page, values } = pastPlanOf(past(fields))
      const steps = db.query<{ detail: string }, SQLQueryBindings[]>(`EXPLAIN QUERY PLAN ${page}`).all(...values, 10, 0)
      return steps.map(({ detail }) => detail).join('; ')
    }
    const between = { span: { kind: 'changes', from: 1, to: 2 } } as const
    const search = (index: string) => `SEARCH history USING INDEX ${index}`
    expect(plan({ address: 'a' })).toBe(search('history_by_address (address=?)'))
    expect(plan({ address: 'a', namespace: 'n', ...between })).toBe(
      search('history_by_address (address=? AND at>? AND at<?)'),
    )
    expect(plan({ workload: 'w', namespace: 'n' })).toBe(search('history_by_app (workload=?)'))
    expect(plan({ node: 'w' })).toBe(search('history_by_node (node=?)'))
    expect(plan({ namespace: 'n' })).toBe(search('history_by_namespace (namespace=?)'))
    expect(plan({})).toBe('SCAN history USING INDEX history_by_time')
    // What was in force at a time: of the later changes only those up to that time are read, not all of the address for each.
    expect(plan({ address: 'a', span: { kind: 'at', at: 5 } })).toContain(
      'SEARCH later USING COVERING INDEX history_by_address (address=? AND at>? AND at<?)',
    )
    expect(plan({ pod: 'p' })).toBe(
      `MULTI-INDEX OR; INDEX 1; ${search('history_by_pod (pod=?)')}; INDEX 2; ${search('history_by_pod_left (pod_left=?)')}; USE TEMP B-TREE FOR ORDER BY`,
    )
    expect(plan({ address: 'a', span: { kind: 'at', at: 9 } })).toStartWith(
      `${search('history_by_address (address=? AND at<?)')}; CORRELATED SCALAR SUBQUERY`,
    )
    db.close()
    opened.file.close()
  })
})

describe('what is forgotten', () => {
  const life = (text: string, from: number, pods: number) =>
    Array.from({ length: pods }, (_, n) => {
      const row = rowOf(text, `sts_a_web_web-${n}`)
      return [change('bind', null, row, from + 10 * n), change('free', row, null, from + 10 * n + 5)]
    }).flat()

  test('changes beyond the age; the last one of an address that somebody has stays, and tells who', () => {
    const opened = open()
    write(
      opened,
      ...life('10.0.1.2', 10, 3),
      change('bind', null, rowOf('10.0.1.3', 'sts_a_web_web-9'), 12),
      ...life('10.0.1.4', 500, 1),
    )
    const prune = retentionIn(opened.file.db)
    expect(prune({ rows: 1_000, ageMs: 100 }, 550, 3)).toEqual({ removed: 2, more: true })
    while (prune({ rows: 1_000, ageMs: 100 }, 550, 3).more);
    const { rows, recordedSince } = opened.reads.past(past({}))
    expect(rows.map(({ address, at }) => `${address} ${at}`)).toEqual(['10.0.1.4 505', '10.0.1.4 500', '10.0.1.3 12'])
    expect(recordedSince).toBe(12)
    expect(opened.reads.past(past({ address: '10.0.1.3', span: { kind: 'at', at: 100 } })).total).toBe(1)
    expect(opened.reads.after(0, 10).forgotten).toBe(7)
    opened.file.close()
  })

  test('changes beyond the number, and after a restart it goes on where it was', () => {
    const opened = open()
    write(opened, ...life('10.0.1.2', 10, 10))
    const limits = { rows: 6, ageMs: Number.MAX_SAFE_INTEGER }
    retentionIn(opened.file.db)(limits, 1_000, 10)
    while (retentionIn(opened.file.db)(limits, 1_000, 10).more);
    expect(opened.reads.past(past({})).total).toBe(6)
    opened.file.close()
  })

  test('the newest change is never forgotten, so that no id is given twice', () => {
    const opened = open()
    write(opened, ...life('10.0.1.2', 10, 2))
    const prune = retentionIn(opened.file.db)
    while (prune({ rows: 1, ageMs: 0 }, 10_000, 10).more);
    expect(opened.reads.past(past({})).rows.map(({ id }) => id)).toEqual([4, 3])
    opened.file.close()
  })

  test('it leaves the ledger as safe as it was', () => {
    const { file } = open()
    file.db.run('PRAGMA synchronous = FULL')
    retentionIn(file.db)({ rows: 1, ageMs: 1 }, 1, 10)
    expect(file.db.query('PRAGMA synchronous').get()).toEqual({ synchronous: 2 })
    file.close()
  })
})
