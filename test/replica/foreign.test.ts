/** Owns safety rules R27 and R28: objects that others made or changed where we write, each met by a look, a verdict and a write on the version that was looked at. */
import { afterEach, describe, expect, test } from 'bun:test'
import { present } from '../../src/lib/assert.ts'
import { bind, callsOf, carried, create, filter, run } from '../app/asking.ts'
import { floatingIp, type Kube, pod } from '../app/objects.ts'
import { closeWorlds, openWorld, until, type World } from '../app/world.ts'

afterEach(closeWorlds)

const web0 = pod('web-0', { owner: 'StatefulSet web', policy: 'never' })
const MINE = { key: 'sts_default_web_web-0', attribute: '{"NodeName":"a1","Uid":"web-0#1"}' }
const object = (world: World, ip = '10.0.0.2') => world.api.get('floatingips', ip)

/** A bind whose object somebody else makes first, unseen by our watch. */
async function beaten(by: Kube, more: readonly Kube[] = []) {
  const world = await openWorld({ pods: [...more], speed: 4 })
  await create(world, web0)
  world.api.hush('floatingips')
  const door = world.api.hold('create floatingips')
  const answer = bind(world, web0)
  await door.arrived
  world.api.put('floatingips', by)
  door.release()
  return { world, answer: await answer }
}

describe('R28 the object exists already when we create it', () => {
  test('R28 a reserved object made in the race: this bind is refused, the object stays, the next takes another address', async () => {
    const { world, answer } = await beaten(floatingIp('10.0.0.2', '', { labels: { reserved: 'firewall' } }))
    expect(answer).toContain('its FloatingIP object belongs to somebody else')
    expect(callsOf(world, 'bind pods')).toEqual([])
    expect(world.row('10.0.0.2')).toBe('reserved reserved_NULL_NULL_')
    expect(object(world)?.metadata.labels).toEqual({ reserved: 'firewall' })
    expect((await filter(world, web0, 'a1')).NodeNames).toEqual(['a1'])
    expect(await bind(world, web0)).toBe('')
    expect(carried(world, 'web-0')).toEqual(['10.0.0.3'])
  })

  test('R28 equal to ours, from a create whose answer was lost: done, without another write', async () => {
    const world = await openWorld({ speed: 4 })
    await create(world, web0)
    world.api.fail('create floatingips', { status: 504, after: true })
    expect(await bind(world, web0)).toBe('')
    expect(object(world)?.spec).toMatchObject(MINE)
    expect(callsOf(world, 'create floatingips').length + callsOf(world, 'patch floatingips').length).toBeLessThan(4)
  })

  test('R28 and the Lease is not ours any more: nothing of it is touched, and we step down', async () => {
    const world = await openWorld({ speed: 4 })
    await create(world, web0)
    world.api.hush('floatingips')
    let looks = 0
    Object.assign(world.ports.leadership, {
      async stillLeads() {
        looks++
        Object.assign(this, { isLeader: () => false, safeForMs: () => 0 })
        return false
      },
    })
    const door = world.api.hold('create floatingips')
    const answer = bind(world, web0)
    await door.arrived
    const theirs = world.api.put(
      'floatingips',
      floatingIp('10.0.0.2', 'NULL_default_NULL_x', { uid: 'x#1', node: 'a2' }),
    )
    door.release()
    expect(await answer).not.toBe('')
    expect(looks).toBeGreaterThan(0)
    expect(object(world)).toEqual(theirs)
    expect(callsOf(world, 'bind pods')).toEqual([])
    expect(callsOf(world, 'patch floatingips')).toEqual([])
  })
})

