/** Owns the proof that whatever is moved under running pods, entries or the nodes themselves, the pods keep their addresses. */
import { afterEach, describe, expect, test } from 'bun:test'
import { bind, carried, create, filter, run } from './asking.ts'
import { configMap, entry, type Kube, node, pod, workload } from './objects.ts'
import { closeWorlds, openWorld, until, type World } from './world.ts'

afterEach(closeWorlds)

const A = entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2~10.0.0.5')
const B = entry('10.50.0.0/24', '10.0.1.0/24', '10.0.1.2~10.0.1.3')

/** Puts the value in force; it is recognised by its number of addresses. */
async function write(world: World, slots: number, ...entries: object[]): Promise<void> {
  world.api.put('configmaps', configMap(JSON.stringify(entries)))
  await until(() => world.ledger.read(view => view.geometry.slots) === slots)
}

const web = (uid: string, more = {}) => pod('web-0', { owner: 'StatefulSet web', policy: 'immutable', uid, ...more })
const infos = (world: World, name: string) => {
  const args = world.api.get('pods', `default/${name}`)?.metadata.annotations?.['k8s.v1.cni.galaxy.io/args'] ?? '{}'
  return JSON.parse(args).common?.ipinfos
}
/** The nodes that were granted. */
const granted = async (world: World, asking: Kube, ...nodes: string[]) =>
  (await filter(world, asking, ...nodes)).NodeNames ?? []

async function recreated(world: World, uid: string): Promise<Kube> {
  world.api.remove('pods', 'default/web-0')
  await until(() => world.row('10.0.0.2') === 'reserved sts_default_web_web-0')
  return create(world, web(uid))
}

