/** Owns the proof that `floatip serve` itself, as a process of its own, is composed like the stage of the other tests, starts, answers and ends. */
import { afterEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startApiServer } from '../app/api-server.ts'
import { configMap, node, pod } from '../app/objects.ts'
import { ENTRIES } from '../app/world.ts'
import { floatip, outcome } from './child.ts'

const ended: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end()
})

function stage() {
  const api = startApiServer()
  api.put('nodes', node('a1', '10.49.0.11'))
  const dir = mkdtempSync(join(tmpdir(), 'floatip-serve-'))
  ended.push(
    () => rmSync(dir, { recursive: true, force: true }),
    () => api.stop(),
  )
  return { api, dir }
}

/** Starts floatip and reads its log until it says where it listens. */
async function serve({ api, dir }: ReturnType<typeof stage>, ...more: string[]) {
  const ports = ['--bind=127.0.0.1', '--port=0', '--api-port=0', '--leader-elect=false']
  const args = [...ports, `--master=${api.url}`, `--data-dir=${dir}`, ...more]
  const child = floatip(args)
  ended.push(async () => {
    child.kill('SIGKILL')
    await child.exited
  })
  const lines: Record<string, unknown>[] = []
  let wake = () => {}
  const reading = (async () => {
    let rest = ''
    for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + chunk).split('\n')
      rest = parts.pop() ?? ''
      for (const line of parts) lines.push(line.startsWith('{') ? JSON.parse(line) : { msg: line })
      wake()
    }
    wake()
  })()
  async function said(msg: string) {
    for (;;) {
      const line = lines.find(each => each.msg === msg)
      if (line !== undefined) return line
      if (child.exitCode !== null) throw new Error(`it ended and never said "${msg}": ${JSON.stringify(lines)}`)
      await new Promise<void>(resolve => {
        wake = resolve
      })
    }
  }
  const started = await said('floatip started')
  const at = (port: unknown, path: string) => `http://127.0.0.1:${port}${path}`
  const post = async (path: string, body: object) =>
    (await fetch(at(started.extender, path), { method: 'POST', body: JSON.stringify(body) })).json()
  const healthy = async () => (await fetch(at(started.extender, '/healthy'))).status
  return { child, lines, said, reading, post, started, healthy, get: (path: string) => fetch(at(started.api, path)) }
}

