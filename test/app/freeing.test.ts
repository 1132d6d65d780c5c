/** Owns the safety rules of freeing (safety.md R1, R7): no path takes an address from an unfinished pod, and absence alone proves nothing. */
import { afterEach, describe, expect, test } from 'bun:test'
import { podEnded } from '../../src/app/pod-ends.ts'
import { podFact, type RawPod } from '../../src/kube/pod.ts'
import { Fault } from '../../src/lib/fault.ts'
import { api, bind, callsOf, create, filter, run } from './asking.ts'
import { pod, workload } from './objects.ts'
import { closeWorlds, openWorld, until, type World } from './world.ts'

afterEach(closeWorlds)

const web = (uid: string, more = {}) => pod('web-0', { owner: 'StatefulSet web', policy: 'never', uid, ...more })
const bare = pod('bare')
const MINE = 'bound NULL_default_NULL_bare bare#1'
const ITEM = { ip: '10.0.0.2', appName: 'NULL', appType: 'NULL', podName: 'bare', namespace: 'default' }

const release = (world: World, item: object) =>
  api<{ code: number; reasons?: string[] }>(world, '/v1/ip', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ips: [item] }),
  })

describe('R1: an unfinished pod keeps its address', () => {
  test('R1: against an HTTP release, which says why', async () => {
    const world = await openWorld()
    await run(world, bare)
    const { status, body } = await release(world, ITEM)
    expect(status).toBe(202)
    expect(body.reasons).toEqual(['releasing 10.0.0.2: pod default/bare is Pending'])
    expect(world.row('10.0.0.2')).toBe(MINE)
  })

  test('R1: against an HTTP release while the API server cannot tell', async () => {
    const world = await openWorld()
    await run(world, bare)
    world.api.fail('get pods', { status: 500 })
    const { status, body } = await release(world, ITEM)
    expect(status).toBe(202)
    expect(body.reasons?.[0]).toStartWith('releasing 10.0.0.2: GET /api/v1/namespaces/default/pods/bare: 500')
    expect(world.row('10.0.0.2')).toBe(MINE)
  })

  test('R1: against an HTTP release whose look-up is overtaken by a new pod’s bind', async () => {
    const world = await openWorld({ statefulsets: [workload('web', 1)] })
    await run(world, web('web-0#1'))
    world.api.remove('pods', 'default/web-0')
    await until(() => world.row('10.0.0.2') === 'reserved sts_default_web_web-0')
    const item = { ip: '10.0.0.2', appName: 'web', appType: 'statefulset', podName: 'web-0', namespace: 'default' }
    // The look-up finds no pod; its answer is late, and by the time it is used there is one.
    world.api.fail('get pods', { status: 404, reason: 'NotFound' })
    const lookUp = world.api.hold('get pods')
    const released = release(world, item)
    await lookUp.arrived
    await run(world, web('web-0#2'))
    lookUp.release()
    expect((await released).body.reasons).toEqual(['10.0.0.2 changed while its pod was looked up: try again'])
    expect(world.row('10.0.0.2')).toBe('bound sts_default_web_web-0 web-0#2')
  })

  test('R1: against a DELETED event of an earlier incarnation that comes late', async () => {
    const world = await openWorld()
    await run(world, web('web-0#1'))
    world.api.remove('pods', 'default/web-0')
    await until(() => world.row('10.0.0.2') === 'reserved sts_default_web_web-0')
    await run(world, web('web-0#2'))
    // Told twice, and after its successor was bound.
    await world.ports.cluster.stop()
    const ended = { pod: podFact(web('web-0#1') as RawPod), certain: true, because: 'its pod was deleted' }
    await podEnded(world.ports, ended, new AbortController().signal)
    expect(world.row('10.0.0.2')).toBe('bound sts_default_web_web-0 web-0#2')
  })

  test('R1: against the expiry of a hold that its bind has claimed meanwhile', async () => {
    const world = await openWorld({ holdMs: 200, deployments: [workload('app', 1)] })
    await run(world, pod('old', { owner: 'Deployment app', policy: 'immutable' }))
    world.api.remove('pods', 'default/old')
    await until(() => world.row('10.0.0.2') === 'reserved dp_default_app_')
    await run(world, pod('next', { owner: 'Deployment app', policy: 'immutable' }))
    await Bun.sleep(400)
    expect(world.row('10.0.0.2')).toBe('bound dp_default_app_next next#1')
  })

  test('R1: a replacement of the same name waits until the old pod’s end is seen', async () => {
    const world = await openWorld()
    await run(world, web('web-0#1'))
    world.api.hush('pods')
    world.api.remove('pods', 'default/web-0')
    const next = world.api.put('pods', web('web-0#2'))
    const why = 'waiting for delete event of sts_default_web_web-0 before reuse this ip'
    expect((await filter(world, next, 'a1')).FailedAndUnresolvableNodes).toEqual({ a1: why })
    world.api.tell('pods')
    await until(() => world.row('10.0.0.2') === 'reserved sts_default_web_web-0')
    expect((await filter(world, next, 'a1')).NodeNames).toEqual(['a1'])
  })
})

