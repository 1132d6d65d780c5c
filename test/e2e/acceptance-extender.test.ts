/** Owns the proof of the extender's port as a scheduler sees it, filter and bind called by hand. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Hand, NARROW, ownedBySet, startHand, unseen } from './harness/by-hand.ts'
import { kind } from './harness/cluster.ts'
import { eventually } from './harness/kube.ts'
import { ARGS, node, type Pod, paths, statefulSet } from './harness/objects.ts'
import { STAGE_LIMIT_MS, type Stage } from './harness/stage.ts'

const LIMIT_MS = 120_000
/** The demo cluster makes the pods of StatefulSets itself. */
const onlyReal = test.skipIf(kind === 'demo')
const NO_NODES = { Nodes: null, NodeNames: [], FailedNodes: {}, FailedAndUnresolvableNodes: {}, Error: '' }
let stage: Stage
let hand: Hand

beforeAll(async () => {
  ;({ stage, hand } = await startHand(NARROW, ['f', 'b']))
  await stage.kube.create(paths.nodes, node('far', '192.168.7.7', 'far'))
  const bare = node('no-address', '10.49.0.9', 'far')
  await stage.kube.create(paths.nodes, {
    ...bare,
    status: { ...bare.status, addresses: [{ type: 'Hostname', address: 'x' }] },
  })
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), LIMIT_MS)

const ask = async (body: unknown) => (await hand.extender('POST', '/v1/filter', body)).body
const NODES = ['wide-0', 'wide-1', 'far', 'no-address', 'nobody']