describe('R27 a foreign object is looked into before anything follows', () => {
  const stranger = pod('stranger', { node: 'a2' })
  const theirs = (uid: string) => floatingIp('10.0.0.2', 'NULL_default_NULL_stranger', { uid, node: 'a2' })

  test('R27 its pod is alive, by a quorum GET: it is adopted, our claim withdrawn, and no Binding left', async () => {
    const { world, answer } = await beaten(theirs('stranger#1'), [stranger])
    expect(answer).toContain('its FloatingIP object belongs to somebody else')
    expect(world.row('10.0.0.2')).toBe('bound NULL_default_NULL_stranger stranger#1')
    expect(callsOf(world, 'bind pods')).toEqual([])
    expect(object(world)?.spec?.key).toBe('NULL_default_NULL_stranger')
  })

  test('R27 its pod is gone, or another of its name: repaired, on the version that was looked at', async () => {
    const { world, answer } = await beaten(theirs('stranger#0'), [stranger])
    expect(answer).toBe('')
    expect(object(world)?.spec).toMatchObject(MINE)
    const [repair] = callsOf(world, 'patch floatingips')
    expect(repair?.body.metadata).toMatchObject({ uid: 'uid-of-10.0.0.2', resourceVersion: expect.any(String) })
  })

  test('R27 changed once more between the look and the write: the write fails, and it is looked into again', async () => {
    const world = await openWorld({ speed: 4 })
    await run(world, web0)
    await until(() => world.ports.replicator.pending === 0)
    const door = world.api.hold('patch floatingips')
    world.api.edit('floatingips', '10.0.0.2', { spec: { key: 'NULL_default_NULL_nobody' } })
    const { body } = await door.arrived
    world.api.hush('floatingips')
    world.api.put('pods', stranger)
    world.api.edit('floatingips', '10.0.0.2', { spec: { policy: 1 } })
    const now = object(world)?.metadata.resourceVersion
    door.release()
    await until(() => object(world)?.spec?.policy === 2)
    expect((body.metadata as { resourceVersion: string }).resourceVersion).not.toBe(now ?? '')
    expect(object(world)?.spec).toMatchObject(MINE)
    expect(callsOf(world, 'patch floatingips').length).toBeGreaterThan(1)
  })

  test('R27 an object is deleted under its UID and version only', async () => {
    const world = await openWorld({ speed: 4 })
    await run(world, pod('bare'))
    await until(() => world.ports.replicator.pending === 0)
    const { uid, resourceVersion } = object(world)?.metadata ?? {}
    world.api.remove('pods', 'default/bare')
    await until(() => callsOf(world, 'delete floatingips').length === 1)
    expect(callsOf(world, 'delete floatingips')[0]?.body.preconditions).toEqual({ uid, resourceVersion })
  })

  test('R27 the quorum GET of its pod fails: no verdict, no write, until it is answered', async () => {
    const world = await openWorld({ speed: 4 })
    await create(world, web0)
    world.api.hush('floatingips')
    const door = world.api.hold('create floatingips')
    const answer = bind(world, web0)
    await door.arrived
    world.api.put('floatingips', theirs('stranger#0'))
    world.api.fail('get pods', { status: 500 }, 2)
    door.release()
    expect(await answer).toBe('')
    expect(object(world)?.spec).toMatchObject(MINE)
    expect(callsOf(world, 'get pods').length).toBeGreaterThan(2)
  })

  const TWO = JSON.stringify({ request_ip_range: [['10.0.0.2'], ['10.0.0.3']] })
  const OTHERS: [string, Kube][] = [
    ['another living pod’s', theirs('stranger#1')],
    ['a reserved one', floatingIp('10.0.0.2', '', { labels: { reserved: 'mine' } })],
  ]

  test.each(OTHERS)(
    'R1 R27 %s in the place of a running pod’s object: repaired, and the pod keeps all that it has',
    async (_, by) => {
      const world = await openWorld({ pods: [stranger] })
      await run(world, pod('bare', { args: TWO }))
      await until(() => world.ports.replicator.pending === 0)
      world.api.hush('floatingips')
      world.api.remove('floatingips', '10.0.0.2')
      world.api.put('floatingips', by)
      const { address, revision } = present(world.ledger.read(view => view.ofIncarnation('bare#1'))[0], 'row')
      world.ports.replicator.recheck(address, revision)
      await world.ports.replicator.acknowledged(address, revision)
      expect(object(world)?.spec?.key).toBe('NULL_default_NULL_bare')
      expect(object(world)?.metadata.labels).toMatchObject(by.metadata.labels ?? {})
      for (const ip of ['10.0.0.2', '10.0.0.3']) expect(world.row(ip)).toBe('bound NULL_default_NULL_bare bare#1')
    },
  )

  test('R1 R27 another living pod’s, while our Binding is on its way: that is killed before the claim is withdrawn', async () => {
    const world = await openWorld({ pods: [stranger] })
    await create(world, web0)
    const binding = world.api.hold('bind pods')
    const answer = bind(world, web0)
    await binding.arrived
    world.api.edit('floatingips', '10.0.0.2', { spec: theirs('stranger#1').spec })
    await until(() => world.row('10.0.0.2') === 'bound NULL_default_NULL_stranger stranger#1')
    binding.release()
    expect(await answer).toBe('')
    expect(carried(world, 'web-0')).toEqual(['10.0.0.3'])
  })
})

test('R27 the object of a living pod at a free address, taken by our bind while that pod is looked up: not ours to write over', async () => {
  const theirs = pod('theirs', { uid: 'theirs#1' })
  const world = await openWorld({ pods: [theirs], speed: 4 })
  await create(world, web0)
  const door = world.api.hold('get pods')
  world.api.put('floatingips', floatingIp('10.0.0.2', 'NULL_default_NULL_theirs', { uid: 'theirs#1', node: 'a2' }))
  await door.arrived
  const answer = await bind(world, web0)
  door.release()
  expect(answer).toContain('its FloatingIP object belongs to somebody else')
  expect(carried(world, 'web-0')).toEqual([])
  await until(() => world.row('10.0.0.2') === 'bound NULL_default_NULL_theirs theirs#1')
  expect(object(world)?.spec).toMatchObject({ key: 'NULL_default_NULL_theirs' })
})

test('R27 the word that its pod lives comes late: by then it is gone, and ours is bound with the address and keeps it', async () => {
  const world = await openWorld({ pods: [pod('theirs', { uid: 'theirs#1' })], speed: 4 })
  await create(world, web0)
  const door = world.api.hold('get pods', true)
  world.api.put('floatingips', floatingIp('10.0.0.2', 'NULL_default_NULL_theirs', { uid: 'theirs#1', node: 'a2' }))
  await door.arrived
  world.api.remove('pods', 'default/theirs')
  expect(await bind(world, web0)).toBe('')
  expect(carried(world, 'web-0')).toEqual(['10.0.0.2'])
  door.release()
  await Bun.sleep(200)
  expect(world.row('10.0.0.2')).toBe('bound sts_default_web_web-0 web-0#1')
  expect(object(world)?.spec).toMatchObject(MINE)
})
