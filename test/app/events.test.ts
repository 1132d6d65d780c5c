/** Owns the proof of what people are told by Events, for the life of a pod and of what its workload keeps. */
import { afterEach, describe, expect, test } from 'bun:test'
import { bind, callsOf, create, filter, run } from './asking.ts'
import { carries, entry, pod, workload } from './objects.ts'
import { closeWorlds, openWorld, until, type World } from './world.ts'

afterEach(closeWorlds)

const ONE = [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2')]

interface EventObject {
  readonly type: string
  readonly reason: string
  readonly message: string
  readonly count: number
  readonly involvedObject: Record<string, string>
}

const events = (world: World) => world.api.all('events') as unknown as EventObject[]

/** As `kubectl get events` shows them. */
const told = (world: World) =>
  events(world).map(
    ({ type, reason, involvedObject, message, count }) =>
      `${type} ${reason} ${involvedObject.kind}/${involvedObject.name}${count > 1 ? ` x${count}` : ''}: ${message}`,
  )

/** Warnings go first: their place among the others is nobody's promise. */
const warned = (world: World) => told(world).filter(line => line.startsWith('Warning'))

async function expectTold(world: World, ...lines: string[]): Promise<void> {
  await until(() => told(world).length >= lines.length)
  await Bun.sleep(50)
  expect(told(world)).toEqual(lines)
}

const web = (uid: string, more = {}) => pod('web-0', { owner: 'StatefulSet web', policy: 'immutable', uid, ...more })

describe('given, kept, released', () => {
  test('a StatefulSet’s pod: a new address, kept at its end, the same again, released with the scale-down', async () => {
    const world = await openWorld({ statefulsets: [workload('web', 1)] })
    await run(world, web('web-0#1'))
    await expectTold(world, 'Normal AddressAllocated Pod/web-0: has 10.0.0.2 on node a1: a new one')
    expect(events(world)[0]?.involvedObject).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      namespace: 'default',
      name: 'web-0',
      uid: 'web-0#1',
    })
    world.api.remove('pods', 'default/web-0')
    await until(() => told(world).length === 2)
    await run(world, web('web-0#2'), 'a2')
    await until(() => told(world).length === 3)
    world.api.edit('statefulsets', 'default/web', { spec: { replicas: 0 } })
    world.api.remove('pods', 'default/web-0')
    await expectTold(
      world,
      'Normal AddressAllocated Pod/web-0: has 10.0.0.2 on node a1: a new one',
      'Normal AddressKept StatefulSet/web: keeps 10.0.0.2 of pod web-0: its pod was deleted; policy immutable',
      'Normal AddressAllocated Pod/web-0: has 10.0.0.2 on node a2: the same as before',
      'Normal AddressReleased StatefulSet/web: released 10.0.0.2 of pod web-0: its pod was deleted; its workload was scaled down',
    )
    expect(events(world)[1]?.involvedObject.uid).toBe('uid-of-web')
  })

  test('a Deployment’s next pod has what the Deployment kept', async () => {
    const app = (name: string) => pod(name, { owner: 'Deployment app', policy: 'immutable' })
    const world = await openWorld({ deployments: [workload('app', 1)] })
    await run(world, app('app-a'))
    world.api.remove('pods', 'default/app-a')
    await until(() => told(world).length === 2)
    await run(world, app('app-b'))
    await expectTold(
      world,
      'Normal AddressAllocated Pod/app-a: has 10.0.0.2 on node a1: a new one',
      'Normal AddressKept Deployment/app: keeps 10.0.0.2 of pod app-a: its pod was deleted; policy immutable',
      'Normal AddressAllocated Pod/app-b: has 10.0.0.2 on node a1: one that Deployment app kept',
    )
  })

  test('a pool’s object is told what the pool keeps', async () => {
    const annotations = { 'tke.cloud.tencent.com/eni-ip-pool': 'web' }
    const world = await openWorld({ deployments: [workload('d', 1)] })
    const metadata = { name: 'web', namespace: 'kube-system', uid: 'pool-1', resourceVersion: '1' }
    world.api.put('pools', { metadata, size: 2 })
    await until(() => world.ports.cluster.poolInForce('web')?.size === 2)
    await run(world, pod('d-a', { owner: 'Deployment d', policy: 'never', annotations }))
    world.api.remove('pods', 'default/d-a')
    await until(() => told(world).length === 2)
    expect(told(world)[1]).toBe(
      'Normal AddressKept Pool/web: keeps 10.0.0.2 of pod d-a: its pod was deleted; policy never',
    )
    expect(events(world)[1]?.involvedObject).toMatchObject({ namespace: 'kube-system', uid: 'pool-1' })
  })

  test('a scale-down is one Event, not one for each address', async () => {
    const entries = [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2~10.0.0.99')]
    const world = await openWorld({ entries, deployments: [workload('app', 40)] })
    const names = Array.from({ length: 40 }, (_, at) => `app-${at}`)
    for (const name of names) await run(world, pod(name, { owner: 'Deployment app' }))
    for (const name of names) world.api.remove('pods', `default/${name}`)
    await until(() => told(world).some(line => line.includes('AddressReleased')))
    await Bun.sleep(600)
    const released = told(world).filter(line => line.includes('AddressReleased'))
    expect(released.length).toBeLessThanOrEqual(3)
    expect(released[0]).toMatch(
      /^Normal AddressReleased Deployment\/app: released 10\.0\.0\.\d+, 10\.0\.0\.\d+, 10\.0\.0\.\d+ and \d+ more: its pod was deleted; released with its pod$/,
    )
  })

  test('a custom workload’s pods tell its kind', async () => {
    const world = await openWorld()
    const gang = pod('crew-0', { policy: 'never' })
    const reference = { apiVersion: 'apps.example.com/v1', kind: 'Gang', name: 'crew', uid: 'gang-1', controller: true }
    gang.metadata.ownerReferences = [reference]
    await run(world, gang)
    world.api.remove('pods', 'default/crew-0')
    await until(() => told(world).length === 2)
    expect(told(world)[1]).toBe(
      'Normal AddressKept Gang/crew: keeps 10.0.0.2 of pod crew-0: its pod was deleted; policy never',
    )
    expect(events(world)[1]?.involvedObject).toMatchObject({ apiVersion: 'apps.example.com/v1', uid: 'gang-1' })
  })
})