describe('floatip serve', () => {
  test('starts, says why it is not ready, becomes ready after the repair, binds a pod, and ends on SIGTERM with 0', async () => {
    const it = stage()
    const floatip = await serve(it)
    await floatip.said(
      'not ready: ConfigMap kube-system/floatingip-config, key floatingips does not exist: create it with the address ranges',
    )
    // galaxy-ipam answers nothing before it serves, and so whoever waits for its ok may ask at once.
    expect([(await floatip.get('/readyz')).status, await floatip.healthy()]).toEqual([503, 503])
    it.api.put('configmaps', configMap(JSON.stringify(ENTRIES)))
    await floatip.said('ready')
    expect(await floatip.healthy()).toBe(200)
    expect(await (await floatip.get('/readyz')).text()).toBe('ok')
    const made = it.api.put('pods', pod('p'))
    expect(await floatip.post('/v1/filter', { Pod: made, Nodes: null, NodeNames: ['a1'] })).toMatchObject({
      NodeNames: ['a1'],
      Error: '',
    })
    expect(
      await floatip.post('/v1/bind', { PodName: 'p', PodNamespace: 'default', PodUID: 'p#1', Node: 'a1' }),
    ).toEqual({ Error: '' })
    expect(it.api.get('pods', 'default/p')?.metadata.annotations?.['k8s.v1.cni.galaxy.io/args']).toContain(
      '10.0.0.2/24',
    )
    floatip.child.kill('SIGTERM')
    expect(await floatip.child.exited).toBe(0)
  })

  test('a pod that ended while the configuration was missing keeps its address by its policy', async () => {
    const it = stage()
    it.api.put('configmaps', configMap(JSON.stringify(ENTRIES)))
    const first = await serve(it)
    await first.said('ready')
    it.api.put('pods', pod('web-0', { owner: 'StatefulSet web', policy: 'never' }))
    expect(
      await first.post('/v1/bind', { PodName: 'web-0', PodNamespace: 'default', PodUID: 'web-0#1', Node: 'a1' }),
    ).toEqual({ Error: '' })
    first.child.kill('SIGKILL')
    await first.child.exited
    it.api.edit('pods', 'default/web-0', { status: { phase: 'Failed' } })
    it.api.remove('configmaps', 'kube-system/floatingip-config')
    const second = await serve(it)
    // The last good configuration is remembered by the ledger (R29): nothing looks orphaned.
    await second.said('the last valid configuration of an earlier run is used')
    await second.said('ready')
    const { content } = (await (await second.get('/v1/ip?appName=web')).json()) as { content: object[] }
    expect(content).toMatchObject([{ ip: '10.0.0.2', podName: 'web-0', status: 'Failed', releasable: true }])
  })

  test.each(['extender', 'api'])(
    'a request whose body never comes (%s port) holds up no end',
    async which => {
      const { started, child } = await serve(stage())
      const halfSent = connect(Number(started[which]), '127.0.0.1')
      ended.push(() => halfSent.destroy())
      halfSent.on('error', () => {})
      halfSent.write(
        `POST ${which === 'api' ? '/v1/ip' : '/v1/filter'} HTTP/1.1\r\nHost: floatip.local\r\nContent-Length: 100\r\n\r\n{"ips"`,
      )
      await Bun.sleep(300)
      child.kill('SIGTERM')
      expect(await Promise.race([child.exited, Bun.sleep(20_000).then(() => 'it goes on')])).toBe(0)
    },
    30_000,
  )

  test('a second process on the same ledger ends with 3 and says who is in the way', async () => {
    const it = stage()
    await serve(it)
    const second = await outcome([
      '--bind=127.0.0.1',
      '--port=0',
      '--api-port=0',
      `--master=${it.api.url}`,
      `--data-dir=${it.dir}`,
    ])
    expect(second.code).toBe(3)
    expect(second.stderr).toContain(`floatip: another floatip process uses the ledger in ${it.dir}`)
  })

  test.each([
    ['--port', 'extender'],
    ['--api-port', 'api'],
  ])(
    'another floatip on the port of the first (%s) ends and says so: half of the calls would reach it',
    async (flag, which) => {
      const it = stage()
      const { started } = await serve(it)
      const dir = mkdtempSync(join(tmpdir(), 'floatip-serve-'))
      ended.push(() => rmSync(dir, { recursive: true, force: true }))
      const ports = ['--bind=127.0.0.1', '--port=0', '--api-port=0', `${flag}=${started[which]}`]
      const second = floatip([...ports, `--master=${it.api.url}`, `--data-dir=${dir}`])
      ended.push(() => second.kill('SIGKILL'))
      const waited = Bun.sleep(10_000).then(() => 'it serves')
      expect(await Promise.race([second.exited, waited])).toBe(1)
      expect(await new Response(second.stderr).text()).toContain(
        `floatip: cannot listen on 127.0.0.1:${started[which]} (--bind, ${flag})`,
      )
    },
  )

  test('flags of galaxy are accepted, and do what they say: Swagger 1.2, profiles', async () => {
    const it = stage()
    const floatip = await serve(
      it,
      '--swagger',
      '--profiling=true',
      '--logtostderr',
      '--v=3',
      '--leader-elect-lease-duration=15s',
    )
    const warned = floatip.lines.filter(line => line.msg === 'accepted, but not built yet').map(line => line.flag)
    expect(warned).toEqual([])
    expect((await floatip.get('/apidocs.json/v1')).status).toBe(200)
    const profile = await floatip.get('/debug/profile?seconds=1')
    expect(await profile.json()).toMatchObject({ nodes: expect.any(Array), samples: expect.any(Array) })
  })
})
