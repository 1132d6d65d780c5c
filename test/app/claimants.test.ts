/** R6: a second pod that carries an address takes it from nobody, and no third one gets it before both are gone. */
import { afterEach, expect, test } from 'bun:test'
import { reconcile } from '../../src/app/reconcile.ts'
import { carried, run } from './asking.ts'
import { carries, entry, floatingIp, pod } from './objects.ts'
import { closeWorlds, openWorld, startWorld, until } from './world.ts'

afterEach(closeWorlds)

const WEB = 'bound sts_default_web_web-0 web-0#1'
const THIEF = 'bound NULL_default_NULL_thief thief#1'
const web = (policy?: 'never') => pod('web-0', { owner: 'StatefulSet web', ...(policy && { policy }) })
const thief = () => pod('thief', { node: 'a2', args: carries('10.0.0.2') })

test.each([
  ['released with its pod', undefined],
  ['kept for its name', 'never'],
] as const)(
  'R6: seen while running; the first one’s address would be %s: the second has it then',
  async (_, policy) => {
    const world = await openWorld()
    await run(world, web(policy))
    world.api.put('pods', thief())
    await until(() =>
      world.logged.some(line => line.startsWith('error conflict: 10.0.0.2 is claimed by NULL_default_NULL_thief')),
    )
    expect(world.row('10.0.0.2')).toBe(WEB)
    world.api.remove('pods', 'default/web-0')
    await until(() => world.row('10.0.0.2') === THIEF)
    world.api.remove('pods', 'default/thief')
    await until(() => world.row('10.0.0.2') === 'free')
  },
)

test('R6: found at start-up: the same', async () => {
  const first = await openWorld()
  await run(first, web())
  const { api, dir } = first
  await first.stop()
  api.put('pods', thief())
  const world = await openWorld({ api, dir })
  expect(world.row('10.0.0.2')).toBe(WEB)
  world.api.remove('pods', 'default/web-0')
  await until(() => world.row('10.0.0.2') === THIEF)
})

test('R13: a list that is older than the row takes nothing from the pod that has it now', async () => {
  const world = await openWorld({ entries: [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2')] })
  await run(world, pod('first'))
  await until(() => world.ports.cluster.pods.get('default/first')?.node === 'a1')
  const listed = [...world.ports.cluster.pods.values()]
  world.api.remove('pods', 'default/first')
  await until(() => world.row('10.0.0.2') === 'free')
  await run(world, pod('second'))
  await reconcile(world.ports, null, listed, new Set(['10.0.0.2']))
  expect(world.row('10.0.0.2')).toBe('bound NULL_default_NULL_second second#1')
})

test('R6: bound by somebody else while we start, after the pods were compared: recorded before anybody is answered', async () => {
  const old = floatingIp('10.0.0.5', 'NULL_default_NULL_old', { uid: 'old#1', node: 'a1' })
  const world = startWorld({ floatingips: [old], pods: [pod('late')] })
  const door = world.api.hold('get pods')
  await door.arrived
  world.api.put('pods', pod('late', { node: 'a1', args: carries('10.0.0.2') }))
  await until(() => world.ports.cluster.pods.get('default/late')?.node === 'a1')
  door.release()
  await world.ready()
  await run(world, pod('next'))
  expect(carried(world, 'next')).not.toContain('10.0.0.2')
  expect(world.row('10.0.0.2')).toBe('bound NULL_default_NULL_late late#1')
})

test('R13: a list that is older than the second one does not forget that it claims the address', async () => {
  const world = await openWorld()
  await run(world, web())
  await until(() => world.ports.cluster.pods.get('default/web-0')?.node === 'a1')
  const listed = [...world.ports.cluster.pods.values()]
  world.api.put('pods', thief())
  await until(() => world.ports.claimants.size === 1)
  await reconcile(world.ports, null, listed, new Set())
  world.api.remove('pods', 'default/web-0')
  await until(() => !world.row('10.0.0.2').startsWith(WEB))
  expect(world.row('10.0.0.2')).toBe(THIEF)
})

test('R6: of two more that carry it, the last one left has it: it is free when none is', async () => {
  const world = await openWorld()
  await run(world, web())
  for (const name of ['b', 'c']) {
    world.api.put('pods', pod(name, { node: 'a2', args: carries('10.0.0.2') }))
    await until(() => world.ports.claimants.get('10.0.0.2') === `default/${name}`)
  }
  for (const [gone, heir] of [
    ['web-0', 'bound NULL_default_NULL_c c#1'],
    ['c', 'bound NULL_default_NULL_b b#1'],
    ['b', 'free'],
  ] as const) {
    const before = world.row('10.0.0.2')
    world.api.remove('pods', `default/${gone}`)
    await until(() => world.row('10.0.0.2') !== before)
    expect(world.row('10.0.0.2')).toBe(heir)
  }
})