describe('entries are changed while a pod has an address of theirs', () => {
  const settled = async (changed: readonly object[], slots: number) => {
    const world = await openWorld({ statefulsets: [workload('web', 1)] })
    await run(world, web('web-0#1'))
    expect(carried(world, 'web-0')).toEqual(['10.0.0.2'])
    await write(world, slots, ...changed)
    expect(world.row('10.0.0.2')).toBe('bound sts_default_web_web-0 web-0#1')
    expect(world.verify()).toBeNull()
    return world
  }

  test.each([
    [
      'its range moves to an entry of its own',
      [{ ...A, ips: ['10.0.0.4~10.0.0.9'] }, { ...A, ips: ['10.0.0.2~10.0.0.3'] }, B],
      10,
      'a1',
    ],
    [
      'its range moves to the other rack’s entry',
      [
        { ...A, ips: ['10.0.0.4~10.0.0.5'] },
        { ...B, subnet: '10.0.0.0/16', gateway: '10.0.0.1', ips: ['10.0.0.2~10.0.0.3', '10.0.1.2'] },
      ],
      5,
      'b1',
    ],
    ['the entries change places', [B, { ...A, ips: ['10.0.0.2~10.0.0.9'] }], 10, 'a1'],
    ['its node subnet is renamed', [{ ...A, nodeSubnets: ['10.50.0.0/24'] }], 4, 'b1'],
    [
      'its pod network gets another mask, gateway and VLAN',
      [{ ...A, subnet: '10.0.0.0/16', gateway: '10.0.0.254', vlan: 7 }, B, { ...B, ips: ['10.0.1.9'] }],
      7,
      'a1',
    ],
  ])('%s: the pod keeps it, and comes back to it on a node that can use it now', async (_, changed, slots, on) => {
    const world = await settled(changed, slots)
    const next = await recreated(world, 'web-0#2')
    expect(await granted(world, next, 'a1', 'b1')).toEqual([on])
    expect(await bind(world, next, on)).toBe('')
    expect(carried(world, 'web-0')).toEqual(['10.0.0.2'])
  })

  test('what the pod is told of its network is that of the entry in force when it is bound', async () => {
    const world = await settled(
      [{ ...A, subnet: '10.0.0.0/16', gateway: '10.0.0.254', vlan: 7 }, B, { ...B, ips: ['10.0.1.9'] }],
      7,
    )
    expect(infos(world, 'web-0')).toEqual([{ ip: '10.0.0.2/24', vlan: 0, gateway: '10.0.0.1' }])
    const next = await recreated(world, 'web-0#2')
    await granted(world, next, 'a1')
    await bind(world, next)
    expect(infos(world, 'web-0')).toEqual([{ ip: '10.0.0.2/16', vlan: 7, gateway: '10.0.0.254' }])
  })

  test('its entry is removed and added again: it was out of reach for all others, and is its own again', async () => {
    const world = await settled([B], 2)
    const other = await create(world, pod('other', { args: '{"request_ip_range":[["10.0.0.2"]]}' }))
    expect(await granted(world, other, 'a1', 'b1')).toEqual([])
    await write(world, 6, A, B)
    expect(await granted(world, other, 'a1', 'b1')).toEqual([])
    const next = await recreated(world, 'web-0#2')
    expect(await granted(world, next, 'a1', 'b1')).toEqual(['a1'])
  })

  test('its entry is removed, and its pod ends meanwhile: nobody has it, and it is free when the entry is back', async () => {
    const world = await settled([B], 2)
    world.api.remove('pods', 'default/web-0')
    await until(() => world.row('10.0.0.2') === 'free')
    await write(world, 6, A, B)
    const next = await create(world, pod('other', { args: '{"request_ip_range":[["10.0.0.2"]]}' }))
    expect(await granted(world, next, 'a1', 'b1')).toEqual(['a1'])
  })

  test('R17: the same while the watch still shows the object that was deleted with its end: nobody is found in it', async () => {
    const world = await settled([B], 2)
    world.api.hush('floatingips')
    world.api.remove('pods', 'default/web-0')
    await until(() => world.row('10.0.0.2') === 'free' && world.ports.replicator.pending === 0)
    expect(world.api.get('floatingips', '10.0.0.2')).toBeUndefined()
    await write(world, 6, A, B)
    expect(world.row('10.0.0.2')).toBe('free')
    const next = await create(world, pod('other', { args: '{"request_ip_range":[["10.0.0.2"]]}' }))
    expect(await granted(world, next, 'a1', 'b1')).toEqual(['a1'])
  })

  test('a kept address without a pod goes with its entry', async () => {
    const world = await openWorld({ statefulsets: [workload('web', 1)] })
    await run(world, web('web-0#1'))
    world.api.remove('pods', 'default/web-0')
    await until(() => world.row('10.0.0.2') === 'reserved sts_default_web_web-0')
    await write(world, 2, B)
    await until(() => world.row('10.0.0.2') === 'free')
    expect(world.verify()).toBeNull()
  })
})

test('nested node subnets: addresses of the most specific one first, then those of the wider ones; a node outside of it has the wider ones only', async () => {
  const wide = entry('10.49.0.0/16', '10.0.2.0/24', '10.0.2.2~10.0.2.9')
  const rack = { ...A, nodeSubnets: ['10.49.0.8/30'], ips: ['10.0.0.2'] }
  const world = await openWorld({ entries: [wide, rack] })
  for (const name of ['p', 'q']) await run(world, pod(name), 'a1')
  await run(world, pod('r'), 'a2')
  expect(['p', 'q', 'r'].flatMap(name => carried(world, name))).toEqual(['10.0.0.2', '10.0.2.2', '10.0.2.3'])
})

