/** Owns the proof that every way to name the API server and to be someone to it works, and that mistakes are told with their field. */
import { afterEach, describe, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { connect } from '../../src/kube/kubeconfig.ts'
import { transport } from '../../src/kube/transport.ts'
import { Fault } from '../../src/lib/fault.ts'
import { type FakeApi, fakeApi, status } from './api-server.ts'
import { makeCerts } from './certs.ts'
import { connectTo, failureOf, handClock, kubeconfig } from './fixtures.ts'

const certs = makeCerts()
const servers: FakeApi[] = []
const pods = { method: 'GET', path: '/api/v1/pods' } as const
const inFolder = (name: string) => join(certs.folder, name)

async function serve(options: Parameters<typeof fakeApi>[1] = {}) {
  const server = await fakeApi(certs, options)
  server.answer = () => ({ body: {} })
  servers.push(server)
  return server
}

/** Answers only this token; anything else is a 401. */
function accept(server: FakeApi, token: () => string) {
  server.answer = asked => (asked.token === token() ? { body: {} } : status(401, 'Unauthorized'))
}

function plugin(name: string, script: string): string {
  const file = inFolder(name)
  writeFileSync(file, `#!/bin/sh\n${script}\n`)
  chmodSync(file, 0o755)
  return file
}

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
})

describe('tokens', () => {
  test('a token file is read without its newline, and again after a 401: asked twice, not more', async () => {
    const server = await serve()
    let good = 'one'
    accept(server, () => good)
    writeFileSync(inFolder('token'), 'one\n')
    const time = handClock()
    const { api } = connectTo(kubeconfig(certs, server.url, { tokenFile: 'token' }), time.monotonicMs)
    await api.request(pods)

    good = 'two'
    writeFileSync(inFolder('token'), 'two\n')
    await api.request(pods)
    expect(server.asked.map(one => one.token)).toEqual(['one', 'one', 'two'])

    good = 'none of ours'
    time.advance(1000)
    server.asked.length = 0
    expect(await failureOf(api.request(pods))).toMatchObject({ status: 401, outcome: 'refused' })
    expect(server.asked.length).toBe(1)
  })

  test('many 401s at once cause one reading', async () => {
    const server = await serve()
    const counter = inFolder('count-401')
    const command = plugin(
      'count',
      `echo x >> ${counter}\necho '{"kind":"ExecCredential","status":{"token":"t'$(wc -l < ${counter} | tr -d ' ')'"}}'`,
    )
    let good = 't1'
    accept(server, () => good)
    const { api } = connectTo(kubeconfig(certs, server.url, { exec: { command } }))
    await api.request(pods)
    good = 't2'
    await Promise.all(Array.from({ length: 20 }, () => api.request(pods)))
    expect(readFileSync(counter, 'utf8')).toBe('x\nx\n')
  })

  test('credentials are the same object until something changes; files are looked at once a second', async () => {
    writeFileSync(inFolder('rotating.crt'), certs.client.cert)
    const user = { 'client-certificate': 'rotating.crt', 'client-key': certs.client.keyFile }
    const time = handClock()
    const { connection } = connectTo(kubeconfig(certs, 'https://127.0.0.1:1', user), time.monotonicMs)
    const first = await connection.credentials()
    time.advance(1000)
    expect(await connection.credentials()).toBe(first)
    writeFileSync(inFolder('rotating.crt'), certs.server.cert)
    time.advance(999)
    expect(await connection.credentials()).toBe(first)
    time.advance(1)
    expect((await connection.credentials()).tls?.cert).toBe(certs.server.cert)
  })

  test('credentials of a kubeconfig that now names another server are not used', async () => {
    const server = await serve()
    accept(server, () => 'right')
    const file = kubeconfig(certs, server.url, { token: 'wrong' })
    const time = handClock()
    const { api } = connectTo(file, time.monotonicMs)
    await failureOf(api.request(pods))
    time.advance(1000)
    writeFileSync(file, readFileSync(kubeconfig(certs, 'https://elsewhere:6443', { token: 'right' })))
    expect(await failureOf(api.request(pods))).toMatchObject({ status: 401 })
    expect(server.asked.every(one => one.token === 'wrong')).toBe(true)
  })

  test('files that cannot be read for a moment: what was read before is used', async () => {
    writeFileSync(inFolder('moment.crt'), certs.client.cert)
    const user = { 'client-certificate': 'moment.crt', 'client-key': certs.client.keyFile }
    const time = handClock()
    const { connection } = connectTo(kubeconfig(certs, 'https://127.0.0.1:1', user), time.monotonicMs)
    const first = await connection.credentials()
    rmSync(inFolder('moment.crt'))
    time.advance(1000)
    expect(await connection.credentials()).toBe(first)
    expect(await failureOf(connection.renew(first))).toBeInstanceOf(Fault)
  })

  test('user name and password', async () => {
    const server = await serve()
    await connectTo(kubeconfig(certs, server.url, { username: 'a', password: 'b' })).api.request(pods)
    expect(server.asked[0]?.token).toBe(`Basic ${btoa('a:b')}`)
  })
})