describe('waiting', () => {
  const LEFT = 'no free address for nodes in 10.49.0.0/24'

  test('told when it begins and when the reason is another, not at every look', async () => {
    const world = await openWorld({ entries: ONE })
    await run(world, pod('old'))
    const it = await create(world, pod('w'))
    for (let n = 0; n < 20; n++) await filter(world, it, 'a1', 'a2')
    await until(() => told(world).length >= 2)
    await Bun.sleep(100)
    expect(warned(world)).toEqual([`Warning WaitingForAddress Pod/w: ${LEFT}`])
  })

  /** The scheduler knows of the next pod before we know of the old one's end. */
  async function askedTooEarly(speed = 1): Promise<World> {
    const world = await openWorld({ speed })
    await run(world, web('web-0#1'))
    await until(() => told(world).length === 1)
    world.api.hush('pods')
    world.api.remove('pods', 'default/web-0')
    await filter(world, world.api.put('pods', web('web-0#2')) as never, 'a1')
    return world
  }

  test('R1 for the old pod’s end: told when it lasts', async () => {
    const world = await askedTooEarly()
    await until(() => warned(world).length > 0)
    expect(warned(world)).toEqual([
      'Warning WaitingForAddress Pod/web-0: waiting for delete event of sts_default_web_web-0 before reuse this ip',
    ])
  })

  test('and not when the end was seen meanwhile and the pod is bound', async () => {
    // A second is two here: what follows may take long on a busy machine.
    const world = await askedTooEarly(0.5)
    world.api.tell('pods')
    await until(() => world.row('10.0.0.2') === 'reserved sts_default_web_web-0')
    await run(world, web('web-0#2'))
    await until(() => told(world).length === 3)
    await Bun.sleep(2_100)
    expect(warned(world)).toEqual([])
  }, 15_000)

  test('what only its author mends is refused', async () => {
    const world = await openWorld()
    await filter(world, await create(world, pod('bad', { args: '{"request_ip_range":[["1.2.3.4"]]}' })))
    await filter(world, await create(world, pod('bare', { policy: 'immutable' })))
    await until(() => told(world).length >= 2)
    expect(told(world)).toEqual([
      'Warning AddressRefused Pod/bad: request_ip_range[0] (1.2.3.4) has no address of the configuration floatingips',
      'Warning AddressRefused Pod/bare: release policy immutable is not supported for pod bare of no workload',
    ])
  })

  test('a Deployment’s pods that wait for replicas: no count in the text, which would change', async () => {
    const app = (name: string) => pod(name, { owner: 'Deployment app', policy: 'immutable' })
    const world = await openWorld({ deployments: [workload('app', 1)] })
    await run(world, app('app-a'))
    await filter(world, await create(world, app('app-b')))
    await until(() => told(world).length >= 2)
    expect(warned(world)).toEqual([
      'Warning WaitingForAddress Pod/app-b: Deployment app has as many addresses as replicas: waits for one to be released',
    ])
  })
})

