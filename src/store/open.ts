/** Owns the ledger's file: one process at a time, schema by schema up to the newest, settings that survive power loss. */
import { Database } from 'bun:sqlite'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Fault, messageOf } from '../lib/fault.ts'
import schema from './schema.sql' with { type: 'file' }
import cloudSchema from './schema-2.sql' with { type: 'file' }
import surgeSchema from './schema-3.sql' with { type: 'file' }
import questionsSchema from './schema-4.sql' with { type: 'file' }
import reservationSchema from './schema-5.sql' with { type: 'file' }
import restSchema from './schema-6.sql' with { type: 'file' }

/** Schemas in order: opening applies those above the file's `user_version`, each in a transaction. */
const MIGRATIONS: readonly string[] = [schema, cloudSchema, surgeSchema, questionsSchema, reservationSchema, restSchema]

export const SCHEMA_VERSION = MIGRATIONS.length

/**
 * A reader that finds the write-ahead log's index half written takes the writer's lock for microseconds to look again. Without patience a
 * turn in that moment fails, which no other writer could cause: there is none.
 */
const PATIENCE_MS = 1_000

export interface LedgerFile {
  readonly db: Database
  readonly path: string
  close(): void
}

/** Another process has the ledger. */
export class LedgerInUse extends Fault {
  override readonly name = 'LedgerInUse'
}

/** Opens `<dir>/ledger.db`, made when missing. Throws a Fault when another process has it, or a newer floatip wrote it. */
export function openLedgerFile(dir: string): LedgerFile {
  const lock = takeLock(dir)
  const path = join(dir, 'ledger.db')
  let opened: Database | null = null
  try {
    const db = new Database(path, { create: true, strict: true })
    opened = db
    db.run('PRAGMA journal_mode = WAL')
    db.run('PRAGMA synchronous = FULL')
    db.run(`PRAGMA busy_timeout = ${PATIENCE_MS}`)
    migrate(db, path)
    return {
      db,
      path,
      close() {
        db.run('PRAGMA wal_checkpoint(TRUNCATE)')
        db.close()
        lock.close()
      },
    }
  } catch (error) {
    opened?.close()
    lock.close()
    if (error instanceof Fault) throw error
    throw new Fault(`the ledger ${path} cannot be opened: ${messageOf(error)}`, { retryable: false, cause: error })
  }
}

/**
 * A transaction held for life on a small file beside the ledger: other processes stay out, readers of the ledger get in. The directory is
 * made when it is missing.
 */
export function takeLock(dir: string): Database {
  const path = join(dir, 'ledger.lock')
  const lock = lockFile(dir, path)
  try {
    lock.run('PRAGMA busy_timeout = 0')
    lock.run('BEGIN EXCLUSIVE')
    return lock
  } catch (error) {
    lock.close()
    throw new LedgerInUse(
      `another floatip process uses the ledger in ${dir} (lock file ${path}): stop it, or choose another --data-dir`,
      {
        retryable: false,
        cause: error,
      },
    )
  }
}

function lockFile(dir: string, path: string): Database {
  const unusable = (what: string, cause: unknown) =>
    new Fault(`--data-dir ${dir} cannot be ${what}: ${messageOf(cause)}`, { retryable: false, cause })
  try {
    mkdirSync(dir, { recursive: true })
  } catch (error) {
    throw unusable('made', error)
  }
  try {
    return new Database(path, { create: true })
  } catch (error) {
    throw unusable('written to', error)
  }
}

function migrate(db: Database, path: string): void {
  const found = db.query<{ user_version: number }, []>('PRAGMA user_version').get()?.user_version ?? 0
  if (found > SCHEMA_VERSION) {
    throw new Fault(
      `the ledger ${path} has schema ${found}, and this floatip knows ${SCHEMA_VERSION}: start the newer floatip`,
      {
        retryable: false,
      },
    )
  }
  MIGRATIONS.slice(found).forEach((file, at) => {
    db.run('BEGIN IMMEDIATE')
    db.run(readFileSync(file, 'utf8'))
    db.run(`PRAGMA user_version = ${found + at + 1}`)
    db.run('COMMIT')
  })
}
