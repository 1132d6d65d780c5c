/** Owns the proof that no secret reaches the log, at the most talkative level and whatever fails on the way to the API server. */
import { afterEach, describe, expect, test } from 'bun:test'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Answer, type FakeApi, fakeApi, status } from '../kube/api-server.ts'
import { makeCerts } from '../kube/certs.ts'
import { kubeconfig } from '../kube/fixtures.ts'
import { floatip } from './child.ts'

const certs = makeCerts()
const ended: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end()
})

const TOKEN = 'eyJhbGciOiJSUzI1NiJ9.topsecrettoken'
const PASSWORD = 'correct-horse-battery'
/** A line of the client's key: base64 of a certificate's key has no other like it. */
const KEY_LINE = certs.client.key.split('\n')[1] ?? 'no key'

/** All that floatip says until it ends, or for a second and a half after its first word. */
async function saidBy(args: readonly string[]): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'floatip-secrets-'))
  ended.push(() => rmSync(dir, { recursive: true, force: true }))
  const ports = ['--bind=127.0.0.1', '--port=0', '--api-port=0', `--data-dir=${dir}`]
  const child = floatip([...ports, '--log-level=debug', ...args])
  let said = ''
  let timer: ReturnType<typeof setTimeout> | null = null
  for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
    timer ??= setTimeout(() => child.kill('SIGTERM'), 1_500)
    said += text
  }
  if (timer !== null) clearTimeout(timer)
  return said + (await new Response(child.stdout).text())
}

function expectNoSecret(text: string): void {
  expect(text.length).toBeGreaterThan(20)
  const basic = Buffer.from(`me:${PASSWORD}`).toString('base64')
  for (const secret of [TOKEN, PASSWORD, KEY_LINE, basic, 'Bearer ', 'Authorization'])
    expect(text.includes(secret) ? secret : '').toBe('')
}

async function server(answer: Answer): Promise<FakeApi> {
  const api = await fakeApi(certs)
  api.answer = () => answer
  ended.push(() => api.stop())
  return api
}

function plugin(script: string): object {
  const command = join(certs.folder, `plugin-${Math.random()}`)
  writeFileSync(command, `#!/bin/sh\n${script}\n`)
  chmodSync(command, 0o755)
  return { exec: { apiVersion: 'client.authentication.k8s.io/v1', command } }
}

const everything = {
  'client-certificate-data': Buffer.from(certs.client.cert).toString('base64'),
  'client-key-data': Buffer.from(certs.client.key).toString('base64'),
}

describe('no secret in the log', () => {
  const answers: readonly [string, Answer][] = [
    ['401', status(401, 'Unauthorized')],
    ['403', status(403, 'Forbidden')],
    ['500', status(500, 'InternalError')],
    ['200 with something else than JSON', { body: 'hello' }],
    ['a cut connection', 'reset'],
    ['silence', 'silence'],
  ]
  test.each(answers)('the API server answers %s', async (_, answer) => {
    const api = await server(answer)
    expectNoSecret(await saidBy([`--kubeconfig=${kubeconfig(certs, api.url, { token: TOKEN, ...everything })}`]))
    expect(api.asked.length === 0 || api.asked[0]?.token === TOKEN).toBe(true)
  })

  test('nothing listens there; a password', async () => {
    const user = { username: 'me', password: PASSWORD }
    expectNoSecret(await saidBy([`--kubeconfig=${kubeconfig(certs, 'https://127.0.0.1:9', user)}`]))
  })

  test('a server that is not trusted', async () => {
    const api = await server({ body: {} })
    expectNoSecret(await saidBy([`--kubeconfig=${kubeconfig(certs, api.url, { token: TOKEN }, {})}`]))
  })

  test('a plugin that fails, and one whose answer cannot be read', async () => {
    const api = await server({ body: {} })
    for (const script of [`echo '{"token":"${TOKEN}"' && exit 1`, `echo '{"status":{"token":"${TOKEN}"'`])
      expectNoSecret(await saidBy([`--kubeconfig=${kubeconfig(certs, api.url, plugin(script))}`]))
  })

  test('a kubeconfig with a mistake next to the token, one with it in the wrong place, and a key that is none', async () => {
    const file = join(certs.folder, 'broken')
    const texts = [
      `users:\n- name: me\n  user:\n    token: ${TOKEN}\n   bad: indent\n`,
      `users:\n- name: me\n  user: {token: "${TOKEN}\n`,
      `{"users": [{"name": "me", "user": {"token": "${TOKEN}", }]`,
      `${TOKEN}\n`,
      `users:\n- ${TOKEN}: [\n`,
    ]
    for (const text of texts) {
      writeFileSync(file, text)
      expectNoSecret(await saidBy([`--kubeconfig=${file}`]))
    }
    const user = { ...everything, 'client-key-data': Buffer.from(TOKEN).toString('base64') }
    expectNoSecret(await saidBy([`--kubeconfig=${kubeconfig(certs, 'https://127.0.0.1:9', user)}`]))
  })

  test('a password in --master, and in the server of a kubeconfig', async () => {
    expectNoSecret(await saidBy([`--master=https://me:${PASSWORD}@127.0.0.1:9`]))
    expectNoSecret(await saidBy([`--kubeconfig=${kubeconfig(certs, `https://me:${PASSWORD}@127.0.0.1:9`, {})}`]))
    expectNoSecret(await saidBy([`--master=ftp://me:${PASSWORD}@127.0.0.1:9`]))
  })
})
