/** The miniature scheduler speaks the extender protocol, sleeps when it was refused, and wakes for what wakes the real one. */
import { expect, test } from 'bun:test'
import { readSchedulerConfig } from '../../src/demo/extender.ts'
import { addressesOf, condition, isReady } from '../../src/demo/objects.ts'
import { EVENTS } from '../../src/demo/resources.ts'
import {
  mergePatch,
  podBody,
  type StubExtender,
  stubExtender,
  until,
  type World,
  workloadBody,
  world,
} from './fixture.ts'

const PODS = '/api/v1/namespaces/default/pods'
const FULL = 'FloatingIPPlugin:NoFIPLeft: no free address'

async function clusterWith(stub: StubExtender, ...nodes: string[]): Promise<World> {
  const w = await world({ extender: stub })
  stub.world = w
  for (const node of nodes) w.addNode(node)
  return w
}

const filters = (stub: StubExtender, pod: string) => stub.calls.filter(call => call === `filter ${pod}`).length
const refusing: StubExtender['answer'] = (_, nodes) => Object.fromEntries(nodes.map(name => [name, FULL]))

/** Refused, and asleep: no further call comes by itself. */
async function asleep(w: World, stub: StubExtender, pod: string): Promise<void> {
  await w.call('POST', PODS, podBody(pod, { asks: true }))
  await until('it is refused', () => condition(w.pod(pod) ?? never(), 'PodScheduled') !== undefined)
  await Bun.sleep(60)
  expect(filters(stub, pod)).toBe(1)
}

function never(): never {
  throw new Error('the pod is gone')
}

test('only pods that ask go to the extender: filter, priority among several nodes, bind', async () => {
  using stub = stubExtender()
  await using w = await clusterWith(stub, 'n1', 'n2', 'n3')
  await w.call('POST', PODS, podBody('plain'))
  await w.ready('plain', 1)
  expect(stub.calls).toEqual([])
  await w.call('POST', PODS, podBody('p', { asks: true }))
  const [pod] = await w.ready('p', 1)
  // The stub gives the last node the highest score.
  expect(stub.calls).toEqual(['filter p', 'priority p', 'bind p n3'])
  expect(pod).toMatchObject({ spec: { nodeName: 'n3' }, status: { podIP: '10.1.0.1' } })
  expect(w.failures).toEqual([])
})

test('a single node needs no priorities, and full node objects work as well as names', async () => {
  using stub = stubExtender({ nodeCacheCapable: false })
  await using w = await clusterWith(stub, 'n1', 'n2')
  stub.answer = () => ({ n1: FULL })
  await w.call('POST', PODS, podBody('p', { asks: true }))
  await w.ready('p', 1)
  expect(stub.calls).toEqual(['filter p', 'bind p n2'])
})

test('every pod of a StatefulSet and a Deployment gets an address of its own', async () => {
  using stub = stubExtender()
  await using w = await clusterWith(stub, 'n1', 'n2')
  await w.call('POST', '/apis/apps/v1/namespaces/default/statefulsets', workloadBody('web', 3, {}, { asks: true }))
  await w.call('POST', '/apis/apps/v1/namespaces/default/deployments', workloadBody('shop', 3, {}, { asks: true }))
  const pods = [...(await w.ready('web', 3)), ...(await w.ready('shop', 3))]
  expect(new Set(pods.flatMap(addressesOf)).size).toBe(6)
})

test('a refusal is said on the pod and as an event, in the extender’s words', async () => {
  using stub = stubExtender()
  await using w = await clusterWith(stub, 'n1', 'n2')
  stub.answer = refusing
  await asleep(w, stub, 'p')
  const message = `0/2 nodes are available: 2 ${FULL}.`
  expect(condition(w.pod('p') ?? never(), 'PodScheduled')).toMatchObject({
    status: 'False',
    reason: 'Unschedulable',
    message,
  })
  expect(w.stage.api.list(EVENTS)).toMatchObject([{ type: 'Warning', reason: 'FailedScheduling', message }])
})