describe('R7: only evidence ends an incarnation', () => {
  /** The watch is told to list again, and the list leaves the pod out. */
  async function relistWithout(world: World) {
    world.api.hide('pods', 'default/bare')
    world.api.dropWatches('pods', true)
    await until(() => world.ports.cluster.pods.size === 0)
  }

  test('R7: missing in a relist, found by the quorum GET: kept', async () => {
    const world = await openWorld()
    await run(world, bare)
    await relistWithout(world)
    await until(() => callsOf(world, 'get pods').length > 0)
    await Bun.sleep(50)
    expect(world.row('10.0.0.2')).toBe(MINE)
  })

  test('R7: missing in a relist, found by the quorum GET: what is only held for it goes back in time all the same', async () => {
    const world = await openWorld({ holdMs: 600, deployments: [workload('app', 1)] })
    await run(world, pod('old', { owner: 'Deployment app', policy: 'immutable' }))
    world.api.remove('pods', 'default/old')
    await until(() => world.row('10.0.0.2') === 'reserved dp_default_app_')
    const next = pod('bare', { owner: 'Deployment app', policy: 'immutable' })
    await filter(world, await create(world, next), 'a1')
    expect(world.row('10.0.0.2')).toBe('held dp_default_app_bare bare#1')
    await relistWithout(world)
    await until(() => world.row('10.0.0.2') === 'reserved dp_default_app_')
  })

  test('R7: missing in a relist, and the quorum GET fails: kept, and asked again', async () => {
    const world = await openWorld({ speed: 20 })
    await run(world, bare)
    world.api.fail('get pods', { status: 500 }, 2)
    await relistWithout(world)
    await until(() => callsOf(world, 'get pods').length >= 3)
    expect(world.row('10.0.0.2')).toBe(MINE)
  })

  test('R7: missing in a relist, and a 404 that does not speak of this pod: kept', async () => {
    const world = await openWorld({ speed: 20 })
    await run(world, bare)
    world.api.fail('get pods', { status: 404, reason: '' }, 2)
    await relistWithout(world)
    await until(() => callsOf(world, 'get pods').length >= 3)
    expect(world.row('10.0.0.2')).toBe(MINE)
  })

  test('R7: missing in a relist, and gone by the quorum GET: freed', async () => {
    const world = await openWorld()
    await run(world, bare)
    world.api.hush('pods')
    world.api.remove('pods', 'default/bare')
    world.api.dropWatches('pods', true)
    await until(() => world.row('10.0.0.2') === 'free')
    expect(callsOf(world, 'get pods').length).toBeGreaterThan(0)
  })

  test('R7: missing in a relist, and another UID under the name: freed', async () => {
    const world = await openWorld()
    await run(world, bare)
    world.api.hush('pods')
    world.api.remove('pods', 'default/bare')
    world.api.put('pods', pod('bare', { uid: 'bare#2' }))
    await relistWithout(world)
    await until(() => world.row('10.0.0.2') === 'free')
  })

  test('R7: a relist shows a pod of its name that asks for no address: freed', async () => {
    const world = await openWorld()
    await run(world, bare)
    world.api.hush('pods')
    world.api.remove('pods', 'default/bare')
    world.api.put('pods', pod('bare', { uid: 'bare#2', asks: false }))
    world.api.dropWatches('pods', true)
    await until(() => world.row('10.0.0.2') === 'free')
  })

  test.each(['Succeeded', 'Failed'])('R7: a pod that is %s has ended, although its object stays', async phase => {
    const world = await openWorld()
    await run(world, bare)
    world.api.edit('pods', 'default/bare', { status: { phase } })
    await until(() => world.row('10.0.0.2') === 'free')
  })

  test('R7: a pod that is being deleted is unfinished', async () => {
    const world = await openWorld()
    await run(world, bare)
    world.api.edit('pods', 'default/bare', { metadata: { deletionTimestamp: '2026-11-24T12:00:00Z' } })
    await until(() => world.ports.cluster.pods.get('default/bare')?.deleting === true)
    await Bun.sleep(50)
    expect(world.row('10.0.0.2')).toBe(MINE)
  })

  test('R7: a replacement seen before the deletion is evidence of the end', async () => {
    const world = await openWorld()
    await run(world, bare)
    world.api.put('pods', pod('bare', { uid: 'bare#2' }))
    await until(() => world.row('10.0.0.2') === 'free')
  })
})

