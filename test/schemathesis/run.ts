/** Owns the run of schemathesis (PyPI, pinned, seeded, every check) on a composed floatip; prints what it skips where it cannot be had. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { closeWorlds } from '../app/world.ts'
import { stage } from './stage.ts'

const VERSION = '4.32.5'
const SEED = Number(process.env.FLOATIP_SEED ?? 20261124)
/** Cases of each kind for an operation: the whole run takes some ten seconds. */
const EXAMPLES = 25

/** Left out, and why. */
const SKIPPED: Readonly<Record<string, string>> = {
  'GET /v1/events': 'it never ends; test/http/events.test.ts reads it',
}

/** What the schema allows and floatip refuses with a 400 that says why: more than JSON Schema can tell, or than galaxy's texts allow it to. */
const REFUSES_MORE: Readonly<Record<string, string>> = {
  'GET /v1/ip': 'sort is a text: what it may be is said in words, as galaxy-ipam has it',
  'POST /v1/ip': 'an address is a text',
  'GET /v1/ip/{address}': 'an address is a text',
  'GET /v1/ip/{address}/history': 'an address and a time are texts; at excludes from and to',
  'GET /v1/history': 'an address and a time are texts; at excludes from and to',
  'POST /v1/pool': 'a name must be one of Kubernetes',
  'POST /v1/import': 'addresses and owner keys are texts',
  'POST /v1/plan': 'exactly one question, about what may be named so',
  'POST /v1/reservations': 'who and which go together in ways that the description tells',
}

const cache =
  process.env.FLOATIP_TEST_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'floatip-test')

async function quietly(...command: string[]): Promise<boolean> {
  try {
    return (await Bun.spawn(command, { stdout: 'ignore', stderr: 'ignore' }).exited) === 0
  } catch {
    return false
  }
}

/** Its program in an environment of its own, installed once; null: it cannot be had. */
async function installed(): Promise<string | null> {
  const venv = join(cache, `schemathesis-${VERSION}`)
  const program = join(venv, 'bin', 'st')
  if (existsSync(program) && (await quietly(program, '--version'))) return program
  mkdirSync(cache, { recursive: true })
  const done =
    (await quietly('python3', '-m', 'venv', '--clear', venv)) &&
    (await quietly(join(venv, 'bin', 'pip'), 'install', '--quiet', `schemathesis==${VERSION}`))
  return done ? program : null
}

function configuration(): string {
  const table = (name: string, why: string, line: string) =>
    `# ${why}\n[[operations]]\ninclude-name = ${JSON.stringify(name)}\n${line}\n`
  return [
    '[checks]\nenabled = true\n',
    ...Object.entries(SKIPPED).map(([name, why]) => table(name, why, 'enabled = false')),
    ...Object.entries(REFUSES_MORE).map(([name, why]) =>
      table(name, why, 'checks.positive_data_acceptance.enabled = false'),
    ),
  ].join('\n')
}

async function main(): Promise<number> {
  const program = await installed()
  if (program === null) {
    console.log(`skipped: API description: schemathesis ${VERSION} needs python3 with venv, and a package index`)
    console.log('api description: 0 operations passed, 0 failed, 1 skipped')
    return 0
  }
  const { world, url } = await stage()
  const folder = join(world.dir, 'schemathesis')
  mkdirSync(folder)
  const config = join(folder, 'schemathesis.toml')
  writeFileSync(config, configuration())
  const seeded = ['--seed', `${SEED}`, '--max-examples', `${EXAMPLES}`]
  const child = Bun.spawn(
    [program, '--config-file', config, 'run', `${url}/docs/json`, ...seeded, '--continue-on-failure', '--no-color'],
    { cwd: folder, stdout: 'pipe', stderr: 'pipe' },
  )
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  console.log(out + err)
  const tested = Number(/Tested: (\d+)/.exec(out)?.[1] ?? 0)
  const failed = new Set(out.match(/^_{3,} [A-Z]+ \S+ _{3,}$/gm)).size
  const errors = [...world.logged.filter(line => line.startsWith('error')), ...world.bugs.map(String)]
  for (const error of errors) console.log(`floatip logged: ${error}`)
  await world.apiPort.stop(true)
  await closeWorlds()
  const wrong = Math.max(failed, errors.length, code === 0 ? 0 : 1)
  for (const [name, why] of Object.entries(SKIPPED)) console.log(`skipped: ${name}: ${why}`)
  for (const [name, why] of Object.entries(REFUSES_MORE)) console.log(`exception: ${name}: ${why}`)
  console.log(
    `api description: ${tested - failed} operations passed, ${wrong} failed, ${Object.keys(SKIPPED).length} skipped`,
  )
  return tested > 0 && wrong === 0 ? 0 : 1
}

process.exit(await main())
