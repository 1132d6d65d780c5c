/** Owns resync: what it finds, what it keeps in doubt, and how little it asks of the API server. */
import { afterEach, describe, expect, test } from 'bun:test'
import { resyncOf } from '../../src/app/resync.ts'
import { connect } from '../../src/kube/kubeconfig.ts'
import { objectStoreOn } from '../../src/kube/object-store.ts'
import { listPods } from '../../src/kube/pod.ts'
import { transport } from '../../src/kube/transport.ts'
import { Bug, present } from '../../src/lib/assert.ts'
import { Fault } from '../../src/lib/fault.ts'
import { startApiServer } from './api-server.ts'
import { api, callsOf, run } from './asking.ts'
import { fastClock } from './clock.ts'
import { fillLarge } from './large.ts'
import { carries, floatingIp, pod, workload } from './objects.ts'
import { closeWorlds, openWorld, until, type World } from './world.ts'

afterEach(closeWorlds)

/** As the composed program does every minute. */
async function resync(world: World) {
  const api = transport(connect({ master: world.api.url }))
  return await resyncOf(world.ports, {
    listObjects: () => objectStoreOn(api).list(),
    listPods: () => listPods(api, world.ports.cluster.pods),
  }).once()
}

const bare = (name: string) => pod(name)
const JSON_BODY = { 'content-type': 'application/json' }

describe('R13: resync compares with a fresh list, and not with the watch', () => {
  test('R13: a watch that skipped a DELETE says "running" for ever: freed all the same', async () => {
    const world = await openWorld()
    await run(world, bare('bare'))
    world.api.hush('pods')
    world.api.remove('pods', 'default/bare')
    const before = callsOf(world, 'get pods').length
    expect(await resync(world)).toMatchObject({ ended: 1 })
    expect(world.ports.cluster.pods.get('default/bare')?.finished).toBe(false)
    expect(world.row('10.0.0.2')).toBe('free')
    expect(callsOf(world, 'get pods').length - before).toBe(1)
  })

  test('R13: missing in the list, found by the quorum GET: kept', async () => {
    const world = await openWorld()
    await run(world, bare('bare'))
    world.api.hide('pods', 'default/bare')
    expect(await resync(world)).toMatchObject({ ended: 0 })
    expect(world.row('10.0.0.2')).toBe('bound NULL_default_NULL_bare bare#1')
  })

  test('R13: missing in the list, and the quorum GET fails: kept, and the others are looked at', async () => {
    const world = await openWorld()
    for (const name of ['one', 'two']) await run(world, bare(name))
    world.api.hush('pods')
    for (const name of ['one', 'two']) world.api.remove('pods', `default/${name}`)
    world.api.fail('get pods', { status: 500 })
    expect(await resync(world)).toMatchObject({ ended: 1 })
    expect(world.rows()).toHaveLength(1)
    expect(await resync(world)).toMatchObject({ ended: 1 })
    expect(world.rows()).toEqual([])
  })

  test('R13: a quorum GET that fails at the start is asked again soon, not at the next round in an hour', async () => {
    const world = await openWorld()
    await run(world, bare('one'))
    const { api: server, dir } = world
    await world.stop(true)
    server.remove('pods', 'default/one')
    server.fail('get pods', { status: 500 })
    const again = await openWorld({ api: server, dir, resyncMinutes: 60, speed: 20 })
    expect(again.rows()).toEqual(['10.0.0.2'])
    await until(() => again.rows().length === 0)
  })

  test('R13: replaced under its name while the watch slept: the old one’s address goes', async () => {
    const world = await openWorld()
    await run(world, bare('bare'))
    world.api.hush('pods')
    world.api.remove('pods', 'default/bare')
    world.api.put('pods', pod('bare', { uid: 'bare#2' }))
    expect(await resync(world)).toMatchObject({ ended: 1 })
    expect(world.row('10.0.0.2')).toBe('free')
  })

  test('R13: a list that fails changes nothing', async () => {
    const world = await openWorld()
    await run(world, bare('bare'))
    world.api.hush('pods')
    world.api.remove('pods', 'default/bare')
    world.api.fail('list pods', { status: 500 })
    expect(resync(world)).rejects.toThrow('500')
    expect(world.row('10.0.0.2')).toBe('bound NULL_default_NULL_bare bare#1')
  })

  test('pods that were deleted while floatip was down: freed, or kept as the policy says, before the first answer', async () => {
    const first = await openWorld({ statefulsets: [workload('web', 1)] })
    const { api, dir } = first
    await run(first, bare('bare'))
    await run(first, pod('web-0', { owner: 'StatefulSet web', policy: 'immutable' }))
    await first.stop()
    api.remove('pods', 'default/bare')
    api.remove('pods', 'default/web-0')
    const world = await openWorld({ api, dir })
    expect(world.row('10.0.0.2')).toBe('free')
    expect(world.row('10.0.0.3')).toBe('reserved sts_default_web_web-0')
  })
})

