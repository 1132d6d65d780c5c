/** Owns what bind answers when the API server, the pod or the object of an address is not as one would wish. */
import { afterEach, describe, expect, test } from 'bun:test'
import { bind, callsOf, carried, create, filter, run } from './asking.ts'
import { carries, floatingIp, node, pod } from './objects.ts'
import { closeWorlds, openWorld, until } from './world.ts'

afterEach(closeWorlds)

const web0 = pod('web-0', { owner: 'StatefulSet web', policy: 'never' })

describe('a bind as usual', () => {
  test('sets the node and the annotation in one write, and leaves the object with key, node and UID', async () => {
    const world = await openWorld()
    await run(world, web0)
    expect(world.api.get('pods', 'default/web-0')?.spec?.nodeName).toBe('a1')
    expect(carried(world, 'web-0')).toEqual(['10.0.0.2'])
    expect(world.api.get('floatingips', '10.0.0.2')?.spec).toMatchObject({
      key: 'sts_default_web_web-0',
      policy: 2,
      attribute: '{"NodeName":"a1","Uid":"web-0#1"}',
    })
    expect(world.row('10.0.0.2')).toBe('bound sts_default_web_web-0 web-0#1')
  })

  test('asked again after its success, it answers success and writes nothing', async () => {
    const world = await openWorld()
    await run(world, web0)
    await until(() => world.ports.cluster.pods.get('default/web-0')?.node === 'a1')
    const { revision } = world.ledger
    expect(await bind(world, web0)).toBe('')
    expect(callsOf(world, 'bind pods')).toHaveLength(1)
    expect(world.ledger.revision).toBe(revision)
  })

  test.each([
    [
      'a pod that does not ask',
      pod('plain', { asks: false }),
      'a1',
      'pod default/plain does not request tke.cloud.tencent.com/eni-ip',
    ],
    ['a finished pod', pod('done', { phase: 'Failed' }), 'a1', 'pod default/done is Failed'],
    ['a node that nobody knows', pod('p'), 'zz', 'FloatingIPPlugin:UnknowNode: node zz has no InternalIP'],
  ])('%s is refused with the reason', async (_, it, node, error) => {
    const world = await openWorld()
    world.api.put('pods', it)
    expect(await bind(world, it, node)).toBe(error)
    expect(world.rows()).toEqual([])
  })

  test('a node outside the configuration is refused with galaxy’s word', async () => {
    const world = await openWorld()
    world.api.put('nodes', {
      metadata: { name: 'far', uid: 'f', resourceVersion: '1' },
      status: { addresses: [{ type: 'InternalIP', address: '192.168.0.1' }] },
    })
    await create(world, web0)
    expect(await bind(world, web0, 'far')).toBe('FloatingIPPlugin:NoFIPConfigNode: no node subnet contains node far')
  })
})

describe('two binds of one pod', () => {
  test('a second one for the same UID and node joins the first: one claim, one Binding, two successes', async () => {
    const world = await openWorld()
    await create(world, web0)
    const binding = world.api.hold('bind pods')
    const first = bind(world, web0)
    await binding.arrived
    const second = bind(world, web0)
    await Bun.sleep(20)
    binding.release()
    expect(await Promise.all([first, second])).toEqual(['', ''])
    expect(callsOf(world, 'bind pods')).toHaveLength(1)
    expect(world.ledger.revision).toBe(1)
  })

  test('one that takes too long answers Error, goes on, and the retry joins it', async () => {
    const world = await openWorld({ speed: 20 }) // 4 s are 200 ms
    await create(world, web0)
    const binding = world.api.hold('bind pods')
    expect(await bind(world, web0)).toBe('the bind takes longer than the scheduler waits; it goes on')
    const retry = bind(world, web0)
    binding.release()
    expect(await retry).toBe('')
    expect(callsOf(world, 'bind pods')).toHaveLength(1)
  })
})

describe('a Binding whose answer is lost', () => {
  test.each([
    ['504 after success', { status: 504, after: true }],
    ['500 without success', { status: 500 }],
  ] as const)('%s: the retry ends in success with the same address', async (_, fault) => {
    const world = await openWorld({ speed: 10 })
    await create(world, web0)
    world.api.fail('bind pods', fault)
    expect(await bind(world, web0)).toBe('')
    expect(carried(world, 'web-0')).toEqual(['10.0.0.2'])
    expect(world.row('10.0.0.2')).toBe('bound sts_default_web_web-0 web-0#1')
  })

  test('a cut connection: the retry ends in success with the same address', async () => {
    const world = await openWorld({ speed: 2 })
    await create(world, web0)
    const binding = world.api.hold('bind pods')
    const answer = bind(world, web0)
    await binding.arrived
    await world.api.down()
    world.api.up()
    expect(await answer).toBe('')
    expect(carried(world, 'web-0')).toEqual(['10.0.0.2'])
  })

  test('unknown for more than 3 s: Error, the address stays with the pod, and the retry binds with it', async () => {
    const world = await openWorld({ speed: 5 })
    await create(world, web0)
    world.api.fail('bind pods', { status: 500 }, 100)
    const { clock } = world.ports
    const asked = clock.now()
    expect(await bind(world, web0)).not.toBe('')
    // How many tries that is depends on how fast the machine is: some 6, at 0.5 s.
    await until(() => clock.now() - asked > 4_500)
    const tries = callsOf(world, 'bind pods').length
    expect(tries).toBeGreaterThan(1)
    await Bun.sleep(300)
    expect(callsOf(world, 'bind pods')).toHaveLength(tries)
    expect(world.row('10.0.0.2')).toBe('bound sts_default_web_web-0 web-0#1')
    world.api.heal()
    expect(await bind(world, web0)).toBe('')
    expect(carried(world, 'web-0')).toEqual(['10.0.0.2'])
  })
})

