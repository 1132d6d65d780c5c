/** The binary alone: it needs no file beside it and no environment. */
import { afterAll, expect, test } from 'bun:test'
import { copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CHROMIUM, visit } from '../http/browser.ts'
import { FLOATIP } from './harness/cluster.ts'
import { freePorts } from './harness/floatip.ts'
import { eventually } from './harness/kube.ts'

const folder = mkdtempSync(join(tmpdir(), 'floatip-alone-'))
let running: Bun.Subprocess | null = null
afterAll(async () => {
  running?.kill('SIGKILL')
  await running?.exited
  rmSync(folder, { recursive: true })
})
const alone = join(folder, 'floatip')
copyFileSync(FLOATIP, alone)

async function run(args: string[], cwd = folder): Promise<{ code: number; out: string; err: string }> {
  const child = Bun.spawn([alone, ...args], { cwd, env: {}, stdout: 'pipe', stderr: 'pipe' })
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { code, out, err }
}

test('in an empty directory with an empty environment it tells its version, of the commit that it was built from', async () => {
  const { code, out } = await run(['version'])
  const commit = Bun.spawnSync(['git', 'rev-parse', '--short', 'HEAD'], { cwd: import.meta.dir })
    .stdout.toString()
    .trim()
  expect(code).toBe(0)
  expect(out).toMatch(/^floatip \d+\.\d+\.\d+ \([0-9a-f]+\), Bun \d/)
  expect(out).toContain(`(${commit})`)
  expect(readdirSync(folder)).toEqual(['floatip'])
})

test('every command has its help', async () => {
  for (const command of [[], ['serve'], ['demo']]) {
    const { code, out } = await run([...command, '--help'])
    expect({ command, code }).toEqual({ command, code: 0 })
    expect(out).toContain('Usage: floatip')
  }
})

test('neither a .env nor a bunfig.toml of the working directory has a say', async () => {
  const elsewhere = mkdtempSync(join(tmpdir(), 'floatip-trap-'))
  writeFileSync(join(elsewhere, 'trap.ts'), 'console.log("TRAPPED"); process.exit(9)')
  writeFileSync(join(elsewhere, 'bunfig.toml'), 'preload = ["./trap.ts"]\n')
  writeFileSync(join(elsewhere, '.env'), 'KUBERNETES_SERVICE_HOST=trap\n')
  const { code, out } = await run(['version'], elsewhere)
  rmSync(elsewhere, { recursive: true })
  expect({ code, trapped: out.includes('TRAPPED') }).toEqual({ code: 0, trapped: false })
})

test('its WASM, SQL and ports are in it: it starts, answers, is not ready without a cluster, and ends on SIGTERM', async () => {
  const [port = 0, apiPort = 0, nobody = 0] = await freePorts(3)
  const data = join(folder, 'data')
  const args = ['serve', '--master', `http://127.0.0.1:${nobody}`, '--bind', '127.0.0.1']
  const child = Bun.spawn([alone, ...args, '--port', `${port}`, '--api-port', `${apiPort}`, '--data-dir', data], {
    cwd: folder,
    env: {},
    stdout: 'ignore',
    stderr: 'ignore',
  })
  running = child
  const alive = () => fetch(`http://127.0.0.1:${apiPort}/livez`).then(reply => reply.text())
  expect(await eventually('alive', alive)).toBe('ok')
  for (const ready of [`http://127.0.0.1:${apiPort}/readyz`, `http://127.0.0.1:${port}/healthy`]) {
    const reply = await fetch(ready)
    expect(reply.status).toBe(503)
    expect(await reply.text()).toMatch(/^waiting for leadership: .*nothing listens there/)
  }

  // What is read beside the turn is read on a thread of its own, whose file is in the binary too; and so is the reference page.
  const api = (path: string) => fetch(`http://127.0.0.1:${apiPort}${path}`)
  expect(await (await api('/v1/history?namespace=default')).json()).toMatchObject({ totalElements: 0 })
  expect((await api('/v1/ip?namespace=default')).status).toBe(503)
  expect(new Uint8Array(await (await api('/v1/backup')).arrayBuffer()).subarray(0, 15)).toEqual(
    new TextEncoder().encode('SQLite format 3'),
  )
  for (const path of ['/docs', '/docs/start.js', '/docs/swagger-ui.css', '/docs/swagger-ui-bundle.js', '/docs/json']) {
    const answer = await api(path)
    expect({ path, status: answer.status }).toEqual({ path, status: 200 })
    expect((await answer.text()).length).toBeGreaterThan(200)
  }
  if (CHROMIUM !== undefined)
    await visit(`http://127.0.0.1:${apiPort}/docs`, async ({ page, outside, errors }) => {
      await page.waitForSelector('.opblock')
      expect({ outside, errors }).toEqual({ outside: [], errors: [] })
    })
  // It follows the changes until floatip ends, and is told then.
  const followed = (await api('/v1/events')).text()

  const second = await run([...args, '--port', '0', '--api-port', '0', '--data-dir', data])
  expect(second.code).toBe(3)
  expect(second.err).toContain('another floatip process uses the ledger')

  child.kill('SIGTERM')
  expect(await child.exited).toBe(0)
  expect(await followed).toEndWith('event: cut\ndata: {"because":"floatip stops"}\n\n')
  expect(readdirSync(data).sort()).toEqual(['ledger.db', 'ledger.lock'])
})