test('a round that shows that we are wrong is no doubt: it ends the process, where any other failure waits for the next one', async () => {
  const world = await openWorld()
  const clock = fastClock(1_000)
  const failures = [new Fault('no answer', { retryable: true }), new TypeError('not an object'), new Bug('two owners')]
  const stop = new AbortController()
  const listPods = () => {
    if (failures.length === 1) stop.abort()
    return Promise.reject(failures.shift())
  }
  const resyncs = resyncOf({ ...world.ports, clock }, { listObjects: async () => [], listPods })
  await expect(resyncs.run(60_000, false, stop.signal)).rejects.toThrow('two owners')
  expect(failures).toEqual([])
})

describe('what changes while the lists are read', () => {
  test('an address that was released meanwhile does not come back with its old object', async () => {
    const world = await openWorld({ statefulsets: [workload('web', 1)] })
    await run(world, pod('web-0', { owner: 'StatefulSet web', policy: 'never' }))
    world.api.remove('pods', 'default/web-0')
    await until(() => world.row('10.0.0.2') === 'reserved sts_default_web_web-0')
    await until(() => world.ports.replicator.pending === 0)
    const pods = world.api.hold('list pods')
    const round = resync(world)
    await pods.arrived // the objects are listed
    const row = present(world.ledger.read(view => [...view.rows()])[0], 'kept')
    const { address, owner, revision } = row
    await world.ledger.submit('release', { at: 0, address, owner, revision, because: 'asked' })
    await until(() => world.ports.replicator.pending === 0)
    pods.release()
    expect(await round).toMatchObject({ adopted: 0 })
    expect(world.row('10.0.0.2')).toBe('free')
  })

  test('a reservation that was made meanwhile does not end', async () => {
    const world = await openWorld()
    const pods = world.api.hold('list pods')
    const round = resync(world)
    await pods.arrived
    world.api.put('floatingips', floatingIp('10.0.0.2', 'reserved', { labels: { reserved: 'yes' } }))
    await until(() => world.row('10.0.0.2').startsWith('reserved'))
    const { revision } = world.ledger
    pods.release()
    await round
    expect(world.ledger.revision).toBe(revision)
  })
})

describe('what running pods carry', () => {
  test('is recorded when the ledger has it as free', async () => {
    const world = await openWorld()
    world.api.hush('pods')
    world.api.put('pods', pod('found', { node: 'a1', args: carries('10.0.0.4') }))
    expect(await resync(world)).toMatchObject({ adopted: 1 })
    expect(world.row('10.0.0.4')).toBe('bound NULL_default_NULL_found found#1')
  })

  test('R6: and another one has: reported once, as an Event on the pod too, and never overwritten; forgotten when it is over', async () => {
    const world = await openWorld()
    await run(world, bare('bare'))
    world.api.hush('pods')
    world.api.put('pods', pod('thief', { node: 'a2', args: carries('10.0.0.2') }))
    const because = '10.0.0.2 is claimed by NULL_default_NULL_thief (pod), but NULL_default_NULL_bare has it'
    for (let round = 0; round < 2; round++) expect((await resync(world)).conflicts).toEqual([because])
    expect(world.row('10.0.0.2')).toBe('bound NULL_default_NULL_bare bare#1')
    expect(world.logged.filter(line => line.startsWith(`error conflict: ${because}`))).toHaveLength(1)
    world.api.tell('pods')
    const told = () => world.api.all('events').filter(({ reason }) => reason === 'AddressConflict')
    await until(() => told().length === 1)
    expect(told()[0]).toMatchObject({
      message: because,
      involvedObject: { kind: 'Pod', namespace: 'default', name: 'thief', uid: 'thief#1' },
    })
    await until(() => world.ports.cluster.pods.get('default/thief') !== undefined)
    await resync(world)
    expect([...world.ports.claimants]).toEqual([['10.0.0.2', 'default/thief']])

    world.api.remove('pods', 'default/thief')
    await until(() => world.ports.cluster.pods.get('default/thief') === undefined)
    expect((await resync(world)).conflicts).toEqual([])
    expect([...world.ports.claimants]).toEqual([])
  })
})