describe('exec plugins', () => {
  test('a token, with the cluster told in KUBERNETES_EXEC_INFO', async () => {
    const server = await serve()
    const seen = inFolder('exec-info')
    const command = plugin(
      'get-token',
      `printf %s "$KUBERNETES_EXEC_INFO" > ${seen}; echo '{"status":{"token":"'$WHO'"}}'`,
    )
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      // Relative to the kubeconfig's folder, as kubectl has it.
      command: `./${basename(command)}`,
      env: [{ name: 'WHO', value: 'exec-token' }],
      provideClusterInfo: true,
      interactiveMode: 'Never',
    }
    await connectTo(kubeconfig(certs, server.url, { exec })).api.request(pods)
    expect(server.asked[0]?.token).toBe('exec-token')
    expect(JSON.parse(readFileSync(seen, 'utf8'))).toEqual({
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      spec: {
        interactive: false,
        cluster: { server: server.url, 'certificate-authority-data': btoa(certs.ca.cert) },
      },
    })
  })

  test('a client certificate', async () => {
    const server = await serve({ clientCert: true })
    const answer = { status: { clientCertificateData: certs.client.cert, clientKeyData: certs.client.key } }
    writeFileSync(inFolder('answer.json'), JSON.stringify(answer))
    const exec = { command: plugin('get-cert', `cat ${inFolder('answer.json')}`) }
    expect((await connectTo(kubeconfig(certs, server.url, { exec })).api.request(pods)).status).toBe(200)
  })

  test('one that fails: nothing is sent, and its words and hint are told', async () => {
    const server = await serve()
    const exec = { command: plugin('fail', 'echo please log in >&2; exit 3'), installHint: 'run `login`' }
    const failure = await failureOf(connectTo(kubeconfig(certs, server.url, { exec })).api.request(pods))
    expect(failure).toBeInstanceOf(Fault)
    expect((failure as Error).message).toMatch(/users\[me\]\.user\.exec: .*fail: please log in \(run `login`\)$/)
    expect(server.asked).toEqual([])
  })

  test('one that prints a token as it is: the message does not tell it', async () => {
    const exec = { command: plugin('bare-token', 'echo s3cr3tToken') }
    const failure = await failureOf(connectTo(kubeconfig(certs, 'https://127.0.0.1:1', { exec })).api.request(pods))
    expect(`${failure} ${(failure as Error).cause}`).not.toContain('s3cr3tToken')
  })

  test('one that is not there', async () => {
    const exec = { command: '/nowhere/plugin' }
    const failure = await failureOf(connectTo(kubeconfig(certs, 'https://127.0.0.1:1', { exec })).api.request(pods))
    expect((failure as Error).message).toContain('users[me].user.exec: /nowhere/plugin: ')
  })
})

