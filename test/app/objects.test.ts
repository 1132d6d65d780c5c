/** What others do to FloatingIP objects while floatip runs. */
import { afterEach, expect, test } from 'bun:test'
import { run } from './asking.ts'
import { entry, floatingIp, pod } from './objects.ts'
import { closeWorlds, openWorld, until } from './world.ts'

afterEach(closeWorlds)

const BLOCKED = 'reserved reserved_NULL_NULL_'

test('R14: an object that cannot be read blocks its address for as long as it is there, and is left alone', async () => {
  const world = await openWorld({ floatingips: [floatingIp('10.0.0.2', 'no key of ours')] })
  expect(world.row('10.0.0.2')).toBe(BLOCKED)
  await Bun.sleep(150)
  expect(world.row('10.0.0.2')).toBe(BLOCKED)
  expect(world.api.get('floatingips', '10.0.0.2')?.spec?.key).toBe('no key of ours')
  world.api.edit('floatingips', '10.0.0.2', { metadata: { annotations: { note: 'touched' } } })
  await Bun.sleep(150)
  expect(world.row('10.0.0.2')).toBe(BLOCKED)
  world.api.remove('floatingips', '10.0.0.2')
  await until(() => world.row('10.0.0.2') === 'free')
})

test('a reservation made and ended while running', async () => {
  const world = await openWorld()
  await Bun.sleep(50)
  world.api.put('floatingips', floatingIp('10.0.0.2', '', { labels: { reserved: 'firewall' } }))
  await until(() => world.row('10.0.0.2') === BLOCKED)
  world.api.remove('floatingips', '10.0.0.2')
  await until(() => world.row('10.0.0.2') === 'free')
})

test('the label taken away from an object that names nobody ends the reservation, and the object with it', async () => {
  const world = await openWorld({
    entries: [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2')],
    floatingips: [floatingIp('10.0.0.2', '', { labels: { reserved: 'firewall' } })],
  })
  expect(world.row('10.0.0.2')).toBe(BLOCKED)
  const { labels: _, ...metadata } = world.api.get('floatingips', '10.0.0.2')?.metadata ?? { name: '' }
  world.api.put('floatingips', { ...floatingIp('10.0.0.2', ''), metadata: { ...metadata, labels: {} } } as never)
  await until(() => world.row('10.0.0.2') === 'free')
  await until(() => world.api.get('floatingips', '10.0.0.2') === undefined)
  await run(world, pod('p'))
  expect(world.row('10.0.0.2')).toBe('bound NULL_default_NULL_p p#1')
})

test('R27 a reservation that is made while our own write of its address is under way is seen after it', async () => {
  const world = await openWorld({ floatingips: [floatingIp('10.0.0.2', '', { labels: { reserved: 'firewall' } })] })
  const door = world.api.hold('delete floatingips', true)
  world.api.edit('floatingips', '10.0.0.2', { metadata: { labels: { reserved: null } } })
  await until(() => world.row('10.0.0.2') === 'free')
  await door.arrived
  world.api.put('floatingips', floatingIp('10.0.0.2', '', { labels: { reserved: 'again' } }))
  await Bun.sleep(50)
  door.release()
  await until(() => world.row('10.0.0.2') === BLOCKED)
})

test('R23 the label on the object of nobody alive: nobody has the address, and the object names nobody any more', async () => {
  const world = await openWorld()
  await Bun.sleep(50)
  world.api.put('floatingips', floatingIp('10.0.0.2', 'sts_default_web_web-0', { labels: { reserved: 'firewall' } }))
  await until(() => world.row('10.0.0.2') === BLOCKED)
  await until(() => world.api.get('floatingips', '10.0.0.2')?.spec?.key === '')
})

test('R14 the label taken away from an object that cannot be read leaves its address out of circulation', async () => {
  const unreadable = (labels: Record<string, string>) => floatingIp('10.0.0.2', 'no key of ours', { labels })
  const world = await openWorld({ floatingips: [unreadable({ reserved: 'firewall' })] })
  world.api.put('floatingips', unreadable({}))
  await Bun.sleep(150)
  expect(world.row('10.0.0.2')).toBe(BLOCKED)
})

test('the label on the object of a running pod: the address stays with the pod, the object is not deleted', async () => {
  const world = await openWorld()
  await run(world, pod('p'))
  await until(() => world.api.get('floatingips', '10.0.0.2') !== undefined)
  world.api.edit('floatingips', '10.0.0.2', { metadata: { labels: { reserved: '' } } })
  await Bun.sleep(150)
  expect(world.row('10.0.0.2')).toBe('bound NULL_default_NULL_p p#1')
  expect(world.api.get('floatingips', '10.0.0.2')?.metadata.labels).toMatchObject({ reserved: '' })
})

test('an object for a free address, of nobody alive: kept as it says', async () => {
  const world = await openWorld()
  await Bun.sleep(50)
  world.api.put('floatingips', floatingIp('10.0.0.2', 'sts_default_web_web-0', { policy: 2 }))
  await until(() => world.row('10.0.0.2') === 'reserved sts_default_web_web-0')
})

test.each([
  ['of policy 0', 0, 'free'],
  ['of policy never', 2, 'reserved sts_default_web_web-0'],
])(
  'R27 an object for a free address, of a pod that is no more, %s: its end follows at once',
  async (_, policy, row) => {
    const world = await openWorld()
    world.api.put(
      'floatingips',
      floatingIp('10.0.0.3', 'sts_default_web_web-0', { policy, node: 'a1', uid: 'web-0#9' }),
    )
    await until(() => world.logged.some(line => line.includes('adopted from its object')))
    await until(() => world.row('10.0.0.3') === row)
  },
)

test('an object of ours whose key somebody made unreadable is repaired', async () => {
  const world = await openWorld()
  await run(world, pod('p'))
  await until(() => world.api.get('floatingips', '10.0.0.2') !== undefined)
  await Bun.sleep(50)
  world.api.edit('floatingips', '10.0.0.2', { spec: { key: 'no key of ours' } })
  await until(() => world.api.get('floatingips', '10.0.0.2')?.spec?.key === 'NULL_default_NULL_p')
  expect(world.row('10.0.0.2')).toBe('bound NULL_default_NULL_p p#1')
})
