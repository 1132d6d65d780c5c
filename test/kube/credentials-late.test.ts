/** Owns the proof that credentials which do not come hold nobody up: a request keeps its limits, and a plugin is left in peace. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Fault } from '../../src/lib/fault.ts'
import { type FakeApi, fakeApi } from './api-server.ts'
import { makeCerts } from './certs.ts'
import { connectTo, failureOf, kubeconfig } from './fixtures.ts'

const certs = makeCerts()
const pods = { method: 'GET', path: '/api/v1/pods' } as const
let server: FakeApi

beforeAll(async () => {
  server = await fakeApi(certs)
  server.answer = () => ({ body: {} })
})
afterAll(() => server.stop())

function plugin(name: string, script: string): string {
  const file = join(certs.folder, name)
  writeFileSync(file, `#!/bin/sh\n${script}\n`)
  chmodSync(file, 0o755)
  return file
}

test('a plugin that hangs: a request ends within its time, a watch when it is given up, and nothing is sent', async () => {
  const exec = { command: plugin('hang', 'exec sleep 5') }
  const { api } = connectTo(kubeconfig(certs, server.url, { exec }))
  const leaving = new AbortController()
  const began = performance.now()
  const watch = failureOf(api.stream({ path: '/api/v1/pods', signal: leaving.signal }))
  const failure = await failureOf(api.request({ ...pods, timeoutMs: 200 }))
  leaving.abort()
  expect(failure).toBeInstanceOf(Fault)
  expect(String(failure)).toBe('Fault: GET /api/v1/pods: no credentials in time: silence for 200 ms')
  expect(String(await watch)).toContain('no credentials in time: given up by the caller')
  expect(performance.now() - began).toBeLessThan(2_000)
  expect(server.asked).toEqual([])
})

test('a plugin that begins to fail is asked once a second, not for each request', async () => {
  const runs = join(certs.folder, 'runs')
  const first = `{"status":{"token":"one","expirationTimestamp":"2020-01-01T00:00:00Z"}}`
  const exec = {
    command: plugin('fail-later', `[ -e ${runs} ]; was=$?; echo x >> ${runs}; [ $was = 1 ] && echo '${first}'`),
  }
  let now = 0
  const { api } = connectTo(kubeconfig(certs, server.url, { exec }), () => now)
  await api.request(pods)
  now += 1_000
  for (let at = 0; at < 5; at++) await api.request(pods)
  expect(readFileSync(runs, 'utf8')).toBe('x\nx\n')
  now += 1_000
  await api.request(pods)
  expect(readFileSync(runs, 'utf8')).toBe('x\nx\nx\n')
})