describe('what a workload keeps', () => {
  test('an ended pod’s address is kept while its workload cannot be read', async () => {
    const world = await openWorld({ statefulsets: [workload('web', 0)] })
    await run(world, pod('web-0', { owner: 'StatefulSet web', policy: 'immutable' }))
    world.api.fail('get statefulsets', { status: 500 }, 100)
    world.api.remove('pods', 'default/web-0')
    await until(() => world.row('10.0.0.2') !== 'bound sts_default_web_web-0 web-0#1')
    expect(world.row('10.0.0.2')).toBe('reserved sts_default_web_web-0')
  })

  test.each([
    ['scaled below the ordinal', 0],
    ['deleted', null],
  ])('an address kept by a StatefulSet goes when it is %s', async (_, replicas) => {
    const world = await openWorld({ statefulsets: [workload('web', 1)] })
    await run(world, pod('web-0', { owner: 'StatefulSet web', policy: 'immutable' }))
    world.api.remove('pods', 'default/web-0')
    await until(() => world.row('10.0.0.2') === 'reserved sts_default_web_web-0')
    if (replicas === null) world.api.remove('statefulsets', 'default/web')
    else world.api.edit('statefulsets', 'default/web', { spec: { replicas } })
    await until(() => world.row('10.0.0.2') === 'free')
    await until(() => world.api.get('floatingips', '10.0.0.2') === undefined)
  })
})

test('a pod replaced by another of its name, and that one over before the watch is back: both ends are told', async () => {
  const world = await openWorld()
  await create(world, pod('job'))
  world.api.hush('pods')
  world.api.remove('pods', 'default/job')
  const second = pod('job', { uid: 'job#2' })
  world.api.put('pods', second)
  expect(await bind(world, second)).toBe('')
  expect(world.row('10.0.0.2')).toBe('bound NULL_default_NULL_job job#2')
  world.api.edit('pods', 'default/job', { status: { phase: 'Succeeded' } })
  world.api.dropWatches('pods', true)
  world.api.tell('pods')
  await until(() => world.row('10.0.0.2') === 'free')
})

test('an end that cannot be booked for long is tried each second, and told once', async () => {
  const world = await openWorld({ speed: 100 })
  await run(world, bare)
  let tries = 0
  const leave = () => {
    tries++
    return Promise.reject(new Fault('the cloud is away', { retryable: true }))
  }
  const places = Object.assign(Object.create(null), { leave })
  const giveUp = new AbortController()
  const ended = { pod: podFact(bare as unknown as RawPod), certain: true, because: 'its pod was deleted' }
  const booking = podEnded({ ...world.ports, places }, ended, giveUp.signal)
  await until(() => tries >= 10)
  giveUp.abort()
  await booking
  expect(world.logged.filter(line => line.includes('is not booked yet'))).toHaveLength(1)
})
