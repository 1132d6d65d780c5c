/** Owns how the end-to-end scenarios are run: `bun test/e2e/run.ts [--no-controlplane] [name of a file …]`; a process and a cluster per file, some beside each other. */
import { existsSync, readdirSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { controlplaneBinary } from '../controlplane/build.ts'
import { FLOATIP, whyDemo } from './harness/cluster.ts'

const FOLDER = import.meta.dir
const SUFFIX = '.test.ts'
/** What asserts how long something takes has the machine to itself, after all others. */
const ALONE: ReadonlySet<string> = new Set(['burst', 'lives', 'waiting'])
/** These take minutes and begin first, so that nobody waits for one of them in the end. */
const LONG: readonly string[] = ['chaos', 'promises', 'definitions', 'backup', 'rollout']
/** Scenarios mostly wait: for a resync, a lease, the scheduler's back-off. A cluster at rest needs a fifth of a core and 1 GB. */
const BESIDE = Math.min(3, Math.max(1, cpus().length))
/** The longest file takes some four minutes on two quiet cores. */
const FILE_LIMIT_MS = 15 * 60_000
const END_MS = 10_000

interface Played {
  readonly name: string
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly seconds: number
  readonly output: string
}

const args = process.argv.slice(2)
const asked = args.filter(arg => !arg.startsWith('--')).map(name => name.replace(SUFFIX, ''))
if (args.includes('--no-controlplane')) process.env.FLOATIP_NO_CONTROLPLANE = '1'

if (!existsSync(FLOATIP)) {
  console.error(`${FLOATIP} is not there: build it first`)
  process.exit(1)
}
// Here and not in a test's beforeAll: the first time it takes minutes.
const why = whyDemo()
if (why === null) await controlplaneBinary()
else console.log(`skipped: scenarios that only a real control plane can play: ${why}`)

const running = new Set<Bun.Subprocess>()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    for (const child of running) child.kill('SIGKILL')
    process.exit(1)
  })
}

/** Plays one file and keeps what it says, so that files beside each other are read one after the other. */
async function play(name: string): Promise<Played> {
  const from = performance.now()
  const chunks: string[] = []
  // bunfig.toml keeps these files from plain `bun test`; here they are what is wanted.
  const command = [process.execPath, 'test', '--path-ignore-patterns=none', '--timeout=120000']
  const child = Bun.spawn([...command, `./test/e2e/${name}${SUFFIX}`], {
    cwd: join(FOLDER, '../..'),
    env: { ...process.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  async function keep(stream: ReadableStream<Uint8Array>) {
    const decoder = new TextDecoder()
    for await (const chunk of stream) chunks.push(decoder.decode(chunk, { stream: true }))
  }
  const work = Promise.all([keep(child.stdout), keep(child.stderr), child.exited]).then(([, , code]) => code)
  let code = await Promise.race([work, Bun.sleep(FILE_LIMIT_MS).then(() => null)])
  if (code === null) {
    chunks.push(`\n(fail) ${name}: not at its end after ${FILE_LIMIT_MS / 60_000} minutes, so it was ended: it hangs\n`)
    child.kill('SIGKILL')
    // Its cluster ends when its standard input does.
    code = await Promise.race([work.then(() => 1), Bun.sleep(END_MS).then(() => 1)])
  }
  running.delete(child)
  const output = chunks.join('')
  const count = (word: string) => Number(new RegExp(`^\\s*(\\d+) ${word}$`, 'm').exec(output)?.[1] ?? 0)
  const ended = /^Ran \d+ tests? across \d+ files?\./m.test(output)
  // A file without a closing line, or that ends badly after its tests, has failed once more.
  const failed = count('fail') + (ended && (code === 0 || count('fail') > 0) ? 0 : 1)
  const seconds = (performance.now() - from) / 1_000
  return { name, passed: count('pass'), failed, skipped: count('skip') + count('todo'), seconds, output }
}

async function playAll(names: readonly string[], beside: number): Promise<Played[]> {
  const left = [...names]
  const played: Played[] = []
  async function lane() {
    for (let name = left.shift(); name !== undefined; name = left.shift()) {
      const one = await play(name)
      played.push(one)
      console.log(`${one.output.trim()}\n── ${name}: ${one.seconds.toFixed(0)} s\n`)
    }
  }
  await Promise.all(Array.from({ length: beside }, lane))
  return played
}

function inOrder(names: readonly string[]): string[] {
  const rank = (name: string) => (LONG.includes(name) ? LONG.indexOf(name) : LONG.length)
  return names.toSorted((a, b) => rank(a) - rank(b) || a.localeCompare(b))
}

const all = readdirSync(FOLDER)
  .filter(file => file.endsWith(SUFFIX))
  .map(file => file.replace(SUFFIX, ''))
const unknown = asked.filter(name => !all.includes(name))
if (unknown.length > 0) {
  console.error(`no such file in test/e2e: ${unknown.join(', ')}`)
  process.exit(1)
}
const wanted = inOrder(asked.length === 0 ? all : asked)
const played = [
  ...(await playAll(
    wanted.filter(name => !ALONE.has(name)),
    BESIDE,
  )),
  ...(await playAll(
    wanted.filter(name => ALONE.has(name)),
    1,
  )),
]
const sum = (of: (one: Played) => number) => played.reduce((total, one) => total + of(one), 0)
for (const { name, seconds } of played.toSorted((a, b) => b.seconds - a.seconds).slice(0, 5)) {
  console.log(`among the longest: ${name}, ${seconds.toFixed(0)} s`)
}
const bad = played.filter(one => one.failed > 0).map(one => one.name)
if (bad.length > 0) console.log(`failed in: ${bad.join(', ')}`)
console.log(
  `end to end: ${sum(one => one.passed)} scenarios passed, ${sum(one => one.failed)} failed, ${sum(one => one.skipped)} skipped`,
)
process.exit(bad.length > 0 || sum(one => one.passed) === 0 ? 1 : 0)