describe('what workloads keep', () => {
  async function openWithKept(): Promise<World> {
    const world = await openWorld({ statefulsets: [workload('web', 2), workload('db', 2)] })
    for (const name of ['web', 'db']) {
      await run(world, pod(`${name}-0`, { owner: `StatefulSet ${name}`, policy: 'immutable' }))
      world.api.remove('pods', `default/${name}-0`)
    }
    await until(() => world.rows().every(ip => world.row(ip).startsWith('reserved')))
    world.api.calls.length = 0
    return world
  }
  const gets = (world: World) => callsOf(world, 'get statefulsets').map(({ key }) => key)

  test('R10: a workload that the list has not costs a quorum GET, whose word counts; the others cost none', async () => {
    const world = await openWithKept()
    await resync(world)
    expect(gets(world)).toEqual([])
    world.api.hide('statefulsets', 'default/db')
    await resync(world)
    expect(gets(world)).toEqual(['default/db'])
    expect(world.rows()).toHaveLength(2)
  })

  test('R13: a watch that skipped the end of a workload: what it kept is released all the same', async () => {
    const world = await openWithKept()
    world.api.hush('statefulsets')
    world.api.remove('statefulsets', 'default/db')
    await resync(world)
    expect(gets(world)).toEqual(['default/db'])
    expect(world.rows().map(world.row)).toEqual(['reserved sts_default_web_web-0'])
  })

  test('R10: while workloads cannot be listed all that they keep stays, and the rest of the resync goes on', async () => {
    const world = await openWithKept()
    world.api.hush('statefulsets')
    world.api.remove('statefulsets', 'default/db')
    world.api.fail('list statefulsets', { status: 500 })
    expect(await resync(world)).toMatchObject({ conflicts: [] })
    expect(world.rows()).toHaveLength(2)
  })
})

test('20,000 pods: a resync asks for the pages of its lists, and once for each suspect', async () => {
  const api = startApiServer()
  const { pods, kept, workloads } = fillLarge(api, 20_000)
  const world = await openWorld({ api })
  expect(world.rows()).toHaveLength(pods + kept)
  await until(() => world.ports.replicator.pending === 0, 60_000)
  await until(() => world.ports.cluster.custom.mirrors().length === 1)
  await until(() => api.calls.some(({ kind }) => kind === 'watch floatingips'), 60_000)

  const counted = async () => {
    api.calls.length = 0
    const found = await resync(world)
    const kinds = Map.groupBy(api.calls, ({ kind }) => kind)
    return { found, asked: Object.fromEntries([...kinds].map(([kind, calls]) => [kind, calls.length])) }
  }
  const page = (count: number) => Math.ceil(count / 500)
  const kinds = page(workloads / 3)
  const pages = {
    ...{ 'list floatingips': page(pods + kept), 'list pods': page(pods) },
    ...{ 'list statefulsets': kinds, 'list deployments': kinds, 'list gangs': kinds },
  }
  expect(await counted()).toEqual({
    found: { adopted: 0, ended: 0, doubts: 0, conflicts: [], missing: 0, different: 0 },
    asked: pages,
  })

  // Three ends that the watch does not tell: a look-up each, and one of the workload that decides what is kept.
  api.hush('pods')
  for (const name of ['w0-3', 'w1-3', 'w2-3']) api.remove('pods', `default/${name}`)
  const { found, asked } = await counted()
  expect(found).toEqual({ adopted: 0, ended: 3, doubts: 0, conflicts: [], missing: 0, different: 0 })
  const once = { 'get statefulsets': 1, 'get deployments': 1, 'get gangs': 1 }
  expect(asked).toMatchObject({ ...pages, 'get pods': 3, ...once })
  expect(world.row('10.64.0.5')).toBe('reserved sts_default_w0_w0-3')
}, 180_000)

test('released while its object is on its way out of the list: it does not come back with it', async () => {
  const kept = floatingIp('10.0.0.2', 'sts_default_web_web-0', { policy: 2 })
  const world = await openWorld({ floatingips: [kept] })
  const going = world.api.hold('delete floatingips')
  const ips = [{ ip: '10.0.0.2', appName: 'web', podName: 'web-0', namespace: 'default' }]
  const released = api(world, '/v1/ip', { method: 'POST', headers: JSON_BODY, body: JSON.stringify({ ips }) })
  await going.arrived
  expect(world.row('10.0.0.2')).toBe('free')
  const pods = world.api.hold('list pods')
  const round = resync(world)
  // The list of objects was answered before that of pods is asked for.
  await pods.arrived
  going.release()
  expect((await released).status).toBe(200)
  pods.release()
  await round
  expect(world.row('10.0.0.2')).toBe('free')
})