describe('which server', () => {
  test('--master takes the place of the kubeconfig’s server, its credentials stay', async () => {
    const server = await serve()
    const file = kubeconfig(certs, 'https://elsewhere:6443', { token: 'secret' })
    const connection = connect({ kubeconfig: file, master: `${server.url}/` })
    expect(connection).toMatchObject({ server: server.url, namespace: 'ns' })
    await transport(connection).request(pods)
    expect(server.asked[0]?.token).toBe('secret')
  })

  test('a path prefix stays before every path', async () => {
    const server = await serve()
    await connectTo(kubeconfig(certs, `${server.url}/k8s/clusters/c-1/`, {})).api.request(pods)
    expect(server.asked[0]?.path).toBe('/k8s/clusters/c-1/api/v1/pods')
  })

  test('--master alone over plain HTTP; and no credentials ever go over plain HTTP', async () => {
    const seen: (string | null)[] = []
    const plain = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch(request) {
        seen.push(request.headers.get('authorization'))
        return Response.json({})
      },
    })
    const at = `127.0.0.1:${plain.port}`
    await transport(connect({ master: at })).request(pods)
    await transport(connect({ kubeconfig: kubeconfig(certs, `http://${at}`, { token: 'secret' }) })).request(pods)
    expect(seen).toEqual([null, null])
    await plain.stop(true)
  })

  test('in a pod: the service account’s CA, token and namespace', async () => {
    const server = await serve()
    const folder = inFolder('var/run/secrets/kubernetes.io/serviceaccount')
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'ca.crt'), certs.ca.cert)
    writeFileSync(join(folder, 'token'), 'of the pod')
    writeFileSync(join(folder, 'namespace'), 'kube-system')
    const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env
    try {
      Object.assign(process.env, { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(server.port) })
      const connection = connect({ root: certs.folder })
      await transport(connection).request(pods)
      expect(connection.namespace).toBe('kube-system')
      expect(server.asked[0]?.token).toBe('of the pod')
    } finally {
      restore('KUBERNETES_SERVICE_HOST', host)
      restore('KUBERNETES_SERVICE_PORT', port)
    }
  })
})

function restore(name: string, value: string | undefined) {
  if (value === undefined) delete process.env[name]
  else process.env[name] = value
}

describe('mistakes are told with file and field', () => {
  const https = 'https://127.0.0.1:6443'
  const ca = { 'certificate-authority': certs.ca.certFile }
  const mistakes: readonly (readonly [string, object, object, RegExp])[] = [
    [
      'CA file missing',
      {},
      { 'certificate-authority': 'nowhere.crt' },
      /clusters\[fake\]\.cluster\.certificate-authority cannot be read: .*nowhere\.crt/,
    ],
    [
      'CA is not PEM',
      {},
      { 'certificate-authority-data': btoa('hello') },
      /certificate-authority-data .*is not a CERTIFICATE in PEM form/,
    ],
    [
      'CA and insecure',
      {},
      { ...ca, 'insecure-skip-tls-verify': true },
      /insecure-skip-tls-verify contradicts certificate-authority/,
    ],
    [
      'certificate without key',
      { 'client-certificate': certs.client.certFile },
      ca,
      /users\[me\]\.user\.client-key is missing/,
    ],
    [
      'key without certificate',
      { 'client-key': certs.client.keyFile },
      ca,
      /users\[me\]\.user\.client-certificate is missing/,
    ],
    ['token file missing', { tokenFile: 'nowhere' }, ca, /users\[me\]\.user\.tokenFile cannot be read/],
    ['plugin without command', { exec: { args: [] } }, ca, /users\[me\]\.user\.exec\.command is missing/],
    ['SOCKS', {}, { ...ca, 'proxy-url': 'socks5://x:1' }, /proxy-url SOCKS is not supported/],
  ]
  for (const [what, user, cluster, expected] of mistakes) {
    test(what, () => {
      const file = kubeconfig(certs, https, user, cluster)
      expect(() => connect({ kubeconfig: file })).toThrow(expected)
      expect(() => connect({ kubeconfig: file })).toThrow(`kubeconfig ${file}: `)
    })
  }

  test('no file, no YAML, no context, no server', () => {
    expect(() => connect({ kubeconfig: '/nowhere' })).toThrow(/^kubeconfig \/nowhere: .*ENOENT.*--kubeconfig$/)
    writeFileSync(inFolder('bad'), 'a: [')
    expect(() => connect({ kubeconfig: inFolder('bad') })).toThrow(Fault)
    writeFileSync(inFolder('empty'), '')
    expect(() => connect({ kubeconfig: inFolder('empty') })).toThrow(Fault)
    writeFileSync(inFolder('no-context'), 'kind: Config\ncontexts: []\n')
    expect(() => connect({ kubeconfig: inFolder('no-context') })).toThrow('current-context is empty')
    writeFileSync(inFolder('lost'), 'current-context: a\ncontexts: [{name: a, context: {cluster: b, user: c}}]\n')
    expect(() => connect({ kubeconfig: inFolder('lost') })).toThrow('names a cluster that does not exist: b')
    expect(() => connect({ master: 'ftp://x' })).toThrow('ftp://x is not the address of an API server')
  })
})
