/** Owns the suite `api`: what people ask at 100,000 allocations, beside an Elysia route that answers a constant of the same size, in one run. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readingThread } from '../src/commands/reader.ts'
import { openLedgerFile } from '../src/store/open.ts'
import { openReads } from '../src/store/reads.ts'
import type { Search } from '../src/store/search.ts'
import { freePorts } from '../test/e2e/harness/floatip.ts'
import { fillAllocations, fillHistory } from '../test/store/fill.ts'
import { median } from './lib/median.ts'
import { writeReport } from './lib/report.ts'
import { table } from './lib/table.ts'

const ALLOCATIONS = 100_000
const CHANGES = 400_000
const ASKERS = 8
const PASSES = 5
/** Long enough for a p99 over hundreds of requests, short enough that two ways see the same machine. */
const PASS_MS = 700
/** The reader begins its index of keywords with the first keyword, and has 100,000 keys in some 4 s. */
const INDEX_MS = 10_000
const FIRST = '10.0.0.0'

/** Each as a page asks it, and with another one every time where that is how people ask. */
const ASKED: Readonly<Record<string, (n: number) => string>> = {
  'list: an app of 100 addresses': n => `/v1/ip?appName=app-${n % 1000}`,
  'list: a namespace of 2,000': n => `/v1/ip?namespace=namespace-${n % 50}`,
  'list: a pod by name': n => `/v1/ip?podName=app-${n % 1000}-web-${n % 100_000}`,
  'list: keyword with few finds': n => `/v1/ip?keyword=-web-${(n * 7919) % 100_000}`,
  'list: keyword that all have': () => '/v1/ip?keyword=sts_',
  'list: everything, page 500 of 50': () => '/v1/ip?size=50&page=500',
  'show: one address': n => `/v1/ip/10.${(n >> 16) & 1}.${(n >> 8) & 255}.${n & 255}`,
  'history: one address': n => `/v1/ip/10.0.${(n >> 8) & 255}.${n & 255}/history`,
  'history: who had it at': n => `/v1/history?ip=10.0.${(n >> 8) & 255}.${n & 255}&at=2026-01-01T00:05:00Z`,
  'history: an app': n => `/v1/history?app=app-${n % 1000}`,
  subnets: () => '/v1/subnets',
}

interface Figure {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export async function apiSuite(): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'floatip-bench-'))
  const [port = 0, apiPort = 0, constantPort = 0, nobody = 0] = await freePorts(4)
  const children: Bun.Subprocess[] = []
  try {
    prepare(folder)
    const thread = await threadFigures(join(folder, 'ledger.db'))
    const serve = ['serve', '--config', join(folder, 'config.json'), '--data-dir', folder, '--bind', '127.0.0.1']
    const ports = ['--port', `${port}`, '--api-port', `${apiPort}`, '--master', `http://127.0.0.1:${nobody}`]
    const quiet = { stdout: 'ignore', stderr: 'ignore' } as const
    children.push(Bun.spawn(['dist/floatip', ...serve, ...ports, '--leader-elect=false', '--log-level=error'], quiet))
    children.push(Bun.spawn([process.execPath, join(import.meta.dir, 'api.constant.ts'), `${constantPort}`], quiet))
    const floatip = `http://127.0.0.1:${apiPort}`
    await until(async () => (await (await fetch(`${floatip}/v1/subnets`)).text()).includes('"total":131072'))
    await until(async () => (await fetch(`http://127.0.0.1:${constantPort}/constant/100`)).ok)

    await fetch(`${floatip}/v1/ip?keyword=sts_`)
    await Bun.sleep(INDEX_MS)

    const rows: string[][] = []
    const results: object[] = []
    for (const [name, path] of Object.entries(ASKED)) {
      const bytes = (await (await fetch(floatip + path(1))).arrayBuffer()).byteLength
      const ours: Figure[] = []
      const constant: Figure[] = []
      for (let pass = 0; pass < PASSES; pass++) {
        ours.push(await load(n => floatip + path(n)))
        constant.push(await load(() => `http://127.0.0.1:${constantPort}/constant/${bytes}`))
      }
      const of = (figures: Figure[], what: keyof Figure) => median(figures.map(figure => figure[what]))
      const ratio = of(ours, 'perSecond') / of(constant, 'perSecond')
      results.push({ name, bytes, ours, constant, ratio })
      rows.push([
        name,
        `${bytes}`,
        of(ours, 'perSecond').toFixed(0),
        of(ours, 'p50Ms').toFixed(2),
        of(ours, 'p99Ms').toFixed(2),
        of(constant, 'perSecond').toFixed(0),
        of(constant, 'p99Ms').toFixed(2),
        ratio.toFixed(2),
      ])
    }
    console.log(`${ALLOCATIONS} allocations, ${CHANGES} changes, ${ASKERS} askers; median of ${PASSES} passes`)
    const heads = ['question', 'bytes', 'req/s', 'p50 ms', 'p99 ms', 'constant req/s', 'p99 ms', 'ratio']
    console.log(table(heads, rows))
    console.log('one at a time, read in place (the turn waits for all of it) and on a thread of its own')
    console.log(table(['question', 'in place ms', 'over the thread ms'], thread.rows))
    console.log(writeReport('api', { allocations: ALLOCATIONS, changes: CHANGES, results, thread: thread.figures }))
    return true
  } finally {
    for (const child of children) child.kill()
    await Promise.all(children.map(({ exited }) => exited))
    rmSync(folder, { recursive: true })
  }
}