describe('a pod that is not there any more', () => {
  test('gone before the Binding: what was claimed is given up, and the scheduler is told', async () => {
    const world = await openWorld()
    const it = pod('job-x')
    await create(world, it)
    const binding = world.api.hold('bind pods')
    const answer = bind(world, it)
    await binding.arrived
    world.api.hush('pods')
    world.api.remove('pods', 'default/job-x')
    binding.release()
    expect(await answer).toBe('pod default/job-x (uid job-x#1) is gone')
    expect(world.row('10.0.0.2')).toBe('free')
  })

  test('replaced by another of its name: refused, and the new one is not bound', async () => {
    const world = await openWorld()
    await create(world, pod('web-0', { owner: 'StatefulSet web', uid: 'web-0#2' }))
    expect(await bind(world, web0)).toBe('pod default/web-0 (uid web-0#1) was replaced by another pod of the same name')
    expect(callsOf(world, 'bind pods')).toHaveLength(0)
    expect(world.rows()).toEqual([])
  })

  test('its end told before the claim, its Binding never answered: the address comes free when the claim expires', async () => {
    const world = await openWorld({ speed: 20, holdMs: 8_000 })
    const it = pod('bare')
    await create(world, it)
    world.api.hush('nodes')
    world.api.put('nodes', node('a9', '10.49.0.19'))
    const lookUp = world.api.hold('get nodes')
    world.api.fail('bind pods', { status: 500 }, 100)
    const answer = bind(world, it, 'a9')
    await lookUp.arrived
    world.api.remove('pods', 'default/bare')
    await until(() => world.ports.cluster.pods.size === 0)
    lookUp.release()
    expect(await answer).not.toBe('')
    expect(world.row('10.0.0.2')).toBe('bound NULL_default_NULL_bare bare#1')
    await until(() => world.row('10.0.0.2') === 'free', 3_000)
  })
})

describe('an object of the address that exists already', () => {
  const key = 'sts_default_web_web-0'
  test.each([
    ['of the same owner', floatingIp('10.0.0.2', key, { policy: 2 }), '10.0.0.2', 'web-0#1'],
    [
      'of a dead owner',
      floatingIp('10.0.0.2', 'NULL_default_NULL_dead', { uid: 'dead#1', node: 'a2' }),
      '10.0.0.2',
      'web-0#1',
    ],
    ['of an unreadable key', floatingIp('10.0.0.2', '???'), '10.0.0.2', 'web-0#1'],
  ])('%s is written over, and the bind succeeds', async (_, object, ip, uid) => {
    const world = await openWorld()
    await create(world, web0)
    world.api.put('floatingips', object)
    expect(await bind(world, web0)).toBe('')
    expect(carried(world, 'web-0')).toEqual([ip])
    expect(world.api.get('floatingips', ip)?.spec).toMatchObject({
      key,
      attribute: JSON.stringify({ NodeName: 'a1', Uid: uid }),
    })
  })

  test('of a living owner: the claim is withdrawn, the owner keeps it, the retry gets another address', async () => {
    const world = await openWorld()
    await create(world, web0)
    await create(world, pod('alive', { node: 'a2', args: carries('10.0.0.9') }))
    world.api.put('floatingips', floatingIp('10.0.0.2', 'NULL_default_NULL_alive', { uid: 'alive#1', node: 'a2' }))
    expect(await bind(world, web0)).toBe('its FloatingIP object belongs to somebody else')
    expect(world.row('10.0.0.2')).toBe('bound NULL_default_NULL_alive alive#1')
    expect(world.api.get('floatingips', '10.0.0.2')?.spec?.key).toBe('NULL_default_NULL_alive')
    expect(await bind(world, web0)).toBe('')
    expect(carried(world, 'web-0')).toEqual(['10.0.0.3'])
  })

  test('with the label reserved: the claim is withdrawn, the object stays as it is, the retry gets another address', async () => {
    const world = await openWorld()
    await create(world, web0)
    const made = world.api.put('floatingips', floatingIp('10.0.0.2', '', { labels: { reserved: 'by-me' } }))
    expect(await bind(world, web0)).toBe('its FloatingIP object belongs to somebody else')
    expect(await bind(world, web0)).toBe('')
    expect(carried(world, 'web-0')).toEqual(['10.0.0.3'])
    expect(world.api.get('floatingips', '10.0.0.2')).toEqual(made)
  })
})

describe('an API server that fails before the Binding', () => {
  test('the object cannot be written: no Binding leaves, Error before the scheduler gives up, and the retry succeeds', async () => {
    const world = await openWorld({ speed: 20 })
    await create(world, web0)
    world.api.fail('create floatingips', { status: 500 }, 1_000)
    expect(await bind(world, web0)).toBe('the bind takes longer than the scheduler waits; it goes on')
    expect(callsOf(world, 'bind pods')).toHaveLength(0)
    world.api.heal()
    expect(await bind(world, web0)).toBe('')
  })

  test('the Binding is forbidden: Error with the server’s words, and nothing is freed behind the pod’s back', async () => {
    const world = await openWorld()
    await create(world, web0)
    world.api.fail('bind pods', { status: 403, reason: 'Forbidden' })
    expect(await bind(world, web0)).toContain('403 Forbidden')
    expect(world.row('10.0.0.2')).toBe('bound sts_default_web_web-0 web-0#1')
    expect((await filter(world, web0)).NodeNames).toEqual(['a1', 'a2'])
  })
})
