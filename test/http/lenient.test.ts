/** Owns the proof that galaxy-ipam's routes forgive what galaxy-ipam forgave. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { FilterReply } from '../../src/http/extender-wire.ts'
import { api, bind, carried, create, filter, post, run } from '../app/asking.ts'
import { configMap, entry, type Kube, pod } from '../app/objects.ts'
import { closeWorlds, ENTRIES, openWorld, startWorld, type World } from '../app/world.ts'
import { list, type Page } from './api-world.ts'

let world: World
const NODES = { Nodes: null, NodeNames: ['a1'] }

beforeAll(async () => {
  world = await openWorld({ entries: [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2~10.0.0.40')] })
  world.extender.listen({ hostname: '127.0.0.1', port: 0 })
  world.apiPort.listen({ hostname: '127.0.0.1', port: 0 })
  await run(world, pod('first'))
})
afterAll(async () => {
  await Promise.all([world.extender.stop(), world.apiPort.stop()])
  await closeWorlds()
})

const withoutUid = (made: Kube, uid?: unknown): Kube => ({ ...made, metadata: { ...made.metadata, uid } }) as never
const toldIn = (made: Kube, more: object = {}) => ({
  ...{ PodName: made.metadata.name, PodNamespace: 'default', Node: 'a1' },
  ...more,
})
const fetched = (app: 'extender' | 'apiPort', path: string, init: RequestInit = {}) =>
  fetch(`http://127.0.0.1:${world[app].server?.port}${path}`, init)

describe('a pod without a UID is the one that the API server has now', () => {
  test.each([
    ['missing', {}],
    ['empty', { PodUID: '' }],
    ['null', { PodUID: null }],
  ])('bind: PodUID %s', async (what, more) => {
    const made = pod(`bound-${what}`)
    await create(world, made)
    expect((await post<object>(world, '/v1/bind', toldIn(made, more))).body).toEqual({ Error: '' })
    const [ip = ''] = carried(world, made.metadata.name)
    expect(world.row(ip)).toBe(`bound NULL_default_NULL_bound-${what} ${made.metadata.uid}`)
  })

  test('bind again without a UID: joined, the same answer', async () => {
    const made = pod('twice')
    await create(world, made)
    const answers = await Promise.all([1, 2].map(() => post<object>(world, '/v1/bind', toldIn(made))))
    expect(answers.map(({ body }) => body)).toEqual([{ Error: '' }, { Error: '' }])
    expect((await post<object>(world, '/v1/bind', toldIn(made))).body).toEqual({ Error: '' })
  })

  test('bind: a pod that is not there is said to be so, and nothing changes', async () => {
    const { revision } = world.ledger
    const { status, body } = await post<object>(world, '/v1/bind', toldIn(pod('none')))
    expect([status, body]).toEqual([200, { Error: 'pod default/none does not exist' }])
    expect(world.ledger.revision).toBe(revision)
  })

  test.each([undefined, '', null])('filter, priority and preempt: uid %p', async uid => {
    const made = pod(`asked-${uid}`)
    await create(world, made)
    const Pod = withoutUid(made, uid)
    const { body } = await post<FilterReply>(world, '/v1/filter', { Pod, ...NODES })
    expect([body.NodeNames, body.Error]).toEqual([['a1'], ''])
    expect((await post<unknown[]>(world, '/v1/priority', { Pod, ...NODES })).body).toHaveLength(1)
    const victims = { NodeNameToVictims: null, NodeNameToMetaVictims: { a1: { Pods: [], NumPDBViolations: 0 } } }
    expect(await post<object>(world, '/v1/preempt', { Pod, ...victims })).toMatchObject({
      status: 200,
      body: { NodeNameToMetaVictims: { a1: {} } },
    })
    expect(await bind(world, made)).toBe('')
  })

  test('filter: what is taken in filter is taken for its UID', async () => {
    await api(world, '/v1/pool', { method: 'POST', body: JSON.stringify({ name: 'sized', size: 3 }) })
    const made = pod('web-1', {
      owner: 'StatefulSet web',
      annotations: { 'tke.cloud.tencent.com/eni-ip-pool': 'sized' },
    })
    await create(world, made)
    await filter(world, withoutUid(made), 'a1')
    expect(world.rows().map(ip => world.row(ip))).toContain(
      `held pool__sized_sts_default_web_web-1 ${made.metadata.uid}`,
    )
  })

  test('filter and preempt: a pod that is not there is said to be so', async () => {
    const Pod = withoutUid(pod('none'))
    expect((await post<FilterReply>(world, '/v1/filter', { Pod, ...NODES })).body).toMatchObject({
      ...{ Nodes: null, NodeNames: null, FailedNodes: {}, FailedAndUnresolvableNodes: {} },
      Error: 'pod default/none does not exist',
    })
    expect(await post<object>(world, '/v1/preempt', { Pod, NodeNameToMetaVictims: { a1: { Pods: [] } } })).toEqual({
      ...{ status: 400, body: { Error: 'pod default/none does not exist' } },
    })
  })

  test('preempt: an empty map of UIDs beside a map of pods is none', async () => {
    const Pod = pod('first')
    const NodeNameToVictims = { a1: { Pods: [Pod], NumPDBViolations: 1 } }
    expect(
      (await post<object>(world, '/v1/preempt', { Pod, NodeNameToVictims, NodeNameToMetaVictims: {} })).body,
    ).toEqual({
      NodeNameToMetaVictims: { a1: { Pods: [{ UID: Pod.metadata.uid }], NumPDBViolations: 1 } },
    })
  })

  test('a pod that does not ask passes as ever, and nobody looks for it', async () => {
    const Pod = withoutUid({ ...pod('plain'), spec: { containers: [] } } as never)
    expect((await post<FilterReply>(world, '/v1/filter', { Pod, ...NODES })).body).toMatchObject({
      ...{ NodeNames: ['a1'], Error: '' },
    })
  })
})

describe('bodies', () => {
  test.each([
    ['/v1/pool', { name: 'more', size: 1, preAllocateIP: false, comment: 'x', labels: { a: 1 } }],
    ['/v1/ip', { ips: [], force: true }],
    // As Go writes a list that nobody made.
    ['/v1/ip', { ips: null }],
    [
      '/v1/ip',
      { ips: [{ ip: '10.0.0.40', namespace: 'default', podName: 'x', isDeployment: false, attr: {}, policy: 2 }] },
    ],
  ])('POST %s: fields that it does not know are ignored', async (path, body) => {
    const headers = { 'content-type': 'application/json' }
    expect(await api<object>(world, path, { method: 'POST', headers, body: JSON.stringify(body) })).toEqual({
      ...{ status: 200, body: { code: 200, message: '' } },
    })
  })

  test.each([
    undefined,
    '',
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json;charset=UTF-8',
    'APPLICATION/JSON',
    'application/yaml',
    'nonsense',
  ])('Content-Type %p: the body is JSON all the same', async type => {
    const body = (value: object): RequestInit => ({
      method: 'POST',
      body: new TextEncoder().encode(JSON.stringify(value)),
      headers: type === undefined ? {} : { 'content-type': type },
    })
    expect((await fetched('apiPort', '/v1/pool', body({ name: 'typed', size: 1 }))).status).toBe(200)
    expect((await fetched('apiPort', '/v1/ip', body({ ips: [] }))).status).toBe(200)
    for (const verb of ['filter', 'priority', 'preempt']) {
      expect((await fetched('extender', `/v1/${verb}`, body({ Pod: pod('first'), ...NODES }))).status).toBe(200)
    }
    expect((await fetched('extender', '/v1/bind', body(toldIn(pod('first'))))).status).toBe(200)
  })
})

describe('every answer in JSON is of the type application/json and nothing more, as galaxy-ipam’s', () => {
  test.each([
    ['apiPort', 'GET', '/v1/ip', undefined, 200],
    ['apiPort', 'GET', '/v1/ip?sort=x', undefined, 400],
    ['apiPort', 'GET', '/v1/pool/none', undefined, 404],
    ['apiPort', 'GET', '/none', undefined, 404],
    ['apiPort', 'PUT', '/v1/ip', '{}', 405],
    ['apiPort', 'POST', '/v1/ip', '{"ips":[]}', 200],
    ['apiPort', 'POST', '/v1/ip', '{"ips":[{"ip":"10.0.0.2","appName":"x"}]}', 202],
    ['apiPort', 'POST', '/v1/ip', 'x', 400],
    ['apiPort', 'POST', '/v1/pool', '{"name":"sort","size":1}', 200],
    ['extender', 'POST', '/v1/filter', '{}', 400],
    ['extender', 'POST', '/v1/filter', '{"Pod":{"metadata":{"name":"a","namespace":"b"}}}', 200],
    ['extender', 'POST', '/v1/priority', '{"Pod":{"metadata":{"name":"a","namespace":"b"}}}', 200],
    ['extender', 'GET', '/v1/bind', undefined, 405],
    ['extender', 'GET', '/none', undefined, 404],
  ] as const)('%s: %s %s %s', async (app, method, path, body, status) => {
    const reply = await fetched(app, path, { method, ...(body !== undefined && { body }) })
    expect([reply.status, reply.headers.get('content-type')]).toEqual([status, 'application/json'])
    expect(await reply.json()).toBeDefined()
  })

  test.each([
    ['extender', '/healthy'],
    ['apiPort', '/livez'],
    ['apiPort', '/metrics'],
  ] as const)('%s: %s is a text', async (app, path) => {
    expect((await fetched(app, path)).headers.get('content-type')).toStartWith('text/plain')
  })
})

describe('paths', () => {
  test.each([
    ['GET', '/v1/ip/'],
    ['GET', '/v1/ip/?namespace=default'],
    ['GET', '/v1/pool/slashed/'],
    ['POST', '/v1/pool/'],
    ['POST', '/v1/ip/'],
    ['GET', '/metrics/'],
    ['DELETE', '/v1/pool/slashed/'],
  ])('%s %s: the slash at its end changes nothing', async (method, path) => {
    const headers = { 'content-type': 'application/json' }
    const put = (name: string): RequestInit => ({ method: 'POST', headers, body: JSON.stringify({ name, size: 1 }) })
    await fetched('apiPort', '/v1/pool', put('slashed'))
    const bodies: Record<string, string> = { '/v1/pool/': '{"name":"s","size":1}', '/v1/ip/': '{"ips":[]}' }
    const body = method === 'POST' ? { headers, body: bodies[path] ?? '' } : {}
    expect((await fetched('apiPort', path, { method, ...body })).status).toBe(200)
  })

  test.each(['filter', 'priority', 'preempt', 'bind'])('POST /v1/%s/', async verb => {
    const body = JSON.stringify(verb === 'bind' ? toldIn(pod('first')) : { Pod: pod('first'), ...NODES })
    expect((await fetched('extender', `/v1/${verb}/`, { method: 'POST', body })).status).toBe(200)
  })

  test('GET /healthy: 503 while floatip is not ready, when galaxy-ipam does not listen yet', async () => {
    const waiting = startWorld({ entries: null })
    const asked = async () => {
      const reply = await waiting.extender.handle(new Request('http://floatip/healthy'))
      return [reply.status, await reply.text()]
    }
    expect(await asked()).toEqual([503, expect.stringMatching(/^waiting for ./)])
    waiting.api.put('configmaps', configMap(JSON.stringify(ENTRIES)))
    await waiting.ready()
    expect(await asked()).toEqual([200, 'ok'])
    await waiting.stop()
  })

  test('GET /healthy/', async () => {
    expect(await (await fetched('extender', '/healthy/')).text()).toBe('ok')
  })

  test.each([
    ['apiPort', '/v1/ip'],
    ['apiPort', '/metrics'],
    ['apiPort', '/readyz'],
    ['extender', '/healthy'],
  ] as const)('HEAD of %s %s is its GET without a body', async (app, path) => {
    const reply = await fetched(app, path, { method: 'HEAD' })
    expect([reply.status, await reply.text()]).toEqual([200, ''])
  })
})

describe('a parameter given twice counts as it stands first', () => {
  test.each([
    ['namespace=default&namespace=other', 'namespace=default'],
    ['namespace=other&namespace=default', 'namespace=other'],
    ['podName=first&podName=second', 'podName=first'],
    ['size=3&size=1', 'size=3'],
    ['page=1&page=0&size=2', 'page=1&size=2'],
    ['sort=ip%20desc&sort=ip', 'sort=ip%20desc'],
    ['keyword=default&keyword=x', 'keyword=default'],
  ])('?%s', async (twice, once) => {
    const [a, b] = await Promise.all([list(world, `?${twice}`), list(world, `?${once}`)])
    expect(a).toEqual(b as Page)
  })
})

describe('a parameter that it does not know is not there', () => {
  test.each([
    ['namespace=default&comment=x', 'namespace=default'],
    ['podName=first&PodName=second&_=1', 'podName=first'],
    ['pretty=true', ''],
  ])('GET /v1/ip?%s', async (more, known) => {
    const [a, b] = await Promise.all([list(world, `?${more}`), list(world, `?${known}`)])
    expect(a).toEqual(b as Page)
    expect(a.content).toBeArray()
  })

  test.each(['/v1/pool', '/v1/pool/asked', '/metrics', '/readyz'])('GET %s', async path => {
    const headers = { 'content-type': 'application/json' }
    await fetched('apiPort', '/v1/pool', { method: 'POST', headers, body: JSON.stringify({ name: 'asked', size: 1 }) })
    expect((await fetched('apiPort', `${path}?pretty=true`)).status).toBe(200)
  })
})
