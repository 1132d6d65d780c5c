/** Owns the binary of the test control plane: built once per state of this folder's Go files, kept in a cache outside the tree. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { availableParallelism, homedir } from 'node:os'
import { join } from 'node:path'

const FOLDER = import.meta.dir
const VERSION = 'k8s.io/component-base/version'
const LDFLAGS = `-s -w -X ${VERSION}.gitVersion=v1.37.2 -X ${VERSION}.gitMajor=1 -X ${VERSION}.gitMinor=37`
const FIRST_BUILD_LIMIT_MS = 60 * 60_000

/** Why there can be no control plane here, or null. */
export function whyNoControlPlane(): string | null {
  if (process.platform !== 'linux') return `it needs Linux, this is ${process.platform}`
  if (Bun.which('go') === null) return 'go is not on PATH'
  return null
}

/** The path of the binary, built first where necessary (7-10 minutes once); null where it cannot be built. */
export async function controlplaneBinary(): Promise<string | null> {
  return whyNoControlPlane() === null ? await cached('controlplane', []) : null
}

/** kubectl of the same Kubernetes, in a binary of its own: only for people who look into a test cluster. */
export async function kubectlBinary(): Promise<string | null> {
  return whyNoControlPlane() === null ? await cached('controlplane-with-kubectl', ['-tags', 'kubectl']) : null
}

function cacheFolder(): string {
  const base =
    process.env.FLOATIP_TEST_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'floatip-test')
  return join(base, `controlplane-${hash()}`)
}

function hash(): string {
  const sum = createHash('sha256').update(LDFLAGS)
  for (const name of readdirSync(FOLDER).sort()) {
    if (!/\.(go|yaml)$|^go\.(mod|sum)$/.test(name)) continue
    sum.update(`\0${name}\0`).update(readFileSync(join(FOLDER, name)))
  }
  return sum.digest('hex').slice(0, 16)
}

async function cached(name: string, flags: string[]): Promise<string> {
  const folder = cacheFolder()
  const binary = join(folder, name)
  if (existsSync(binary)) return binary
  mkdirSync(folder, { recursive: true })
  const lock = join(folder, `${name}.lock`)
  await lockOrBinary(lock, binary)
  try {
    if (!existsSync(binary)) await build(binary, flags)
  } finally {
    rmSync(lock, { force: true })
  }
  return binary
}

/** Two test files that start together build once: the second waits for the first, unless that one has died. */
async function lockOrBinary(lock: string, binary: string): Promise<void> {
  const giveUp = Date.now() + FIRST_BUILD_LIMIT_MS
  while (!existsSync(binary)) {
    try {
      writeFileSync(lock, `${process.pid}`, { flag: 'wx' })
      return
    } catch (error) {
      if (!existsSync(lock)) continue
      if (!holderLives(lock)) rmSync(lock, { force: true })
      else if (Date.now() > giveUp) throw error
      else await Bun.sleep(500)
    }
  }
}

function holderLives(lock: string): boolean {
  try {
    const holder = Number(readFileSync(lock, 'utf8'))
    if (holder === 0) return Date.now() - statSync(lock).mtimeMs < 5000
    process.kill(holder, 0)
    return true
  } catch {
    return false
  }
}

async function build(binary: string, flags: string[]): Promise<void> {
  console.error('building the test control plane with Go: 7-10 minutes the first time, seconds after a change')
  const temporary = `${binary}.${process.pid}`
  const jobs = `-p=${Math.min(availableParallelism(), 4)}`
  const command = ['go', 'build', '-buildvcs=false', jobs, '-ldflags', LDFLAGS, ...flags, '-o', temporary, '.']
  const nice = Bun.which('nice')
  const child = Bun.spawn(nice === null ? command : [nice, '-n', '10', ...command], {
    cwd: FOLDER,
    // Without cgo no C compiler is needed, and the binary runs on any Linux that shares the cache.
    env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off' },
    stdout: 'ignore',
    stderr: 'inherit',
  })
  const code = await child.exited
  if (code !== 0) {
    rmSync(temporary, { force: true })
    throw new Error(`go build ended with ${code}`)
  }
  renameSync(temporary, binary)
}

if (import.meta.main) {
  const wantsKubectl = process.argv.includes('--kubectl')
  const binary = wantsKubectl ? await kubectlBinary() : await controlplaneBinary()
  if (binary === null) {
    console.error(`no control plane here: ${whyNoControlPlane()}`)
    process.exit(1)
  }
  console.log(binary)
}