describe('filter answers in kind', () => {
  test('names for names, the refused ones with galaxy’s prefixes', async () => {
    const made = await hand.pod('f', 'names')
    const refused = {
      far: expect.stringContaining('FloatingIPPlugin:NoFIPConfigNode'),
      'no-address': expect.stringContaining('FloatingIPPlugin:UnknowNode'),
      nobody: expect.stringContaining('FloatingIPPlugin:UnknowNode'),
    }
    expect(await ask({ Pod: made, Nodes: null, NodeNames: NODES })).toMatchObject({
      ...{ Nodes: null, NodeNames: ['wide-0', 'wide-1'], Error: '' },
      ...{ FailedNodes: refused, FailedAndUnresolvableNodes: refused },
    })
  })

  test('full objects for full objects, unchanged, of nodes that the API server does not have, too', async () => {
    const made = await hand.pod('f', 'objects')
    const item = (name: string, address: string) => ({
      metadata: { name, labels: { a: 'b' }, annotations: { 'x/y': 'ü' } },
      spec: { podCIDR: '10.1.0.0/24' },
      status: { addresses: [{ type: 'InternalIP', address }], nodeInfo: { kernelVersion: '6.1' } },
    })
    const items = [item('ghost-0', '10.49.0.200'), item('ghost-1', '10.49.9.1'), item('ghost-2', '10.49.1.1')]
    const reply = await ask({ Pod: made, Nodes: { metadata: {}, items }, NodeNames: null })
    expect(reply.Nodes?.items).toEqual([items[0], items[2]] as never)
    expect(reply).toMatchObject({ NodeNames: null, Error: '' })
    expect(Object.keys(reply.FailedNodes)).toEqual(['ghost-1'])
    expect(Object.keys(reply.FailedAndUnresolvableNodes)).toEqual(['ghost-1'])
  })

  test('both for both', async () => {
    const made = await hand.pod('f', 'both')
    const items = await stage.kube.list(paths.nodes)
    const reply = await ask({ Pod: made, Nodes: { items }, NodeNames: ['wide-0', 'far'] })
    expect(reply.Error).toBe('')
    expect(reply.NodeNames).toContain('wide-0')
  })

  test.each([
    ['no names', { Nodes: null, NodeNames: [] }, NO_NODES],
    ['neither', { Nodes: null, NodeNames: null }, NO_NODES],
    [
      'an empty list of objects',
      { Nodes: { metadata: {}, items: [] }, NodeNames: null },
      { ...NO_NODES, Nodes: { metadata: {}, items: [] }, NodeNames: null },
    ],
    [
      'items null',
      { Nodes: { metadata: {}, items: null }, NodeNames: null },
      { ...NO_NODES, Nodes: { metadata: {}, items: [] }, NodeNames: null },
    ],
  ])('%s', async (_, nodes, expected) => {
    expect(await ask({ Pod: unseen('f', 'nobody'), ...nodes })).toEqual(expected as never)
  })

  test.each([
    ['camelCase, as schedulers before 1.18', (pod: Pod) => ({ pod, nodes: null, nodeNames: ['wide-0'] })],
    ['lower case', (pod: Pod) => ({ pod, nodes: null, nodenames: ['wide-0'] })],
    ['upper case', (pod: Pod) => ({ POD: pod, NODENAMES: ['wide-0'] })],
    ['with fields that nobody knows', (pod: Pod) => ({ Pod: pod, NodeNames: ['wide-0'], Extra: { a: [1] } })],
  ])('keys in %s', async (_, body) => {
    const made = unseen('f', 'case')
    expect(await ask(body(made))).toMatchObject({ NodeNames: ['wide-0'], Error: '' })
  })

  test('a pod that does not ask passes everywhere', async () => {
    const made = unseen('f', 'idle', { asks: false })
    expect(await ask({ Pod: made, Nodes: null, NodeNames: NODES })).toEqual({ ...NO_NODES, NodeNames: NODES } as never)
  })

  test('a pod that the API server does not have yet is answered by what the scheduler sent', async () => {
    const made = unseen('f', 'early')
    expect(await hand.filter(made, ['wide-0'])).toMatchObject({ NodeNames: ['wide-0'] })
  })

  test('a node that was made a moment ago is known', async () => {
    for (let at = 0; at < 10; at++) {
      const name = `fresh-${at}`
      await stage.kube.create(paths.nodes, node(name, `10.49.0.${100 + at}`, 'fresh'))
      const made = unseen('f', 'for-fresh')
      expect(await hand.filter(made, [name])).toMatchObject({ NodeNames: [name] })
    }
  })

  test.each([
    ['without a Content-Type', {}],
    ['with a charset', { 'content-type': 'application/json; charset=utf-8' }],
    ['as text', { 'content-type': 'text/plain' }],
  ])('%s', async (_, headers) => {
    const made = unseen('f', 'typed')
    const body = JSON.stringify({ Pod: made, Nodes: null, NodeNames: ['wide-0'] })
    const reply = await hand.extender('POST', '/v1/filter', body, headers as never)
    expect(reply).toMatchObject({ status: 200, body: { NodeNames: ['wide-0'] } })
    expect(reply.type).toMatch(/^application\/json/)
  })

  test('healthy', async () => {
    expect(await hand.extender('GET', '/healthy')).toMatchObject({ status: 200, text: 'ok' })
    expect((await hand.extender('HEAD', '/healthy')).status).toBe(200)
    expect((await hand.extender('GET', '/healthy/')).status).toBe(200)
    expect((await hand.extender('GET', '/v1/filter')).status).toBe(405)
    expect(
      (
        await hand.extender('POST', '/v1/filter/', {
          Pod: unseen('f', 'x'),
          NodeNames: ['wide-0'],
        })
      ).status,
    ).toBe(200)
  })

  test('priority: a list of hosts, 0 to 10, for every node asked', async () => {
    const made = await hand.pod('f', 'scored')
    const reply = await hand.extender('POST', '/v1/priority', {
      Pod: made,
      Nodes: null,
      NodeNames: ['wide-0', 'two-0'],
    })
    const scores = reply.body as unknown as { Host: string; Score: number }[]
    expect(scores.map(({ Host }) => Host)).toEqual(['wide-0', 'two-0'])
    for (const { Score } of scores) expect(Number.isInteger(Score) && Score >= 0 && Score <= 10).toBe(true)
  })
})

