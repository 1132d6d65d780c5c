/** Owns the ledger's file: one process at a time, schemas, settings, and texts that say what to do. */
import { Database } from 'bun:sqlite'
import { afterAll, expect, test } from 'bun:test'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Fault } from '../../src/lib/fault.ts'
import { openLedgerFile, SCHEMA_VERSION } from '../../src/store/open.ts'
import { removeDirs, tempDir } from '../ledger/fixture.ts'

afterAll(removeDirs)

function refusalOf(dir: string): string {
  try {
    openLedgerFile(dir).close()
  } catch (error) {
    expect(error).toBeInstanceOf(Fault)
    expect(error).toMatchObject({ retryable: false })
    return (error as Fault).message
  }
  return 'opened'
}

test('makes the directory and the file, with settings that survive power loss', () => {
  const dir = join(tempDir(), 'deep', 'er')
  const file = openLedgerFile(dir)
  const pragma = (name: string) => Object.values(file.db.query(`PRAGMA ${name}`).get() as object)[0]
  expect(['journal_mode', 'synchronous', 'user_version'].map(pragma)).toEqual(['wal', 2, SCHEMA_VERSION])
  file.close()
  expect(readdirSync(dir).filter(name => !name.startsWith('ledger.lock'))).toEqual(['ledger.db'])
  expect(refusalOf(dir)).toBe('opened')
})

test('a second process is told which file to look at; readers get in; afterwards it opens', async () => {
  const dir = tempDir()
  const other = async () => {
    const process = Bun.spawn(
      [Bun.which('bun') ?? globalThis.process.execPath, join(import.meta.dir, 'second.ts'), dir],
      { stdout: 'pipe' },
    )
    return await new Response(process.stdout).text()
  }
  const file = openLedgerFile(dir)
  expect(await other()).toBe(
    `another floatip process uses the ledger in ${dir} (lock file ${dir}/ledger.lock): stop it, or choose another --data-dir`,
  )
  const reader = new Database(file.path, { readonly: true })
  expect(reader.query('SELECT count(*) AS n FROM allocation').get()).toEqual({ n: 0 })
  reader.close()
  file.close()
  expect(await other()).toBe('opened')
})

test('a second opening in the same process is refused too', () => {
  const dir = tempDir()
  const file = openLedgerFile(dir)
  expect(refusalOf(dir)).toStartWith('another floatip process uses the ledger')
  file.close()
})

test('a newer schema is refused, by number, and the file is let go', () => {
  const dir = tempDir()
  const file = openLedgerFile(dir)
  file.db.run('PRAGMA user_version = 99')
  file.close()
  for (let attempt = 0; attempt < 2; attempt++) {
    expect(refusalOf(dir)).toBe(
      `the ledger ${dir}/ledger.db has schema 99, and this floatip knows ${SCHEMA_VERSION}: start the newer floatip`,
    )
  }
  expect(existsSync(join(dir, 'ledger.db-wal'))).toBe(false)
})

test('a file that is not a ledger is left alone', () => {
  const dir = tempDir()
  writeFileSync(join(dir, 'ledger.db'), 'somebody’s notes, long enough to be no database header at all')
  expect(refusalOf(dir)).toStartWith(`the ledger ${dir}/ledger.db cannot be opened: `)
})

test('a directory that is a file is named with its flag', () => {
  const path = join(tempDir(), 'file')
  writeFileSync(path, '')
  expect(refusalOf(join(path, 'sub'))).toStartWith(`--data-dir ${path}/sub cannot be made: `)
})
