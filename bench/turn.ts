/** Owns the suite `turn`: durable commands (decided, applied, committed with synchronous=FULL) at 1, 16 and 128 concurrent askers. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import { createCore } from '../src/core/wasm.ts'
import { readEntries } from '../src/domain/configuration.ts'
import type { Demand } from '../src/domain/demand.ts'
import { geometryOf, type NodeGroup } from '../src/domain/geometry.ts'
import { isRefusal } from '../src/domain/refusal.ts'
import { parseAddress } from '../src/ip/address.ts'
import type { Journal } from '../src/ledger/journal.ts'
import { type Ledger, openLedger, type Turn } from '../src/ledger/ledger.ts'
import { stateOf } from '../src/ledger/state.ts'
import { assert, present } from '../src/lib/assert.ts'
import { instrumentsIn } from '../src/lib/metrics.ts'
import { journalOf } from '../src/store/journal.ts'
import { openLedgerFile } from '../src/store/open.ts'
import { median } from './lib/median.ts'
import { writeReport } from './lib/report.ts'
import { table } from './lib/table.ts'

const ASKERS = [1, 16, 128]
/** Binds, each followed by the unbind of the same pod: the ledger stays as full as it was. */
const PAIRS = 4_000
/** Allocations that are there before, so that indexes and tables have a real size. */
const STANDING = 10_000

/** Of each way; they alternate, so that both see the same machine. */
const PASSES = 5

interface Turned {
  readonly askers: number
  /** The turns are counted and timed, as `floatip serve` does it. */
  readonly measured: boolean
  readonly commandsPerSecond: number
  readonly commitsPerSecond: number
  readonly commandsPerCommit: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export async function turnSuite(): Promise<boolean> {
  const passes: Turned[] = []
  for (let pass = 0; pass < PASSES; pass++)
    for (const askers of ASKERS) for (const measured of [false, true]) passes.push(await measure(askers, measured))
  const results = ASKERS.flatMap(askers => [false, true].map(measured => medianOf(passes, askers, measured)))
  const rows = results.map(r => [
    `${r.askers}${r.measured ? ', with metrics' : ''}`,
    r.commandsPerSecond.toFixed(0),
    r.commitsPerSecond.toFixed(0),
    r.commandsPerCommit.toFixed(1),
    r.p50Ms.toFixed(2),
    r.p99Ms.toFixed(2),
  ])
  console.log(
    `durable commands, ${STANDING} allocations standing, SQLite WAL with synchronous=FULL; median of ${PASSES}`,
  )
  console.log(table(['askers', 'commands/s', 'commits/s', 'commands/commit', 'p50 ms', 'p99 ms'], rows))
  console.log(writeReport('turn', { standing: STANDING, pairs: PAIRS, results, passes }))
  return true
}

function medianOf(passes: readonly Turned[], askers: number, measured: boolean): Turned {
  const same = passes.filter(pass => pass.askers === askers && pass.measured === measured)
  const of = (value: (pass: Turned) => number) => median(same.map(value))
  return {
    ...{ askers, measured },
    commandsPerSecond: of(pass => pass.commandsPerSecond),
    commitsPerSecond: of(pass => pass.commitsPerSecond),
    commandsPerCommit: of(pass => pass.commandsPerCommit),
    p50Ms: of(pass => pass.p50Ms),
    p99Ms: of(pass => pass.p99Ms),
  }
}

async function measure(askers: number, measured: boolean): Promise<Turned> {
  const dir = mkdtempSync(join(tmpdir(), 'floatip-bench-'))
  const file = openLedgerFile(dir)
  let commits = 0
  const disk = journalOf(file.db)
  const journal: Journal = {
    ...disk,
    commit() {
      commits++
      disk.commit()
    },
  }
  const { turn } = instrumentsIn(new Registry())
  const { ledger, group } = openBench(journal, measured ? each => each !== null && turn(each) : () => {})
  try {
    await standing(ledger, group)
    commits = 0
    const latencies: number[] = []
    const began = performance.now()
    let next = 0
    async function asker(): Promise<void> {
      while (next < PAIRS) {
        const uid = `bench-${next++}`
        const before = performance.now()
        const bound = await ledger.submit('bind', { at: next, demand: demandOf(uid), node: 'n', group })
        const between = performance.now()
        assert(!isRefusal(bound), 'there are enough addresses')
        await ledger.submit('unbind', {
          at: next,
          incarnation: uid,
          workload: { state: 'unlooked' },
          rests: false,
          because: 'bench',
        })
        latencies.push(between - before, performance.now() - between)
      }
    }
    await Promise.all(Array.from({ length: askers }, asker))
    const seconds = (performance.now() - began) / 1000
    latencies.sort((a, b) => a - b)
    const at = (share: number) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0
    return {
      ...{ askers, measured },
      commandsPerSecond: latencies.length / seconds,
      commitsPerSecond: commits / seconds,
      commandsPerCommit: latencies.length / commits,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
    }
  } finally {
    ledger.close()
    file.close()
    rmSync(dir, { recursive: true })
  }
}

function openBench(journal: Journal, onTurn: (turn: Turn | null) => void): { ledger: Ledger; group: NodeGroup } {
  const reading = readEntries([
    { nodeSubnets: ['10.49.0.0/24'], ips: ['10.64.0.2~10.64.255.254'], subnet: '10.64.0.0/16', gateway: '10.64.0.1' },
  ])
  assert(reading.ok, 'the configuration is valid')
  const geometry = geometryOf(reading.configuration.entries)
  const ledger = openLedger({
    journal,
    geometry,
    recover(of) {
      const { rows, revision } = journal.load()
      return { state: stateOf(of, createCore(of.entries.map(entry => entry.size)), rows), revision }
    },
    onBug(bug) {
      throw bug
    },
    onTurn,
  })
  const node = present(parseAddress('10.49.0.7'), 'an address')
  return { ledger, group: present(geometry.groupOf([node]), 'a group') }
}

async function standing(ledger: Ledger, group: NodeGroup): Promise<void> {
  for (let from = 0; from < STANDING; from += 500) {
    const binds = Array.from({ length: 500 }, (_, at) =>
      ledger.submit('bind', { at: 0, demand: demandOf(`standing-${from + at}`), node: 'n', group }),
    )
    await Promise.all(binds)
  }
}

function demandOf(uid: string): Demand {
  return {
    pod: { namespace: 'bench', name: uid, uid },
    owner: { pool: '', kind: 'dp', namespace: 'bench', workload: 'load', pod: uid },
    apiVersion: 'apps/v1',
    policy: 0,
    request: [],
    workload: { state: 'unlooked' },
    poolSize: null,
    problem: null,
  }
}
