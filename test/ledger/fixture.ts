/** Owns a ledger on a real file in a directory of its own, and a disk that fails on command. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCore } from '../../src/core/wasm.ts'
import type { Allocation } from '../../src/domain/allocation.ts'
import type { SubnetEntry } from '../../src/domain/entry.ts'
import { geometryOf } from '../../src/domain/geometry.ts'
import type { Journal } from '../../src/ledger/journal.ts'
import { openLedger } from '../../src/ledger/ledger.ts'
import { stateOf } from '../../src/ledger/state.ts'
import { journalOf } from '../../src/store/journal.ts'
import { openLedgerFile } from '../../src/store/open.ts'
import { ENTRIES } from '../rules/world.ts'

const made: string[] = []
/** A file system in memory, where there is one: opening a ledger syncs, and the simulator opens hundreds. */
const ROOT = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** A directory that {@link removeDirs} takes away again. */
export function tempDir(): string {
  const dir = mkdtempSync(join(ROOT, 'floatip-test-'))
  made.push(dir)
  return dir
}

export function removeDirs(): void {
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true, force: true })
}

/** Which call of the journal fails next, counted from 1: the disk is full, say. */
export interface Disk {
  failCommit: number
  failAppend: number
  failLoad: number
  /** An append of this address always fails. */
  poison: string
  /** After the commit has reached the disk, its answer is lost. */
  loseCommit: boolean
}

export function goodDisk(): Disk {
  return { failCommit: 0, failAppend: 0, failLoad: 0, poison: '', loseCommit: false }
}

/** The journal on a disk that fails as told. */
export function journalOn(journal: Journal, disk: Disk): Journal {
  const due = (what: 'failCommit' | 'failAppend' | 'failLoad') => {
    if (disk[what] === 0) return
    disk[what]--
    if (disk[what] === 0) throw new Error(`disk: ${what}`)
  }
  return {
    ...journal,
    append(change, actor) {
      due('failAppend')
      if (change.address.text === disk.poison) throw new Error('disk: poison')
      journal.append(change, actor)
    },
    commit() {
      due('failCommit')
      journal.commit()
      if (disk.loseCommit) {
        disk.loseCommit = false
        throw new Error('disk: answer lost')
      }
    },
    load() {
      due('failLoad')
      return journal.load()
    },
  }
}

export interface Opening {
  readonly dir?: string
  readonly entries?: readonly SubnetEntry[]
  readonly disk?: Disk
}

export function openTestLedger({ dir = tempDir(), entries = ENTRIES, disk = goodDisk() }: Opening = {}) {
  const file = openLedgerFile(dir)
  file.db.run('PRAGMA synchronous = OFF') // the tests crash processes, not machines
  const journal = journalOn(journalOf(file.db), disk)
  const bugs: unknown[] = []
  const commits = { count: 0 }
  const counted: Journal = {
    ...journal,
    commit() {
      journal.commit()
      commits.count++
    },
  }
  const ledger = openLedger({
    journal: counted,
    geometry: geometryOf(entries),
    recover(geometry) {
      const { rows, revision } = counted.load()
      const core = createCore(geometry.entries.map(entry => entry.size))
      return { state: stateOf(geometry, core, rows), revision }
    },
    onBug: bug => bugs.push(bug),
  })
  return { dir, file, disk, journal, ledger, bugs, commits }
}

export type TestLedger = ReturnType<typeof openTestLedger>

/** Every row, in full and in order. */
export function rowsOf(rows: Iterable<Allocation>): readonly Allocation[] {
  return [...rows].sort((a, b) => (a.address.text < b.address.text ? -1 : 1))
}

/** Null when memory equals disk, and memory agrees with itself. */
export function difference({ ledger, journal }: TestLedger): string | null {
  const memory = ledger.read(state => rowsOf(state.rows()))
  const disk = rowsOf(journal.load().rows)
  if (!Bun.deepEquals(memory, disk)) return `memory ${JSON.stringify(memory, big)}\ndisk   ${JSON.stringify(disk, big)}`
  return ledger.read(state => state.verify())
}

const big = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value)
