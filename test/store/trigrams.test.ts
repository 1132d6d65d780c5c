/** Owns the trigram index: it has what is committed, or says that it has not, whatever came meanwhile. */
import { Database } from 'bun:sqlite'
import { afterAll, expect, test } from 'bun:test'
import type { Allocation } from '../../src/domain/allocation.ts'
import { journalOf } from '../../src/store/journal.ts'
import { openLedgerFile } from '../../src/store/open.ts'
import { openReads } from '../../src/store/reads.ts'
import { retentionIn } from '../../src/store/retention.ts'
import { trigramsIn } from '../../src/store/trigrams.ts'
import { removeDirs, tempDir } from '../ledger/fixture.ts'
import { rowOf } from '../rules/world.ts'
import { randomOf } from '../sim/random.ts'

afterAll(removeDirs)

const SEED = Number(process.env.FLOATIP_SEED ?? 20261124)
const STEPS = 400

function open() {
  const file = openLedgerFile(tempDir())
  file.db.run('PRAGMA synchronous = OFF')
  return { file, journal: journalOf(file.db) }
}

test(`${STEPS} steps of changes, searches, catching up and forgetting: the index and the keys find the same, FLOATIP_SEED=${SEED}`, () => {
  const { file, journal } = open()
  const reads = openReads(file.path)
  const prune = retentionIn(file.db)
  const random = randomOf(SEED)
  const rows = new Map<string, Allocation>()
  let revision = 0
  for (let step = 0; step < STEPS; step++) {
    journal.begin()
    for (let n = random.below(random.chance(0.05) ? 600 : 20); n > 0; n--) {
      const text = `10.0.${random.below(3)}.${random.below(256)}`
      const before = rows.get(text) ?? null
      const after = random.chance(0.4)
        ? null
        : rowOf(text, `sts_ns-${random.below(4)}_app-${random.below(30)}_pod-${random.below(500)}`)
      if (before === null && after === null) continue
      const address = (after ?? before)?.address as Allocation['address']
      const verb = after === null ? 'free' : 'bind'
      journal.append({ verb, address, before, after, because: '', at: ++revision, revision }, 'cluster')
      if (after === null) rows.delete(text)
      else rows.set(text, after)
    }
    journal.commit()
    if (random.chance(0.1)) while (prune({ rows: 50, ageMs: Number.MAX_SAFE_INTEGER }, revision, 200).more);
    if (random.chance(0.3)) reads.index(random.below(400))
    const keyword = `app-${random.below(30)}_pod-${random.below(10)}`
    const found = reads.search({ keyword, sort: 'ip', descending: false, offset: 0, limit: 1_000 })
    const all = file.db
      .query<{ address: string }, [string]>('SELECT address FROM allocation WHERE instr(key, ?) > 0 ORDER BY sort')
      .all(keyword)
    expect({ step, keyword, found: found.rows.map(({ address }) => address) }).toEqual({
      ...{ step, keyword },
      found: all.map(({ address }) => address),
    })
  }
  while (!reads.index(1_000));
  file.close()
})

test('it narrows few finds, once it has everything; never broad, short or odd terms', () => {
  const { file, journal } = open()
  journal.begin()
  for (let n = 0; n < 2_500; n++) {
    const after = rowOf(`10.0.${n >> 8}.${n & 255}`, `sts_ns_web_web-${n}`)
    journal.append(
      { verb: 'bind', address: after.address, before: null, after, because: '', at: n, revision: n },
      'cluster',
    )
  }
  journal.commit()
  const db = new Database(file.path, { readonly: true })
  const trigrams = trigramsIn(db)
  expect(trigrams.narrows('web-77', 100)).toBe(false)
  while (!trigrams.advance(1_000));
  expect(['web-77', 'sts_', 'we', 'w\0b', 'b"-'].map(term => trigrams.narrows(term, 100))).toEqual([
    true,
    false,
    false,
    false,
    true,
  ])
  db.close()
  file.close()
})