function prepare(folder: string): void {
  mkdirSync(folder, { recursive: true })
  const entry = {
    nodeSubnets: ['10.200.0.0/16'],
    ips: [`${FIRST}~10.1.255.255`],
    subnet: '10.0.0.0/8',
    gateway: '10.255.255.1',
  }
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ schedule_plugin: { floatingips: [entry] } }))
  const file = openLedgerFile(folder)
  fillAllocations(file.db, ALLOCATIONS)
  fillHistory(file.db, CHANGES, ALLOCATIONS, Date.parse('2026-01-01T00:00:00Z'))
  file.close()
}

async function load(url: (n: number) => string): Promise<Figure> {
  const latencies: number[] = []
  const began = performance.now()
  let next = 0
  async function asker(): Promise<void> {
    while (performance.now() - began < PASS_MS) {
      const from = performance.now()
      const answer = await fetch(url(next++))
      await answer.arrayBuffer()
      if (!answer.ok) throw new Error(`${answer.url}: ${answer.status}`)
      latencies.push(performance.now() - from)
    }
  }
  await Promise.all(Array.from({ length: ASKERS }, asker))
  const seconds = (performance.now() - began) / 1000
  latencies.sort((a, b) => a - b)
  const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? Number.NaN
  return { perSecond: latencies.length / seconds, p50Ms: at(0.5), p99Ms: at(0.99) }
}

/** The same questions asked in place and of the thread; one at a time, so that waiting in line does not count. */
async function threadFigures(path: string) {
  const reads = openReads(path)
  const thread = readingThread(path)
  const search = (fields: Partial<Search>): Search => ({
    sort: 'ip',
    descending: false,
    offset: 0,
    limit: 10,
    ...fields,
  })
  const questions: Record<string, Search> = {
    'list: an app of 100 addresses': search({ workload: 'app-7', kind: 'sts' }),
    'list: a namespace of 2,000': search({ namespace: 'namespace-7' }),
    'list: keyword that all have': search({ keyword: 'sts_' }),
    'list: 9,999 of a namespace and kind': search({ kind: 'sts', limit: 9_999 }),
  }
  const figures: { name: string; inPlaceMs: number; threadMs: number }[] = []
  for (const [name, question] of Object.entries(questions)) {
    const inPlace: number[] = []
    const over: number[] = []
    for (let n = 0; n < 60; n++) {
      let from = performance.now()
      reads.search(question)
      inPlace.push(performance.now() - from)
      from = performance.now()
      await thread.search(question)
      over.push(performance.now() - from)
    }
    figures.push({ name, inPlaceMs: median(inPlace), threadMs: median(over) })
  }
  await thread.rest()
  const rows = figures.map(({ name, inPlaceMs, threadMs }) => [name, inPlaceMs.toFixed(3), threadMs.toFixed(3)])
  return { figures, rows }
}

async function until(what: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (await what().catch(() => false)) return
    await Bun.sleep(20)
  }
  throw new Error('the server does not come up')
}