describe('a node gets another address while pods run on it', () => {
  const moved = async (address: string) => {
    const world = await openWorld({ statefulsets: [workload('web', 1)] })
    await run(world, web('web-0#1'))
    world.api.edit('nodes', 'a1', node('a1', address))
    await until(() => world.ports.cluster.nodes.get('a1')?.addresses[0]?.text === address)
    return world
  }

  test('in another node subnet: the pod keeps its own, new pods get addresses of the new subnet', async () => {
    const world = await moved('10.50.0.99')
    expect(world.row('10.0.0.2')).toBe('bound sts_default_web_web-0 web-0#1')
    await run(world, pod('new'), 'a1')
    expect(carried(world, 'new')).toEqual(['10.0.1.2'])
    const next = await recreated(world, 'web-0#2')
    const { NodeNames, FailedAndUnresolvableNodes } = await filter(world, next, 'a1', 'a2')
    expect(NodeNames).toEqual(['a2'])
    expect(FailedAndUnresolvableNodes).toEqual({
      a1: expect.stringContaining('the pod keeps 10.0.0.2, which is not usable in 10.50.0.0/24'),
    })
  })

  test('in none: the pod keeps its own, new pods are refused there', async () => {
    const world = await moved('192.0.2.9')
    expect(world.row('10.0.0.2')).toBe('bound sts_default_web_web-0 web-0#1')
    expect(await granted(world, await create(world, pod('new')), 'a1', 'a2')).toEqual(['a2'])
  })

  test('between filter and bind: the bind is refused, and the pod asks again', async () => {
    const world = await openWorld()
    const asking = await create(world, pod('p'))
    expect(await granted(world, asking, 'a1')).toEqual(['a1'])
    world.api.edit('nodes', 'a1', node('a1', '192.0.2.9'))
    await until(() => world.ports.cluster.nodes.get('a1')?.addresses[0]?.text === '192.0.2.9')
    expect(await bind(world, asking)).toContain('FloatingIPPlugin:NoFIPConfigNode')
    expect(carried(world, 'p')).toEqual([])
  })

  test('deleted and made again with another address: as if it had moved; a pod that waited for it is woken', async () => {
    const world = await openWorld({ entries: [A] })
    const waiting = await create(world, pod('p'))
    expect(await granted(world, waiting, 'b1')).toEqual([])
    world.api.remove('nodes', 'b1')
    await until(() => world.ports.cluster.nodes.get('b1') === undefined)
    expect(await granted(world, waiting, 'b1')).toEqual([])
    world.api.put('nodes', node('b1', '10.49.0.77'))
    await until(() => world.ports.cluster.nodes.get('b1') !== undefined)
    expect(await granted(world, waiting, 'b1')).toEqual(['b1'])
  })
})

describe('a node with several InternalIPs', () => {
  const both = (name: string, ...ips: string[]): Kube => ({
    ...node(name, ''),
    status: {
      addresses: [
        { type: 'Hostname', address: name },
        ...ips.map(address => ({ type: 'InternalIP', address })),
        { type: 'ExternalIP', address: '10.49.0.200' },
      ],
    },
  })

  test.each([
    ['in two node subnets: addresses of the first one’s', ['10.50.0.9', '10.49.0.9'], '10.0.1.2'],
    ['the other way round', ['10.49.0.9', '10.50.0.9'], '10.0.0.2'],
    ['the first one in no node subnet', ['192.0.2.9', '10.50.0.9'], '10.0.1.2'],
    ['IPv6 first', ['fd00::9', '10.50.0.9'], '10.0.1.2'],
  ])('%s', async (_, ips, address) => {
    const world = await openWorld()
    world.api.put('nodes', both('multi', ...ips))
    await until(() => world.ports.cluster.nodes.get('multi') !== undefined)
    await run(world, pod('p'), 'multi')
    expect(carried(world, 'p')).toEqual([address])
  })

  test('when those of the first are all taken, those of the second serve', async () => {
    const world = await openWorld({ entries: [{ ...A, ips: ['10.0.0.2'] }, B] })
    world.api.put('nodes', both('multi', '10.49.0.9', '10.50.0.9'))
    await until(() => world.ports.cluster.nodes.get('multi') !== undefined)
    for (const name of ['p', 'q', 'r']) await run(world, pod(name), 'multi')
    expect(['p', 'q', 'r'].flatMap(name => carried(world, name))).toEqual(['10.0.0.2', '10.0.1.2', '10.0.1.3'])
  })

  test('an ExternalIP, or none at all, is no address of the node', async () => {
    const world = await openWorld()
    world.api.put('nodes', both('outside'))
    await until(() => world.ports.cluster.nodes.get('outside') !== undefined)
    const { FailedAndUnresolvableNodes } = await filter(world, await create(world, pod('p')), 'outside')
    expect(FailedAndUnresolvableNodes?.outside).toStartWith('FloatingIPPlugin:UnknowNode')
  })
})