const wakers: readonly { what: string; wakes: boolean; does: (w: World) => Promise<unknown> | unknown }[] = [
  {
    what: 'an annotation on the pod',
    wakes: true,
    does: w => w.call('PATCH', `${PODS}/p`, { metadata: { annotations: { retry: '1' } } }, mergePatch),
  },
  {
    what: 'a label on the pod',
    wakes: true,
    does: w => w.call('PATCH', `${PODS}/p`, { metadata: { labels: { a: 'b' } } }, mergePatch),
  },
  { what: 'a new node', wakes: true, does: w => w.addNode('n2') },
  {
    what: 'an annotation on a node',
    wakes: true,
    does: w => w.call('PATCH', '/api/v1/nodes/n1', { metadata: { annotations: { a: 'b' } } }, mergePatch),
  },
  { what: 'another pod that is bound', wakes: true, does: w => w.call('POST', PODS, podBody('plain')) },
  { what: 'another pod that goes', wakes: true, does: w => w.call('DELETE', `${PODS}/other`) },
  {
    what: 'the same annotation again',
    wakes: false,
    does: w => w.call('PATCH', `${PODS}/p`, { metadata: { labels: { app: 'p' } } }, mergePatch),
  },
  {
    what: 'a ConfigMap',
    wakes: false,
    does: w => w.call('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: 'c' } }),
  },
  {
    what: 'an annotation on another waiting pod',
    wakes: false,
    does: w => w.call('PATCH', `${PODS}/waiting`, { metadata: { annotations: { retry: '1' } } }, mergePatch),
  },
]

for (const { what, wakes, does } of wakers) {
  test(`${what} ${wakes ? 'wakes' : 'does not wake'} a refused pod`, async () => {
    using stub = stubExtender()
    await using w = await clusterWith(stub, 'n1')
    await w.call('POST', PODS, podBody('other'))
    await w.ready('other', 1)
    stub.answer = refusing
    await w.call('POST', PODS, podBody('waiting', { asks: true }))
    await asleep(w, stub, 'p')
    stub.answer = pod => (pod.metadata.name === 'p' ? null : { n1: FULL })
    await does(w)
    if (wakes) await until('it runs', () => isReady(w.pod('p') ?? never()))
    else await Bun.sleep(60)
    expect(filters(stub, 'p')).toBe(wakes ? 2 : 1)
  })
}

test('what happens while a pod is being refused is not missed', async () => {
  using stub = stubExtender()
  await using w = await clusterWith(stub, 'n1')
  stub.answer = (_, nodes) => {
    stub.answer = () => null
    w.addNode('n2')
    return Object.fromEntries(nodes.map(name => [name, FULL]))
  }
  await w.call('POST', PODS, podBody('p', { asks: true }))
  await w.ready('p', 1)
  expect(filters(stub, 'p')).toBe(2)
})

test('an error is tried again after a while, and nothing shortens it', async () => {
  using stub = stubExtender()
  await using w = await clusterWith(stub, 'n1')
  stub.answer = () => new Error('not ready')
  const times: number[] = []
  await w.call('POST', PODS, podBody('p', { asks: true }))
  await until('it was asked twice', () => filters(stub, 'p') === 2)
  times.push(performance.now())
  expect(condition(w.pod('p') ?? never(), 'PodScheduled')).toMatchObject({
    reason: 'SchedulerError',
    message: 'not ready',
  })
  stub.answer = () => null
  await w.call('PATCH', `${PODS}/p`, { metadata: { annotations: { retry: '1' } } }, mergePatch)
  await w.ready('p', 1)
  expect(performance.now() - (times[0] ?? 0)).toBeGreaterThan(1_400)
})

test('a bind that fails sends the pod through filter again', async () => {
  using stub = stubExtender()
  await using w = await clusterWith(stub, 'n1')
  stub.world = null
  await w.call('POST', PODS, podBody('p', { asks: true }))
  await until('the bind failed', () => stub.calls.includes('bind p n1'))
  stub.world = w
  await w.ready('p', 1)
  expect(stub.calls).toEqual(['filter p', 'bind p n1', 'filter p', 'bind p n1'])
})

test('nodes that the pod does not select, or that are cordoned, are not asked about', async () => {
  using stub = stubExtender()
  await using w = await clusterWith(stub)
  const asked: string[] = []
  stub.answer = (_, nodes) => {
    asked.push(...nodes)
    return null
  }
  w.addNode('a', { rack: 'a' })
  w.addNode('b', { rack: 'b' })
  w.addNode('c', { rack: 'a' })
  await w.call('PATCH', '/api/v1/nodes/c', { spec: { unschedulable: true } }, mergePatch)
  const body = podBody('p', { asks: true })
  await w.call('POST', PODS, { ...body, spec: { ...body.spec, nodeSelector: { rack: 'a' } } })
  await w.ready('p', 1)
  expect(asked).toEqual(['a'])
})

test('the extender is read from YAML and from JSON; one that is missing is none', () => {
  const yaml = `
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
extenders:
- {urlPrefix: "http://127.0.0.1:9040/v1", filterVerb: filter, bindVerb: bind, httpTimeout: 10s, nodeCacheCapable: true,
   managedResources: [{name: tke.cloud.tencent.com/eni-ip, ignoredByScheduler: true}]}
`
  expect(readSchedulerConfig(yaml)).toEqual({
    urlPrefix: 'http://127.0.0.1:9040/v1',
    filterVerb: 'filter',
    bindVerb: 'bind',
    weight: 1,
    timeoutMs: 10_000,
    nodeCacheCapable: true,
    resources: ['tke.cloud.tencent.com/eni-ip'],
  })
  const policy = '{"extenders":[{"urlPrefix":"http://x/v1","filterVerb":"filter","httpTimeout":2000000000}]}'
  expect(readSchedulerConfig(policy)).toMatchObject({ timeoutMs: 2_000, nodeCacheCapable: false })
  expect(readSchedulerConfig('kind: KubeSchedulerConfiguration')).toBeNull()
})
