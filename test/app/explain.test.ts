/** Why does my pod wait? Each reason, produced on the composed program. */
import { afterEach, describe, expect, test } from 'bun:test'
import { REASONS } from '../../src/app/explain-words.ts'
import { DONE, type ProviderServer, providerServer } from '../cloud/provider-server.ts'
import { api, bind, create, filter, run } from './asking.ts'
import { explain, seen } from './explaining.ts'
import { entry, floatingIp, node, pod, workload } from './objects.ts'
import { closeWorlds, openWorld, startWorld, until, type World } from './world.ts'

const providers: ProviderServer[] = []
afterEach(async () => {
  await closeWorlds()
  for (const each of providers.splice(0)) each.stop()
})

const ONE = [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2')]
const sticky = (name: string, uid?: string) =>
  pod(name, { owner: 'Deployment app', policy: 'immutable', ...(uid !== undefined && { uid }) })

/** Created, and refused on every node that is asked. */
async function refusedAt(world: World, made: ReturnType<typeof pod>, ...nodes: string[]): Promise<void> {
  await create(world, made)
  const reply = await filter(world, made, ...nodes)
  if ((reply.NodeNames ?? []).length > 0) throw new Error(`${made.metadata.name} was granted ${reply.NodeNames}`)
}

describe('pods that wait for an address', () => {
  test('no-address-left: the entry, the nodes, and since when', async () => {
    const world = await openWorld({ entries: ONE })
    await run(world, pod('first'))
    await refusedAt(world, pod('late'), 'a1', 'a2')
    const late = await explain(world, 'late')
    expect(late).toMatchObject({
      reason: 'no-address-left',
      because: 'no free address for nodes in 10.49.0.0/24',
      help: 'add a range for the nodes in 10.49.0.0/24 to the configuration, or let a pod there end',
      blockedBy: [],
      blockedByTotal: 0,
    })
    expect(late.nodes).toMatchObject({ total: 3, qualifying: 0 })
    expect(late.nodes?.groups).toEqual([
      {
        qualifies: false,
        nodes: 2,
        examples: ['a1', 'a2'],
        nodeSubnets: '10.49.0.0/24',
        entries: [{ subnet: '10.0.0.0/24', total: 1, free: 0 }],
        code: 'no-address-left',
        because: 'no free address for nodes in 10.49.0.0/24',
      },
      {
        qualifies: false,
        nodes: 1,
        examples: ['b1'],
        entries: [],
        code: 'node-not-configured',
        because: 'no node subnet of the configuration contains the node',
      },
    ] as object[] as never)
    expect(late.waiting).toMatchObject({ listed: true, nodesAsked: 2, nodesGranted: 0, unansweredWakes: 0 })
    expect(late.waiting.since).toBe(late.waiting.lastAskedAt)
  })

  test('no-address-left: who keeps an address there without a pod', async () => {
    const world = await openWorld({
      entries: ONE,
      floatingips: [floatingIp('10.0.0.2', 'sts_default_web_web-0', { policy: 2 })],
    })
    await refusedAt(world, pod('late'), 'a1')
    const { blockedBy, help } = await explain(world, 'late')
    expect(blockedBy).toMatchObject([{ ip: '10.0.0.2', key: 'sts_default_web_web-0', podName: 'web-0' }])
    expect(help).toContain('release an address that is only kept')
  })

  test('limit-reached: whose addresses count', async () => {
    const world = await openWorld({ deployments: [workload('app', 1)] })
    await run(world, sticky('app-1'))
    await refusedAt(world, sticky('app-2'))
    const { reason, because, blockedBy } = await explain(world, 'app-2')
    expect(reason).toBe('limit-reached')
    expect(because).toBe('deployment app has allocated 1 ips with replicas of 1, wait for releasing')
    expect(blockedBy).toMatchObject([{ ip: '10.0.0.2', podName: 'app-1', podUid: 'app-1#1' }])
  })

  test('rollout-deadlock: nothing but another strategy ends it', async () => {
    const rolling = workload('app', 1)
    const status = { observedGeneration: 1, replicas: 2, updatedReplicas: 1 }
    const world = await openWorld({
      deployments: [{ ...rolling, metadata: { ...rolling.metadata, generation: 1 }, status } as never],
    })
    await run(world, sticky('app-1'))
    await refusedAt(world, sticky('app-2'))
    const { reason, because, help, blockedBy } = await explain(world, 'app-2')
    expect(reason).toBe('rollout-deadlock')
    expect(because).toContain('ends no old pod before a new one runs')
    expect(help).toStartWith('change the strategy of default/app as the message says')
    expect(blockedBy).toMatchObject([{ ip: '10.0.0.2', podName: 'app-1' }])
  })

  test('pool-limit: the pool, its size, and who uses it', async () => {
    const world = await openWorld({ deployments: [workload('app', 3)] })
    const pool = { name: 'p', namespace: 'kube-system', uid: 'pool', resourceVersion: '1' }
    world.api.put('pools', { metadata: pool, size: 1 })
    await until(() => world.ports.cluster.poolInForce('p') !== null)
    const of = (name: string) =>
      pod(name, { owner: 'Deployment app', annotations: { 'tke.cloud.tencent.com/eni-ip-pool': 'p' } })
    await run(world, of('app-1'))
    await refusedAt(world, of('app-2'))
    const { reason, because, help, blockedBy } = await explain(world, 'app-2')
    expect({ reason, because, help }).toEqual({
      reason: 'pool-limit',
      because: 'reached pool p size limit of 1',
      help: 'give pool p a larger size, or let one of its pods end',
    })
    expect(blockedBy).toMatchObject([{ ip: '10.0.0.2', poolName: 'p', podName: 'app-1' }])
  })

  test('waiting-for-old-pod: the end of the pod before it is not booked yet', async () => {
    const world = await openWorld({ statefulsets: [workload('web', 1)] })
    const web = (uid: string) => pod('web-0', { owner: 'StatefulSet web', policy: 'immutable', uid })
    await run(world, web('web-0#1'))
    await until(() => world.ports.cluster.pods.get('default/web-0')?.node === 'a1')
    world.api.fail('get statefulsets', 'hang') // its end cannot be booked before the workload is known
    world.api.put('pods', web('web-0#2'))
    await until(() => world.ports.cluster.pods.get('default/web-0')?.uid === 'web-0#2')
    const { reason, because, blockedBy } = await explain(world, 'web-0')
    expect(reason).toBe('waiting-for-old-pod')
    expect(because).toBe('waiting for delete event of sts_default_web_web-0 before reuse this ip')
    expect(blockedBy).toMatchObject([{ ip: '10.0.0.2', podUid: 'web-0#1' }])
  })

  test('address-elsewhere: its kept address belongs to other nodes', async () => {
    const world = await openWorld({
      floatingips: [floatingIp('10.0.1.2', 'sts_default_web_web-0', { policy: 2 })],
    })
    const web = pod('web-0', { owner: 'StatefulSet web', policy: 'never' })
    world.api.remove('nodes', 'b1')
    await until(() => world.ports.cluster.nodes.get('b1') === undefined)
    await refusedAt(world, web, 'a1')
    const { reason, blockedBy, nodes } = await explain(world, 'web-0')
    expect(reason).toBe('address-elsewhere')
    expect(blockedBy).toMatchObject([{ ip: '10.0.1.2', key: 'sts_default_web_web-0' }])
    expect(nodes).toMatchObject({ total: 2, qualifying: 0 })
  })
})

describe('pods whose author has to mend something', () => {
  const of = (name: string, words: Parameters<typeof pod>[1]) => pod(name, words)

  test.each([
    ['policy-not-supported', of('bare', { policy: 'immutable' }), 'release policy immutable is not supported'],
    ['request-not-possible', of('far', { args: '{"request_ip_range":[["192.168.0.1"]]}' }), 'request_ip_range[0]'],
    ['request-unreadable', of('odd', { args: '{"request_ip_range":"10.0.0.2"}' }), 'must be a list of lists'],
  ])('%s', async (reason, made, text) => {
    const world = await openWorld()
    await refusedAt(world, made)
    const explained = await explain(world, made.metadata.name)
    expect(explained.reason).toBe(reason)
    expect(explained.because).toContain(text)
    expect(explained.nodes?.qualifying).toBe(0)
  })
})

describe('nodes that have no addresses', () => {
  test('node-not-configured', async () => {
    const world = await openWorld({ entries: [entry('10.99.0.0/24', '10.0.0.0/24', '10.0.0.2')] })
    await refusedAt(world, pod('p'))
    expect((await explain(world, 'p')).reason).toBe('node-not-configured')
  })

  test('unknown-node, no-nodes', async () => {
    const world = await openWorld()
    for (const name of ['a1', 'a2', 'b1']) world.api.remove('nodes', name)
    await until(() => world.ports.cluster.nodes.size === 0)
    await create(world, pod('p'))
    expect((await explain(world, 'p')).reason).toBe('no-nodes')
    world.api.put('nodes', { ...node('new', ''), status: { addresses: [] } })
    await until(() => world.ports.cluster.nodes.size === 1)
    await refusedAt(world, pod('p'), 'new')
    expect((await explain(world, 'p')).reason).toBe('unknown-node')
  })
})

describe('pods that could have an address', () => {
  test('not-asked, then scheduler-turn, then bound', async () => {
    const world = await openWorld()
    await create(world, pod('p'))
    const { reason, nodes } = await explain(world, 'p')
    expect(reason).toBe('not-asked')
    expect(nodes).toMatchObject({ total: 3, qualifying: 3 })
    await filter(world, pod('p'))
    expect((await explain(world, 'p')).reason).toBe('scheduler-turn')
    expect(await bind(world, pod('p'))).toBe('')
    await until(() => world.ports.cluster.pods.get('default/p')?.node === 'a1')
    expect((await explain(world, 'p')).reason).toBe('bound')
  })

  test('no-address-left where the scheduler asked: which other nodes would do', async () => {
    const world = await openWorld({
      entries: [...ONE, entry('10.50.0.0/24', '10.0.1.0/24', '10.0.1.2')],
    })
    await run(world, pod('first'))
    await refusedAt(world, pod('late'), 'a1', 'a2')
    const { reason, because, help, nodes } = await explain(world, 'late')
    expect(reason).toBe('no-address-left')
    expect(because).toBe(
      'no free address for nodes in 10.49.0.0/24; 1 other node would do, which the scheduler did not ask about',
    )
    expect(help).toContain('or let it run on the nodes that qualify')
    expect(nodes?.groups[0]).toMatchObject({ qualifies: true, nodes: 1, examples: ['b1'] })
  })

  test('node-not-configured where the scheduler asked', async () => {
    const world = await openWorld({ entries: ONE })
    await refusedAt(world, pod('late'), 'b1')
    const { reason, because } = await explain(world, 'late')
    expect(reason).toBe('node-not-configured')
    expect(because).toEndWith('; 2 other nodes would do, which the scheduler did not ask about')
  })

  test('an address came free where the scheduler asked: it is told, and asks again', async () => {
    const world = await openWorld({ entries: ONE })
    await run(world, pod('first'))
    await refusedAt(world, pod('late'), 'a1', 'a2')
    world.api.remove('pods', 'default/first')
    await until(() => world.row('10.0.0.2') === 'free')
    expect((await explain(world, 'late')).reason).toBe('scheduler-turn')
  })

  test('binding: the claim is made, the Binding is on its way', async () => {
    const world = await openWorld()
    await create(world, pod('p'))
    await filter(world, pod('p'))
    const door = world.api.hold('bind pods')
    const bound = bind(world, pod('p'))
    await door.arrived
    expect(await explain(world, 'p')).toMatchObject({ reason: 'binding', because: 'it is being bound to a1' })
    door.release()
    await bound
  })

  test('bind-failed: the API server’s words', async () => {
    const world = await openWorld()
    await create(world, pod('p'))
    await filter(world, pod('p'))
    world.api.fail('bind pods', { status: 403, reason: 'Forbidden' })
    expect(await bind(world, pod('p'))).not.toBe('')
    const { reason, because } = await explain(world, 'p')
    expect(reason).toBe('bind-failed')
    expect(because).toContain('403')
  })

  test('cloud-failing: the provider’s words and the node', async () => {
    const cloud = await providerServer(() => ({ success: false, msg: 'quota' }))
    providers.push(cloud)
    const world = await openWorld({ cloudProvider: cloud.target })
    await create(world, pod('p'))
    await filter(world, pod('p'))
    await bind(world, pod('p'))
    expect(await explain(world, 'p')).toMatchObject({
      reason: 'cloud-failing',
      because: 'the cloud provider did not assign 10.0.0.2 to node a1: quota',
      help: 'mend what the address provider says of node a1; the scheduler tries again by itself',
      has: [{ ip: '10.0.0.2', state: 'bound', node: 'a1' }],
    })
    cloud.script = () => DONE
    expect(await bind(world, pod('p'))).toBe('')
  })
})

describe('when floatip cannot tell', () => {
  test('not-ready: what it waits for', async () => {
    const world = startWorld({ entries: null })
    world.api.put('pods', pod('p'))
    await until(() => world.gate.waitingFor.includes('floatingip-config'))
    const { reason, because } = await explain(world, 'p')
    expect(reason).toBe('not-ready')
    expect(because).toStartWith('floatip is not ready: waiting for the configuration: ConfigMap')
  })

  test('workload-unreadable: a rule needs the Deployment, and the API server fails', async () => {
    const world = await openWorld()
    await create(world, sticky('app-1'))
    world.api.fail('get deployments', { status: 500 }, 10)
    const { reason, because } = await explain(world, 'app-1')
    expect(reason).toBe('workload-unreadable')
    expect(because).toContain('500')
  })

  test('the API server does not answer for a pod that is not followed: no guess', async () => {
    const world = await openWorld()
    world.api.fail('get pods', { status: 500 }, 10)
    expect((await api(world, '/v1/explain/pods/default/p')).status).toBeGreaterThanOrEqual(500)
  })
})

test('every reason was seen, here, or (of pods that do not wait) in explain-bound.test.ts, or in resting.test.ts', () => {
  const there = ['not-requested', 'ended', 'bound-without-address', 'address-not-recorded', 'two-claimants', 'resting']
  expect(REASONS.filter(reason => !seen.has(reason) && !there.includes(reason))).toEqual([])
})
