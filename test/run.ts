/** Owns the test command: every suite in order, their counts read from their own closing lines, one line at the end. */
import { availableParallelism } from 'node:os'
import { installDebian } from './debian.ts'
import { failuresIn } from './failures.ts'

interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

interface Suite {
  readonly name: string
  readonly command: readonly string[]
  /** The counts that the suite itself printed; null: it did not come to its end. */
  readonly read: (output: string) => Counts | null
  /** What takes longer hangs: some three times what it needs on two busy cores. */
  readonly limitMs: number
}

const MINUTE_MS = 60_000
const LANES = Math.min(4, Math.max(2, availableParallelism()))
/** Building and checking: seconds, on a machine that has nothing yet a minute. */
const SCRIPT_LIMIT_MS = 10 * MINUTE_MS
/** From SIGTERM to SIGKILL, and from there until what it wrote is given up. */
const END_MS = 10_000

const bun = process.execPath
const noControlPlane = process.argv.includes('--no-controlplane')

/** ` 12 pass`, ` 0 fail`, `Ran 12 tests across 3 files.` */
function readBunTest(output: string): Counts | null {
  if (!/^Ran [1-9]\d* tests? across \d+ files?\./m.test(output)) return null
  const count = (word: string) => Number(new RegExp(`^\\s*(\\d+) ${word}$`, 'm').exec(output)?.[1] ?? 0)
  return { passed: count('pass'), failed: count('fail'), skipped: count('skip') + count('todo') }
}

/** `demo: 7 scenes passed, 0 failed` */
function readDemo(output: string): Counts | null {
  const line = /^demo: ([1-9]\d*) scenes? passed, (\d+) failed$/m.exec(output)
  return line === null ? null : { passed: Number(line[1]), failed: Number(line[2]), skipped: 0 }
}

/** `api description: 26 operations passed, 0 failed, 1 skipped` */
function readDescription(output: string): Counts | null {
  const line = /^api description: (\d+) operations? passed, (\d+) failed, (\d+) skipped$/m.exec(output)
  return line === null ? null : { passed: Number(line[1]), failed: Number(line[2]), skipped: Number(line[3]) }
}

/** `end to end: 180 scenarios passed, 0 failed, 3 skipped` */
function readScenarios(output: string): Counts | null {
  const line = /^end to end: (\d+) scenarios passed, (\d+) failed, (\d+) skipped$/m.exec(output)
  return line === null ? null : { passed: Number(line[1]), failed: Number(line[2]), skipped: Number(line[3]) }
}

const SUITES: readonly Suite[] = [
  {
    name: 'unit, contract, fuzz, golden, simulator',
    // Each file in a process as good as new: in one process for all, the later ones take thirty times as long as alone.
    command: [bun, 'test', '--timeout=60000', `--parallel=${LANES}`],
    read: readBunTest,
    limitMs: 20 * MINUTE_MS,
  },
  // It may be installed first.
  {
    name: 'API description',
    command: [bun, 'test/schemathesis/run.ts'],
    read: readDescription,
    limitMs: 10 * MINUTE_MS,
  },
  { name: 'demo', command: ['dist/floatip', 'demo', '--fast'], read: readDemo, limitMs: 5 * MINUTE_MS },
  // The first time the control plane is built in it.
  { name: 'end to end', command: [bun, 'test/e2e/run.ts'], read: readScenarios, limitMs: 40 * MINUTE_MS },
]

/** Its process group is ended with it: what it started must not outlive it. */
function endAll(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // Nobody is left.
  }
}

let current: number | null = null
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (current !== null) endAll(current, 'SIGTERM')
    process.exit(1)
  })
}

interface Ended {
  readonly code: number
  readonly output: string
  readonly hung: boolean
}

async function run(command: readonly string[], limitMs: number): Promise<Ended> {
  const env = { ...process.env, ...(noControlPlane && { FLOATIP_NO_CONTROLPLANE: '1' }), NO_COLOR: '1' }
  // A group of its own, so that it can be ended as a whole.
  const child = Bun.spawn([...command], { stdout: 'pipe', stderr: 'pipe', env, detached: true })
  current = child.pid
  const chunks: string[] = []
  async function relay(stream: ReadableStream<Uint8Array>) {
    const decoder = new TextDecoder()
    for await (const chunk of stream) {
      const text = decoder.decode(chunk, { stream: true })
      chunks.push(text)
      process.stdout.write(text)
    }
  }
  const work = Promise.all([relay(child.stdout), relay(child.stderr), child.exited]).then(([, , code]) => code)
  let code = await Promise.race([work, Bun.sleep(limitMs).then(() => null)])
  const hung = code === null
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (code !== null) break
    endAll(child.pid, signal)
    code = await Promise.race([work, Bun.sleep(END_MS).then(() => null)])
  }
  current = null
  return { code: code ?? 1, output: chunks.join(''), hung }
}

const total = { passed: 0, failed: 0, skipped: 0 }
const broken: string[] = []
const failures: string[] = []
/** `skipped: <what>: <why>`, as a suite says it on a line of its own. */
const reasons = new Set<string>()
const minutes = (ms: number) => `${(ms / MINUTE_MS).toFixed(1)} min`

async function step(name: string, command: readonly string[], limitMs: number): Promise<Ended> {
  process.stdout.write(`\n── ${name}\n`)
  const from = performance.now()
  const ended = await run(command, limitMs)
  if (ended.hung) broken.push(`${name}: not at its end after ${minutes(limitMs)}, so it was ended: it hangs`)
  for (const [line] of ended.output.matchAll(/^skipped: .*$/gm)) reasons.add(line)
  process.stdout.write(`── ${name}: ${minutes(performance.now() - from)}\n`)
  return ended
}

for (const line of await installDebian()) {
  process.stdout.write(`${line}\n`)
  if (line.startsWith('skipped: ')) reasons.add(line)
}
for (const script of ['build:core', 'check', 'build']) {
  const { code, hung } = await step(script, [bun, 'run', script], SCRIPT_LIMIT_MS)
  if (code !== 0 && !hung) broken.push(script)
}
for (const { name, command, read, limitMs } of SUITES) {
  const { code, output, hung } = await step(name, command, limitMs)
  const counts = read(output)
  failures.push(...failuresIn(output))
  if (counts !== null) {
    total.passed += counts.passed
    total.failed += counts.failed
    total.skipped += counts.skipped
  } else if (!hung) broken.push(`${name}: no closing line`)
  if (code !== 0 && !hung && (counts?.failed ?? 0) === 0) broken.push(`${name}: exit code ${code}`)
}

for (const failure of failures) process.stdout.write(`\n${failure}\n`)
if (reasons.size > 0) process.stdout.write(`\n${[...reasons].join('\n')}\n`)
for (const what of broken) process.stdout.write(`\nFAILED: ${what}\n`)
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : ''
process.stdout.write(`\n${total.passed} passed, ${total.failed + broken.length} failed${skipped}\n`)
process.exit(broken.length > 0 || total.failed > 0 || total.passed === 0 ? 1 : 0)