describe('conflicts and adoptions', () => {
  const ARGS = carries('10.0.0.2')

  test('a second pod with an address is told on itself, once', async () => {
    const world = await openWorld()
    await run(world, pod('first'))
    world.api.put('pods', pod('second', { node: 'a2', args: ARGS }))
    await until(() => told(world).length >= 2)
    world.api.edit('pods', 'default/second', { metadata: { labels: { touched: 'yes' } } })
    await Bun.sleep(100)
    expect(warned(world)).toEqual([
      'Warning AddressConflict Pod/second: 10.0.0.2 is claimed by NULL_default_NULL_second (pod), but NULL_default_NULL_first has it',
    ])
  })

  test('a conflict that the start finds is told too; what the start adopts is no news', async () => {
    const args = { args: ARGS }
    const pods = [pod('first', { node: 'a1', ...args }), pod('second', { node: 'a2', ...args })]
    const world = await openWorld({ pods })
    await until(() => told(world).length >= 1)
    await Bun.sleep(600)
    expect(told(world)).toHaveLength(1)
    expect(told(world)[0]).toStartWith('Warning AddressConflict Pod/second: 10.0.0.2 is claimed by')
  })

  test('a pod that somebody else bound is recorded, and told so', async () => {
    const world = await openWorld()
    world.api.put('pods', pod('other', { node: 'a1', args: ARGS }))
    await expectTold(
      world,
      'Normal AddressAdopted Pod/other: recorded 10.0.0.2 of pod other: found in the cluster (pod)',
    )
  })
})

describe('Events harm nobody', () => {
  test('--events=false: none at all', async () => {
    const world = await openWorld({ events: false })
    await run(world, pod('p'))
    world.api.remove('pods', 'default/p')
    await until(() => world.row('10.0.0.2') === 'free')
    await Bun.sleep(600)
    expect(callsOf(world, 'create events')).toEqual([])
  })

  test('an API server that never answers them: binds go on', async () => {
    const world = await openWorld()
    for (let n = 0; n < 20; n++) world.api.fail('create events', 'hang')
    for (const name of ['p1', 'p2', 'p3', 'p4']) await run(world, pod(name))
    expect(await bind(world, pod('p1'))).toBe('')
  })

  test('a missing right is said once', async () => {
    const world = await openWorld()
    world.api.fail('create events', { status: 403, reason: 'Forbidden' }, 9)
    for (const name of ['p1', 'p2', 'p3']) await run(world, pod(name))
    await until(() => callsOf(world, 'create events').length >= 3)
    await Bun.sleep(50)
    expect(world.logged.filter(line => line.includes('--events=false'))).toHaveLength(1)
  })
})