describe('bind', () => {
  test('of a pod that was never filtered', async () => {
    const made = await hand.pod('b', 'unfiltered')
    expect(await hand.bind(made, 'wide-0')).toBe('')
    const bound = await stage.kube.get<Pod>(`${paths.pods('b')}/unfiltered`)
    expect(bound.spec.nodeName).toBe('wide-0')
    expect(bound.metadata.annotations?.[ARGS]).toMatch(
      /^{"common":{"ipinfos":\[{"ip":"10\.50\.\d+\.\d+\/22","vlan":0,"gateway":"10\.50\.0\.1"}\]}}$/,
    )
  })

  test('twice is one, and five at once are one', async () => {
    const made = await hand.pod('b', 'twice')
    expect(await Promise.all(Array.from({ length: 5 }, () => hand.bind(made, 'wide-0')))).toEqual(Array(5).fill(''))
    expect(await hand.bind(made, 'wide-0')).toBe('')
    expect((await hand.list('podName=twice')).totalElements).toBe(1)
  })

  test('to another node than the one it has is an error, and the pod keeps what it has', async () => {
    const made = await hand.pod('b', 'elsewhere')
    const [address] = await hand.place(made, ['wide-0'])
    expect(await hand.bind(made, 'wide-1')).not.toBe('')
    expect((await hand.list('podName=elsewhere')).content).toMatchObject([{ ip: address }])
  })

  test.each([
    ['a pod that does not exist', { PodName: 'none', PodNamespace: 'b', PodUID: 'x', Node: 'wide-0' }],
    ['a node that does not exist', { Node: 'nobody' }],
    ['a node outside every node subnet', { Node: 'far' }],
    ['a node without InternalIP', { Node: 'no-address' }],
    ['another UID', { PodUID: 'another' }],
  ])('an error for %s', async (_, part) => {
    const name = `wrong-${Bun.hash(JSON.stringify(part)).toString(36)}`
    const made = await hand.pod('b', name)
    const body = { PodName: name, PodNamespace: 'b', PodUID: made.metadata.uid, Node: 'wide-0', ...part }
    const reply = await hand.extender('POST', '/v1/bind', body)
    expect(reply.status).toBe(200)
    expect(reply.body.Error).not.toBe('')
    expect((await hand.list(`podName=${name}`)).totalElements).toBe(0)
  })

  test('an error for a pod that does not ask', async () => {
    const made = await hand.pod('b', 'idle', { asks: false })
    expect(await hand.bind(made, 'wide-0')).not.toBe('')
    expect((await stage.kube.get<Pod>(`${paths.pods('b')}/idle`)).spec.nodeName).toBeUndefined()
  })

  test('keys in any case', async () => {
    const { metadata } = await hand.pod('b', 'any-case')
    const body = { podName: 'any-case', podnamespace: 'b', PODUID: metadata.uid, node: 'wide-0' }
    expect((await hand.extender('POST', '/v1/bind', body)).body).toEqual({ Error: '' } as never)
  })

  onlyReal('the policy is that of the pod at bind', async () => {
    await stage.kube.create(paths.statefulSets('b'), statefulSet('pol', { stage: 'x', replicas: 1 }))
    const first = await hand.pod('b', 'pol-0', { owner: ownedBySet('pol'), policy: 'immutable' })
    const [address = ''] = await hand.place(first, ['wide-0'])
    await hand.remove(first)
    await eventually('kept', async () => (await hand.stored(address))?.spec.attribute === '{"NodeName":"","Uid":""}')
    const second = await hand.pod('b', 'pol-0', { owner: ownedBySet('pol'), policy: 'never' })
    expect(await hand.place(second, ['wide-0'])).toEqual([address])
    expect((await hand.stored(address))?.spec.policy).toBe(2)
  })

  test('several addresses, one of each list in order, the request kept', async () => {
    const request = '{"request_ip_range":[["10.50.8.13~10.50.8.14"],["10.50.8.10"]]}'
    const made = await hand.pod('b', 'several', { args: request })
    expect(await hand.filter(made, ['wide-0', 'few-0'])).toMatchObject({ NodeNames: ['few-0'] })
    expect(await hand.place(made, ['few-0'])).toEqual(['10.50.8.13', '10.50.8.10'])
    const text = (await stage.kube.get<Pod>(`${paths.pods('b')}/several`)).metadata.annotations?.[ARGS]
    const info = (ip: string) => `{"ip":"${ip}/22","vlan":2,"gateway":"10.50.8.1"}`
    expect(text).toBe(`${request.slice(0, -1)},"common":{"ipinfos":[${info('10.50.8.13')},${info('10.50.8.10')}]}}`)
    expect((await hand.list('podName=several')).totalElements).toBe(2)
  })
})
