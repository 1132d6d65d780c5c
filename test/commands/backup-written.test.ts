/** Owns that a backup is called one only when all of it was written. */
import { afterAll, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { floatip } from './child.ts'

const BYTES = 3_000_000
const content = Buffer.alloc(BYTES, 'ledger ')
const api = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response(content) })
const dir = mkdtempSync(join(tmpdir(), 'floatip-backup-'))
afterAll(async () => {
  await api.stop(true)
  rmSync(dir, { recursive: true, force: true })
})
const server = `--server=http://127.0.0.1:${api.port}`

test('a disk that takes a part of the last piece: no backup, and it is told', async () => {
  const file = join(dir, 'ledger.db')
  // Blocks of 512 bytes: the last write is a short one, as on a disk that is full.
  const limit = `trap '' XFSZ; ulimit -f ${Math.floor(BYTES / 512)}; exec "$0" "$@"`
  const words = [process.execPath, join(import.meta.dir, '../../src/main.ts'), 'backup', file, server]
  const child = Bun.spawn(['sh', '-c', limit, ...words], { stdout: 'pipe', stderr: 'pipe' })
  expect(await new Response(child.stdout).text()).toBe('')
  expect(await new Response(child.stderr).text()).toContain('could not be written: EFBIG')
  expect(await child.exited).toBe(1)
  expect(existsSync(file)).toBe(false)
})

test('on the standard output: whole, to a reader that takes its time', async () => {
  const child = floatip(['backup', '-', server])
  const reader = child.stdout.getReader()
  let bytes = 0
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    bytes += read.value.length
    if (bytes < 300_000) await Bun.sleep(100)
  }
  expect(bytes).toBe(BYTES)
  expect(await child.exited).toBe(0)
})

test('on a standard output that is full: a failure, and it is told', async () => {
  const child = floatip(['backup', '-', server], openSync('/dev/full', 'w'))
  expect(await child.exited).toBe(1)
  expect(await new Response(child.stderr).text()).toContain('ENOSPC')
})

test('on a standard output whose reader goes away: without a stack trace', async () => {
  const child = floatip(['backup', '-', server])
  const reader = child.stdout.getReader()
  await reader.read()
  await reader.cancel()
  expect(await child.exited).toBe(1)
  expect((await new Response(child.stderr).text()).split('\n').length).toBeLessThan(3)
})
