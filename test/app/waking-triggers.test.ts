/** Owns the proof that each thing which can end a wait wakes exactly those whom it suits, within two seconds (extender contract, section 3). */
import { afterEach, expect, test } from 'bun:test'
import { api, callsOf, create, filter, run, wakeOf } from './asking.ts'
import { configMap, entry, floatingIp, node, pod, workload } from './objects.ts'
import { closeWorlds, openWorld, until, type World } from './world.ts'

afterEach(closeWorlds)

const ONE = [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2')]
const WITHIN_MS = 2_000

const woken = (world: World) => callsOf(world, 'patch pods').map(({ key }) => key.replace('default/', ''))

/** Within two seconds these are woken, in whatever order, and nobody else afterwards. */
async function expectWoken(world: World, ...names: string[]): Promise<void> {
  await until(() => names.every(name => wakeOf(world, name) !== ''), WITHIN_MS)
  await Bun.sleep(150)
  expect(woken(world).sort()).toEqual([...names].sort())
}

async function expectNobodyWoken(world: World, happens: () => unknown): Promise<void> {
  happens()
  await Bun.sleep(100)
  expect(woken(world)).toEqual([])
}

/** The youngest first, so that order of arrival is not order of age. */
async function waits(world: World, ...pods: ReturnType<typeof pod>[]): Promise<void> {
  for (const each of pods.toReversed()) {
    const made = await create(world, each)
    expect((await filter(world, made)).NodeNames).toEqual([])
  }
}

const bare = (name: string, age: number) => pod(name, { age })
const app = (name: string, age: number) => pod(name, { owner: 'Deployment app', policy: 'immutable', age })
const pooled = (name: string, age: number) =>
  pod(name, {
    owner: 'Deployment d',
    policy: 'never',
    age,
    annotations: { 'tke.cloud.tencent.com/eni-ip-pool': 'web' },
  })
const pool = (size: number) => ({
  metadata: { name: 'web', namespace: 'kube-system', uid: 'pool-1', resourceVersion: '1' },
  size,
})

test('R25: a release over HTTP wakes one', async () => {
  const world = await openWorld({
    entries: ONE,
    floatingips: [floatingIp('10.0.0.2', 'sts_default_gone_gone-0', { policy: 2 })],
  })
  await waits(world, bare('w1', 900), bare('w2', 800))
  const item = { ip: '10.0.0.2', appName: 'gone', appType: 'statefulset', podName: 'gone-0', namespace: 'default' }
  const headers = { 'content-type': 'application/json' }
  const asked = { method: 'POST', headers, body: JSON.stringify({ ips: [item] }) }
  expect((await api(world, '/v1/ip', asked)).status).toBe(200)
  await expectWoken(world, 'w1')
})

test('R25: a new range of two addresses wakes two', async () => {
  const world = await openWorld({ entries: ONE })
  await run(world, bare('old', 1000))
  await waits(world, bare('w1', 900), bare('w2', 800), bare('w3', 700))
  const wider = entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2~10.0.0.4')
  world.api.put('configmaps', configMap(JSON.stringify([wider])))
  await expectWoken(world, 'w1', 'w2')
})

test('R25: a range for nodes that had none wakes those who were refused there', async () => {
  const world = await openWorld({ entries: ONE })
  await run(world, bare('old', 1000))
  for (const [name, age] of [
    ['w2', 800],
    ['w1', 900],
  ] as const) {
    const text = 'FloatingIPPlugin:NoFIPConfigNode: no node subnet of the configuration contains the node'
    const answer = await filter(world, await create(world, bare(name, age)), 'b1')
    expect(answer.FailedAndUnresolvableNodes).toEqual({ b1: text })
  }
  const more = entry('10.50.0.0/24', '10.0.1.0/24', '10.0.1.2')
  world.api.put('configmaps', configMap(JSON.stringify([...ONE, more])))
  await expectWoken(world, 'w1')
})

test('R25: a pool grown by one wakes one of its pods', async () => {
  const world = await openWorld({ deployments: [workload('d', 5)] })
  world.api.put('pools', pool(1))
  await until(() => world.ports.cluster.poolInForce('web')?.size === 1)
  await run(world, pooled('p0', 1000))
  await waits(world, pooled('w1', 900), pooled('w2', 800))
  world.api.put('pools', pool(2))
  await expectWoken(world, 'w1')
})

test('R25: replicas raised by two wake two', async () => {
  const world = await openWorld({ deployments: [workload('app', 1)] })
  await run(world, app('old', 1000))
  await waits(world, app('w1', 900), app('w2', 800), app('w3', 700))
  world.api.put('deployments', workload('app', 3))
  await expectWoken(world, 'w1', 'w2')
})

test('R25: replicas raised by two while one address is free wake one', async () => {
  const entries = [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2~10.0.0.3')]
  const world = await openWorld({ entries, deployments: [workload('app', 1)] })
  await run(world, app('old', 1000))
  await waits(world, app('w1', 900), app('w2', 800))
  world.api.put('deployments', workload('app', 3))
  await expectWoken(world, 'w1')
})

test('R25: a reservation that ends wakes one', async () => {
  const reserved = floatingIp('10.0.0.2', 'anything', { labels: { reserved: 'yes' } })
  const world = await openWorld({ entries: ONE, floatingips: [reserved] })
  await waits(world, bare('w1', 900), bare('w2', 800))
  world.api.remove('floatingips', '10.0.0.2')
  await expectWoken(world, 'w1')
})

test('R25: the end of the old pod of its name wakes the new one, and no other', async () => {
  const web = (uid: string, age: number) => pod('web-0', { owner: 'StatefulSet web', policy: 'immutable', uid, age })
  const world = await openWorld({ entries: ONE, statefulsets: [workload('web', 1)] })
  await run(world, web('web-0#1', 1000))
  world.api.hush('pods')
  world.api.put('pods', web('web-0#2', 800))
  expect((await filter(world, web('web-0#2', 800), 'a1')).NodeNames).toEqual([])
  world.api.tell('pods')
  await waits(world, bare('w1', 900))
  await expectWoken(world, 'web-0')
})

test('R25: two that ask for the same address: its release wakes one, although others are free', async () => {
  const args = '{"request_ip_range":[["10.0.0.2"]]}'
  const world = await openWorld()
  await run(world, pod('old', { args }))
  await waits(world, pod('w1', { args, age: 900 }), pod('w2', { args, age: 800 }))
  world.api.remove('pods', 'default/old')
  await expectWoken(world, 'w1')
})

test('R25: a node with a known address wakes who was refused for its lack', async () => {
  const world = await openWorld()
  world.api.put('nodes', { metadata: { name: 'a9', uid: 'a9', resourceVersion: '1' }, status: { addresses: [] } })
  const made = await create(world, bare('w1', 900))
  expect((await filter(world, made, 'a9')).NodeNames).toEqual([])
  world.api.put('nodes', node('a9', '10.49.0.19'))
  await expectWoken(world, 'w1')
})

test('R25: a node that gets an address of another node subnet wakes whom it suits now, once', async () => {
  const world = await openWorld({ entries: [...ONE, entry('10.50.0.0/24', '10.0.1.0/24', '10.0.1.2')] })
  await run(world, bare('old', 1000))
  const [w1, w2] = [await create(world, bare('w1', 900)), await create(world, bare('w2', 800))]
  for (const each of [w1, w2]) expect((await filter(world, each, 'a1', 'a2')).NodeNames).toEqual([])
  world.api.put('nodes', node('a2', '10.50.0.99'))
  await expectWoken(world, 'w1')
  expect((await filter(world, w1, 'a1', 'a2')).NodeNames).toEqual(['a2'])
})

test('R25: a node that is made again with another address wakes whom it suits now, although nobody asked since', async () => {
  const world = await openWorld({ entries: [...ONE, entry('10.50.0.0/24', '10.0.1.0/24', '10.0.1.2')] })
  await run(world, bare('old', 1000))
  const w1 = await create(world, bare('w1', 900))
  expect((await filter(world, w1, 'a1', 'a2')).NodeNames).toEqual([])
  await expectNobodyWoken(world, () => world.api.remove('nodes', 'a2'))
  await expectNobodyWoken(world, () => world.api.put('nodes', node('new', '10.49.0.40')))
  expect(world.ports.cluster.renumbered.has('new')).toBe(false)
  world.api.put('nodes', node('a2', '10.50.0.98'))
  await expectWoken(world, 'w1')
})

test('a Deployment that is gone, whose pods are left pending: nobody is woken in a loop', async () => {
  const world = await openWorld({ deployments: [workload('app', 1)] })
  await run(world, app('old', 1000))
  await waits(world, app('w1', 900))
  world.api.remove('deployments', 'default/app')
  for (let n = 0; n < 5; n++) {
    await Bun.sleep(60)
    if (wakeOf(world, 'w1') !== '') await filter(world, app('w1', 900))
    await run(world, pod(`n${n}`))
    world.api.remove('pods', `default/n${n}`)
  }
  expect(woken(world).length).toBeLessThan(2)
})

test('at start everybody who is pending is woken once, sixteen at a time', async () => {
  const pods = Array.from({ length: 100 }, (_, at) => bare(`w${at}`, at))
  const world = await openWorld({ entries: ONE, pods })
  await until(() => woken(world).length === 100)
  await Bun.sleep(50)
  expect(new Set(woken(world)).size).toBe(100)
  expect(woken(world)).toHaveLength(100)
})
