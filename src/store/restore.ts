/** Owns putting a backup in the ledger's place: checked first, the ledger that was there kept aside. */
import { Database } from 'bun:sqlite'
import { closeSync, copyFileSync, existsSync, fsyncSync, linkSync, openSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Fault, messageOf } from '../lib/fault.ts'
import { SCHEMA_VERSION, takeLock } from './open.ts'

export interface RestoreOptions {
  readonly dir: string
  readonly file: string
  /**
   * Also the allocations. Without it they are read from the cluster's objects and pods at the next start, which know more than a backup
   * can (R33); with it they count as they were, which is right only where there are no such objects.
   */
  readonly allocations: boolean
  /** Stamps the name of what is put aside. */
  readonly stamp: string
}

export interface Restored {
  readonly history: number
  readonly allocations: number
  /** Where the ledger that was there is now; null: there was none. */
  readonly aside: string | null
}

/** Throws a Fault, and changes nothing, when a process has the ledger or the file is no ledger that this floatip can read. */
export function restoreLedger({ dir, file, allocations, stamp }: RestoreOptions): Restored {
  if (!existsSync(file)) throw refused(file, 'it is not there')
  const lock = takeLock(dir)
  const path = join(dir, 'ledger.db')
  const fresh = `${path}.restoring`
  try {
    // Of one that was killed: SQLite would take its journal for that of the new copy.
    removeWithLogs(fresh)
    copyFileSync(file, fresh)
    const counts = prepare(fresh, file, allocations)
    toDisk(fresh)
    const aside = existsSync(path) ? `${path}.before-${stamp}` : null
    if (aside !== null) {
      settle(path)
      // A second name, so that in no moment there is no ledger: a floatip that starts then would make an empty one.
      linkOrCopy(path, aside)
    }
    for (const log of ['-wal', '-shm']) rmSync(`${path}${log}`, { force: true })
    renameSync(fresh, path)
    return { ...counts, aside }
  } finally {
    removeWithLogs(fresh)
    lock.close()
  }
}

function removeWithLogs(path: string): void {
  for (const log of ['', '-wal', '-shm', '-journal']) rmSync(`${path}${log}`, { force: true })
}

/** Before it takes the other's place: without power its name may be on disk sooner than what is in it. */
function toDisk(path: string): void {
  const file = openSync(path, 'r+')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** Not every volume knows links. */
function linkOrCopy(path: string, aside: string): void {
  try {
    linkSync(path, aside)
  } catch {
    copyFileSync(path, aside)
  }
}

function prepare(fresh: string, file: string, keep: boolean): { history: number; allocations: number } {
  const db = opened(fresh, file)
  try {
    const version = db.query<{ user_version: number }, []>('PRAGMA user_version').get()?.user_version ?? 0
    if (version > SCHEMA_VERSION) {
      throw refused(file, `it has schema ${version}, and this floatip knows ${SCHEMA_VERSION}: use the newer floatip`)
    }
    const found = count(db, "SELECT count(*) AS n FROM sqlite_schema WHERE name IN ('allocation', 'history', 'fact')")
    if (version === 0 || found < 3) throw refused(file, 'it is no ledger of floatip')
    if (!keep) {
      const tables = ['allocation', 'outbox', ...(hasTable(db, 'cloud') ? ['cloud'] : [])]
      for (const table of tables) db.run(`DELETE FROM ${table}`)
    }
    // A person says that they count where this is restored, whichever cluster that is.
    else db.run("DELETE FROM fact WHERE name = 'cluster'")
    return {
      history: count(db, 'SELECT count(*) AS n FROM history'),
      allocations: count(db, 'SELECT count(*) AS n FROM allocation'),
    }
  } finally {
    db.close()
  }
}

function opened(fresh: string, file: string): Database {
  let db: Database | null = null
  try {
    db = new Database(fresh, { create: false, readwrite: true })
    const check = db.query<{ quick_check: string }, []>('PRAGMA quick_check').get()?.quick_check
    if (check === 'ok') return db
    throw new Error(check ?? 'it is damaged')
  } catch (error) {
    db?.close()
    throw refused(file, messageOf(error))
  }
}

/** What was put aside is one file, without a log beside it. */
function settle(path: string): void {
  try {
    const db = new Database(path, { create: false, readwrite: true })
    db.run('PRAGMA wal_checkpoint(TRUNCATE)')
    db.close()
  } catch {
    // A damaged ledger is the very reason to restore: it is put aside as it is.
  }
}

function hasTable(db: Database, name: string): boolean {
  return count(db, `SELECT count(*) AS n FROM sqlite_schema WHERE type = 'table' AND name = '${name}'`) > 0
}

function count(db: Database, sql: string): number {
  return db.query<{ n: number }, []>(sql).get()?.n ?? 0
}

function refused(file: string, why: string): Fault {
  return new Fault(`${file} cannot be restored: ${why}`, { retryable: false })
}
