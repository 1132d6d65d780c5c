/** Owns how the end-to-end scenarios are run: `bun test/e2e/run.ts [--no-controlplane] [name of a file …]`. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { controlplaneBinary } from '../controlplane/build.ts'
import { FLOATIP, whyDemo } from './harness/cluster.ts'

const FOLDER = import.meta.dir
const args = process.argv.slice(2)
const names = args.filter(arg => !arg.startsWith('--'))
if (args.includes('--no-controlplane')) process.env.FLOATIP_NO_CONTROLPLANE = '1'

if (!existsSync(FLOATIP)) {
  console.error(`${FLOATIP} is not there: build it first`)
  process.exit(1)
}
// Here and not in a test's beforeAll: the first time it takes minutes.
const why = whyDemo()
if (why === null) await controlplaneBinary()
else console.error(`skipped: scenarios that only a real control plane can play: ${why}`)

// bunfig.toml keeps these files from plain `bun test`; here they are what is wanted.
const command = [process.execPath, 'test', '--path-ignore-patterns=none', '--timeout=120000']
const files =
  names.length === 0 ? ['./test/e2e/'] : names.map(name => `./test/e2e/${name.replace(/\.test\.ts$/, '')}.test.ts`)
const child = Bun.spawn([...command, ...files], {
  cwd: join(FOLDER, '../..'),
  env: { ...process.env },
  stdio: ['inherit', 'inherit', 'inherit'],
})
process.exit(await child.exited)
