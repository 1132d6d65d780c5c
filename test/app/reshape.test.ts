/** Owns safety rule R17, and R6 where an address is let go: what the cluster shows of an address counts in the very turn in which it could go to somebody. */
import { afterEach, describe, expect, test } from 'bun:test'
import { ownerKey } from '../../src/domain/owner.ts'
import { Fault } from '../../src/lib/fault.ts'
import { api, bind, carried, create, filter, run } from './asking.ts'
import { carries, configMap, entry, floatingIp, type Kube, pod } from './objects.ts'
import { closeWorlds, ENTRIES, openWorld, until, type World } from './world.ts'

afterEach(closeWorlds)

const ADDED = '10.0.9.9'
const MORE = [...ENTRIES, entry('10.51.0.0/24', '10.0.9.0/24', ADDED), entry('10.49.0.0/24', '10.0.8.0/24', '10.0.8.2')]
const OTHER = pod('other', { node: 'a1', args: carries(ADDED), owner: 'StatefulSet other', policy: 'never' })

/** What the address is in the first moment in which it is configured: nobody was asked in between. */
function atReshape(world: World): Promise<string> {
  const { ledger } = world
  const { promise, resolve } = Promise.withResolvers<string>()
  const { reshape } = ledger
  ledger.reshape = (...args: Parameters<typeof reshape>) => {
    reshape(...args)
    resolve(world.row(ADDED))
  }
  world.api.put('configmaps', configMap(JSON.stringify(MORE)))
  return promise
}

describe('R17 a range comes into the configuration', () => {
  const OBJECTS: readonly (readonly [string, Kube, string])[] = [
    [
      'galaxy-ipam’s object of a living pod',
      floatingIp(ADDED, 'sts_default_other_other', { policy: 2, uid: 'other#1', node: 'a1' }),
      'bound sts_default_other_other other#1',
    ],
    ['an object of a kept address', floatingIp(ADDED, 'dp_default_app_', { policy: 2 }), 'reserved dp_default_app_'],
    [
      'an object with the label reserved',
      floatingIp(ADDED, '', { labels: { reserved: 'firewall' } }),
      'reserved reserved_NULL_NULL_',
    ],
    ['an object that cannot be read', floatingIp(ADDED, 'no key of ours'), 'reserved reserved_NULL_NULL_'],
  ]
  test.each(OBJECTS)('R17 %s, seen and not yet looked into, has it in the same turn', async (_, object, row) => {
    const world = await openWorld()
    await Bun.sleep(50)
    const look = world.api.hold('get floatingips')
    world.api.put('floatingips', object)
    await look.arrived
    expect(await atReshape(world)).toBe(row)
    look.release()
    await Bun.sleep(100)
    expect(world.row(ADDED)).toBe(row)
    expect(world.verify()).toBeNull()
  })

  test.each(OBJECTS)('R17 %s, there since the start, has it in the same turn', async (_, object, row) => {
    const pods = row.startsWith('bound') ? [OTHER] : []
    const world = await openWorld({ floatingips: [object], pods })
    expect(await atReshape(world)).toBe(row)
    await Bun.sleep(50)
    expect(world.row(ADDED)).toBe(row)
  })

  test('R17 a running pod that carries it, and of which the ledger has no row, has it in the same turn', async () => {
    const world = await openWorld()
    const { ledger } = world
    const { submit } = ledger
    ledger.submit = () => Promise.reject(new Fault('the disk is full', { retryable: true }))
    await create(world, OTHER)
    await Bun.sleep(20)
    ledger.submit = submit
    expect(world.row(ADDED)).toBe('free')
    expect(await atReshape(world)).toBe('bound sts_default_other_other other#1')
  })

  test('R17 an orphan of a running pod keeps it, and a third pod gets another one', async () => {
    const world = await openWorld({ pods: [OTHER] })
    expect(await atReshape(world)).toBe('bound sts_default_other_other other#1')
    world.api.put('nodes', {
      ...(world.api.get('nodes', 'a1') as Kube),
      metadata: { name: 'c1', uid: 'c1', resourceVersion: '1' },
      status: { addresses: [{ type: 'InternalIP', address: '10.51.0.9' }] },
    })
    await until(() => world.ports.cluster.nodes.get('c1') !== undefined)
    expect((await filter(world, await create(world, pod('third')), 'c1')).NodeNames).toEqual([])
  })

  test('R17 the disk fails in that turn: the old configuration stays until what was found is recorded', async () => {
    const world = await openWorld({ speed: 10 })
    await Bun.sleep(50)
    const look = world.api.hold('get floatingips')
    world.api.put('floatingips', floatingIp(ADDED, 'dp_default_app_', { policy: 2 }))
    await look.arrived
    const { reshape } = world.ledger
    let failures = 0
    world.ledger.reshape = (...args: Parameters<typeof reshape>) => {
      if (failures++ < 2) throw new Fault('the ledger could not be written', { retryable: true })
      reshape(...args)
    }
    world.api.put('configmaps', configMap(JSON.stringify(MORE)))
    await until(() => world.row(ADDED) === 'reserved dp_default_app_')
    expect(failures).toBe(3)
    look.release()
  })
})

describe('R6 an address that a second running pod carries goes to no third party', () => {
  const SECOND = pod('second', { node: 'a2', args: carries('10.0.0.2') })
  const conflicted = (world: World) => until(() => world.ports.claimants.get('10.0.0.2') === 'default/second')

  test('R6 when the reservation that the first claim was ends', async () => {
    const world = await openWorld({ floatingips: [floatingIp('10.0.0.2', '', { labels: { reserved: '' } })] })
    await create(world, SECOND)
    await conflicted(world)
    world.api.remove('floatingips', '10.0.0.2')
    await until(() => world.row('10.0.0.2') === 'bound NULL_default_NULL_second second#1')
  })

  test('R6 when a person releases what was kept of the first', async () => {
    const world = await openWorld()
    await run(world, pod('web-0', { owner: 'StatefulSet web', policy: 'never' }))
    await create(world, SECOND)
    await conflicted(world)
    world.api.remove('pods', 'default/web-0')
    await until(() => !world.row('10.0.0.2').includes('web-0#1'))
    expect(world.row('10.0.0.2')).toBe('bound NULL_default_NULL_second second#1')
    const row = world.ledger.read(view => [...view.rows()][0])
    const owner = { ip: '10.0.0.2', appName: 'web', appType: 'statefulset', podName: 'web-0', namespace: 'default' }
    expect(row && ownerKey(row.owner)).toBe('NULL_default_NULL_second')
    const body = JSON.stringify({ ips: [owner] })
    const reply = await api(world, '/v1/ip', { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    expect(reply.status).toBe(202)
    await run(world, pod('third'))
    expect(carried(world, 'third')).toEqual(['10.0.0.3'])
  })

  test('R6 when the hold of the first is given back', async () => {
    const world = await openWorld({ holdMs: 200 })
    await create(world, pod('first'))
    world.api.fail('bind pods', { status: 403, reason: 'Forbidden' }, 99)
    await filter(world, pod('first'), 'a1')
    await bind(world, pod('first'), 'a1')
    expect(world.row('10.0.0.2')).toBe('bound NULL_default_NULL_first first#1')
    await create(world, SECOND)
    await conflicted(world)
    await until(() => world.row('10.0.0.2') !== 'bound NULL_default_NULL_first first#1', 3_000)
    expect(world.row('10.0.0.2')).toBe('bound NULL_default_NULL_second second#1')
  })
})
