/** Owns the test command: every suite in order, their counts read from their own closing lines, one line at the end. */
import { installDebian } from './debian.ts'

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
}

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

const SUITES: readonly Suite[] = [
  { name: 'unit, contract, fuzz, golden, simulator', command: [bun, 'test', '--timeout=60000'], read: readBunTest },
  { name: 'API description', command: [bun, 'test/schemathesis/run.ts'], read: readDescription },
  { name: 'demo', command: ['dist/floatip', 'demo', '--fast'], read: readDemo },
  {
    name: 'end to end',
    command: [bun, 'test/e2e/run.ts'],
    read: readBunTest,
  },
]

async function run(command: readonly string[]): Promise<{ code: number; output: string }> {
  const env = { ...process.env, ...(noControlPlane && { FLOATIP_NO_CONTROLPLANE: '1' }), NO_COLOR: '1' }
  const child = Bun.spawn([...command], { stdout: 'pipe', stderr: 'pipe', env })
  const chunks: string[] = []
  async function relay(stream: ReadableStream<Uint8Array>) {
    const decoder = new TextDecoder()
    for await (const chunk of stream) {
      const text = decoder.decode(chunk, { stream: true })
      chunks.push(text)
      process.stdout.write(text)
    }
  }
  await Promise.all([relay(child.stdout), relay(child.stderr)])
  return { code: await child.exited, output: chunks.join('') }
}

const total = { passed: 0, failed: 0, skipped: 0 }
const broken: string[] = []

for (const line of await installDebian()) process.stdout.write(`${line}\n`)
for (const script of ['build:core', 'check', 'build']) {
  process.stdout.write(`\n── ${script}\n`)
  if ((await run([bun, 'run', script])).code !== 0) broken.push(script)
}
for (const { name, command, read } of SUITES) {
  process.stdout.write(`\n── ${name}\n`)
  const { code, output } = await run(command)
  const counts = read(output)
  if (counts === null) broken.push(`${name}: no closing line`)
  else {
    total.passed += counts.passed
    total.failed += counts.failed
    total.skipped += counts.skipped
  }
  if (code !== 0 && (counts?.failed ?? 0) === 0) broken.push(`${name}: exit code ${code}`)
}

for (const what of broken) process.stdout.write(`\nFAILED: ${what}\n`)
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : ''
process.stdout.write(`\n${total.passed} passed, ${total.failed + broken.length} failed${skipped}\n`)
process.exit(broken.length > 0 || total.failed > 0 || total.passed === 0 ? 1 : 0)
