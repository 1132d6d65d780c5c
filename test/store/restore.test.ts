/** Owns restore: a backup is put in the ledger's place, or nothing is touched. */
import { Database } from 'bun:sqlite'
import { afterAll, describe, expect, test } from 'bun:test'
import { copyFileSync, existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Fault } from '../../src/lib/fault.ts'
import { rememberedText } from '../../src/store/facts.ts'
import { journalOf } from '../../src/store/journal.ts'
import { LedgerInUse, openLedgerFile, SCHEMA_VERSION } from '../../src/store/open.ts'
import { restoreLedger } from '../../src/store/restore.ts'
import { removeDirs, tempDir } from '../ledger/fixture.ts'
import { rowOf } from '../rules/world.ts'

afterAll(removeDirs)

/** A ledger with one bound address, and a backup of it. */
function backedUp() {
  const dir = tempDir()
  const ledger = openLedgerFile(dir)
  const journal = journalOf(ledger.db)
  const row = rowOf('10.0.1.2', 'sts_ns_web_web-0', { revision: 1 })
  journal.begin()
  journal.append(
    { verb: 'bind', address: row.address, before: null, after: row, because: 'bound', at: 1, revision: 1 },
    'scheduler',
  )
  journal.commit()
  rememberedText(ledger.db, 'cluster').write('that one')
  const file = join(dir, 'backup.db')
  ledger.db.run(`VACUUM INTO '${file}'`)
  ledger.close()
  return { dir, file }
}

function contents(dir: string) {
  const file = openLedgerFile(dir)
  const count = (table: string) => file.db.query<{ n: number }, []>(`SELECT count(*) AS n FROM ${table}`).get()?.n ?? -1
  const found = { allocation: count('allocation'), history: count('history'), outbox: count('outbox') }
  const cluster = rememberedText(file.db, 'cluster').read()
  file.close()
  return { ...found, cluster }
}

const restore = (dir: string, file: string, allocations = false) =>
  restoreLedger({ dir, file, allocations, stamp: 'now' })

describe('restore', () => {
  test('the history comes back; who has which address is left to the cluster (R33)', () => {
    const { file } = backedUp()
    const dir = tempDir()
    expect(restore(dir, file)).toEqual({ history: 1, allocations: 0, aside: null })
    expect(contents(dir)).toEqual({ allocation: 0, history: 1, outbox: 0, cluster: 'that one' })
  })

  test('with --allocations they come back too, and are written to the cluster again, whichever that is', () => {
    const { file } = backedUp()
    const dir = tempDir()
    expect(restore(dir, file, true)).toMatchObject({ history: 1, allocations: 1 })
    expect(contents(dir)).toEqual({ allocation: 1, history: 1, outbox: 1, cluster: null })
  })

  test('the ledger that was there is kept aside, whole', () => {
    const { dir, file } = backedUp()
    const { aside } = restore(dir, file)
    expect(aside).toBe(join(dir, 'ledger.db.before-now'))
    const db = new Database(aside ?? '', { readonly: true })
    expect(db.query<{ n: number }, []>('SELECT count(*) AS n FROM allocation').get()?.n).toBe(1)
    db.close()
  })

  test('in no moment is there no ledger: one that is killed has the old or the new one', async () => {
    const { dir, file } = backedUp()
    const looker = new Worker(new URL('./watch-thread.ts', import.meta.url).href)
    const told = () => new Promise(resolve => looker.addEventListener('message', resolve, { once: true }))
    const counts = new Int32Array(new SharedArrayBuffer(12))
    looker.postMessage({ path: join(dir, 'ledger.db'), seen: counts.buffer })
    await told()
    for (let round = 0; round < 100; round++) restoreLedger({ dir, file, allocations: true, stamp: `${round}` })
    const done = told()
    counts[2] = 1
    await done
    expect(counts[0]).toBeGreaterThan(100)
    expect(counts[1]).toBe(0)
    expect(contents(dir)).toMatchObject({ allocation: 1 })
  })

  test('what a restore that was killed left over has no part in the next one', () => {
    const { file } = backedUp()
    const dir = tempDir()
    const killed = new Database(join(tempDir(), 'killed.db'))
    killed.run('PRAGMA cache_size = 5')
    killed.run('CREATE TABLE t (filling BLOB)')
    killed.run(`INSERT INTO t VALUES ${'(zeroblob(900)),'.repeat(500)}(zeroblob(9))`)
    killed.run('BEGIN')
    killed.run('UPDATE t SET filling = randomblob(900)')
    copyFileSync(`${killed.filename}-journal`, join(dir, 'ledger.db.restoring-journal'))
    killed.run('ROLLBACK')
    killed.close()
    expect(restore(dir, file, true)).toMatchObject({ history: 1, allocations: 1 })
    expect(contents(dir)).toMatchObject({ allocation: 1, history: 1 })
  })

  test.each(['/proc/nowhere', '/dev/null', '/proc'])('a directory that can have no ledger: %s', dir => {
    const { file } = backedUp()
    expect(() => restore(dir, file)).toThrow(Fault)
    expect(() => restore(dir, file)).toThrow(`--data-dir ${dir} cannot `)
    expect(() => openLedgerFile(dir)).toThrow(`--data-dir ${dir} cannot `)
  })

  const refused: readonly (readonly [string, (file: string) => void, RegExp])[] = [
    ['a file that is not there', () => {}, /it is not there/],
    ['a file that is no database', file => writeFileSync(file, 'x'.repeat(5_000)), /cannot be restored/],
    ['another database', file => new Database(file).run('CREATE TABLE t (a)'), /no ledger of floatip/],
    [
      'a newer schema',
      file => {
        openLedgerFile(`${file}.d`).close()
        const db = new Database(`${file}.d/ledger.db`)
        db.run(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`)
        db.run(`VACUUM INTO '${file}'`)
        db.close()
      },
      new RegExp(`it has schema ${SCHEMA_VERSION + 1}, and this floatip knows ${SCHEMA_VERSION}`),
    ],
  ]
  for (const [name, make, text] of refused) {
    test(`${name} is refused, and nothing is touched`, () => {
      const { dir } = backedUp()
      const file = join(tempDir(), 'given.db')
      make(file)
      expect(() => restore(dir, file)).toThrow(text)
      expect(contents(dir)).toEqual({ allocation: 1, history: 1, outbox: 1, cluster: 'that one' })
      expect(readdirSync(dir).filter(each => each.includes('restoring'))).toEqual([])
    })
  }

  test('a floatip that runs on it is not disturbed', () => {
    const { dir, file } = backedUp()
    const running = openLedgerFile(dir)
    expect(() => restore(dir, file)).toThrow(LedgerInUse)
    running.close()
    expect(existsSync(join(dir, 'ledger.db.before-now'))).toBe(false)
  })
})
