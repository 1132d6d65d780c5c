/** Owns the suite `start`: how long the compiled binary takes until it is ready with a ledger of a size, and the memory that it then has. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FLOATIP } from '../test/e2e/harness/cluster.ts'
import { freePorts } from '../test/e2e/harness/floatip.ts'
import { median } from './lib/median.ts'
import { writeReport } from './lib/report.ts'
import { table } from './lib/table.ts'

/** With one address in ten kept for no pod: 10,000 and 100,000 allocations. */
const PODS = [9_000, 90_000]
const NODES = 5_000
const ROUNDS = 5
const LOOK_MS = 5
/** The first start adopts all of it. */
const FIRST_LIMIT_MS = 120_000
/** After ready: what the lists left behind is collected. */
const SETTLE_MS = 5_000

interface Started {
  readonly readyMs: number
  /** User and system, of all threads, until ready. */
  readonly cpuMs: number
  readonly rssMb: number
  readonly rssPeakMb: number
}

export async function startSuite(): Promise<boolean> {
  const versionMs: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const began = performance.now()
    await Bun.spawn([FLOATIP, 'version'], { stdout: 'ignore' }).exited
    versionMs.push(performance.now() - began)
  }
  const sizeMb = statSync(FLOATIP).size / 1e6
  console.log(`the binary has ${sizeMb.toFixed(0)} MB; \`floatip version\` takes ${median(versionMs).toFixed(0)} ms`)
  const results = []
  for (const pods of PODS) results.push({ pods, started: await startsWith(pods) })
  const of = (started: readonly Started[], what: keyof Started) => median(started.map(each => each[what])).toFixed(0)
  const rows = results.map(({ pods, started }) => [
    `${pods + pods / 9}`,
    ...(['readyMs', 'cpuMs', 'rssMb', 'rssPeakMb'] as const).map(what => of(started, what)),
  ])
  console.log(
    `${NODES} nodes, nine pods in ten allocations; the API server answers from the memory of another process; median of ${ROUNDS}`,
  )
  console.log(table(['allocations', 'ready after ms', 'CPU until then ms', 'RSS MB', 'RSS peak MB'], rows))
  console.log(writeReport('start', { sizeMb, versionMs, nodes: NODES, results }))
  return true
}

async function startsWith(pods: number): Promise<readonly Started[]> {
  const folder = mkdtempSync(join(tmpdir(), 'floatip-bench-'))
  const script = join(import.meta.dir, 'resync.server.ts')
  const server = Bun.spawn([process.execPath, script, `${pods}`, `${NODES}`], { stdin: 'pipe', stdout: 'pipe' })
  try {
    const { value } = await server.stdout.pipeThrough(new TextDecoderStream()).getReader().read()
    const { url } = JSON.parse(value ?? '{}') as { url: string }
    writeFileSync(join(folder, 'config.json'), '{}')
    await start(folder, url, FIRST_LIMIT_MS)
    const started: Started[] = []
    for (let round = 0; round < ROUNDS; round++) started.push(await start(folder, url, FIRST_LIMIT_MS))
    return started
  } finally {
    server.stdin.end()
    await server.exited
    rmSync(folder, { recursive: true })
  }
}

async function start(folder: string, master: string, limitMs: number): Promise<Started> {
  const [port = 0, apiPort = 0] = await freePorts(2)
  const began = performance.now()
  const child = Bun.spawn(
    [
      ...[FLOATIP, 'serve', '--master', master, '--config', join(folder, 'config.json'), '--data-dir', folder],
      ...['--bind', '127.0.0.1', '--port', `${port}`, '--api-port', `${apiPort}`],
      ...['--leader-elect=false', '--log-level=warn'],
    ],
    { stdout: 'ignore', stderr: 'inherit' },
  )
  try {
    while (!(await isReady(apiPort))) {
      if (performance.now() - began > limitMs || child.exitCode !== null) throw new Error('floatip does not get ready')
      await Bun.sleep(LOOK_MS)
    }
    const readyMs = performance.now() - began
    const cpuMs = cpuOf(child.pid)
    await Bun.sleep(SETTLE_MS)
    return { readyMs, cpuMs, rssMb: statusMb(child.pid, 'VmRSS'), rssPeakMb: statusMb(child.pid, 'VmHWM') }
  } finally {
    child.kill()
    await child.exited
  }
}

async function isReady(apiPort: number): Promise<boolean> {
  return await fetch(`http://127.0.0.1:${apiPort}/readyz`).then(
    ({ status }) => status === 200,
    () => false,
  )
}

/** utime + stime of /proc/<pid>/stat, in clock ticks of 10 ms. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}

function statusMb(pid: number, name: string): number {
  const line = readFileSync(`/proc/${pid}/status`, 'utf8')
    .split('\n')
    .find(each => each.startsWith(name))
  return Number(line?.match(/\d+/)?.[0] ?? Number.NaN) / 1000
}
