/** Owns what happens to questions about pods that ended while the question was on its way: what they take goes back at once. */
import { afterEach, expect, test } from 'bun:test'
import { bind, create, filter, wakeOf } from './asking.ts'
import { pod, workload } from './objects.ts'
import { closeWorlds, openWorld, until, type World } from './world.ts'

afterEach(closeWorlds)

const app = (name: string) => pod(name, { owner: 'Deployment app', policy: 'immutable' })

/** The pod came and went; what the scheduler asks about it is still on its way. */
async function gone(world: World, name: string) {
  const it = await create(world, app(name))
  world.api.remove('pods', `default/${name}`)
  await until(() => world.ports.cluster.pods.get(`default/${name}`) === undefined)
  return it
}

/** A Deployment of one replica that keeps 10.0.0.2. */
async function keeping(): Promise<World> {
  const world = await openWorld({ deployments: [workload('app', 1)] })
  const first = await create(world, app('first'))
  await filter(world, first, 'a1')
  await bind(world, first)
  world.api.remove('pods', 'default/first')
  await until(() => world.row('10.0.0.2') === 'reserved dp_default_app_')
  return world
}

test('a filter that comes after its pod’s end holds nothing back from the pod in its place', async () => {
  const world = await keeping()
  await filter(world, await gone(world, 'late'), 'a1')
  const next = await create(world, app('next'))
  await until(() => world.row('10.0.0.2') === 'reserved dp_default_app_', 2_000)
  expect((await filter(world, next, 'a1')).NodeNames).toEqual(['a1'])
})

test('whoever was refused because of it is told within two seconds', async () => {
  const world = await keeping()
  const late = await gone(world, 'late')
  const next = await create(world, app('next'))
  // Both in one moment: the late one first.
  const [, refused] = await Promise.all([filter(world, late, 'a1'), filter(world, next, 'a1')])
  if (refused.NodeNames?.length === 1) return
  await until(() => wakeOf(world, 'next') !== '', 2_000)
  expect((await filter(world, next, 'a1')).NodeNames).toEqual(['a1'])
})

test('a bind that comes after its pod’s end leaves nothing taken', async () => {
  const world = await keeping()
  const late = await gone(world, 'late')
  expect(await bind(world, late)).toContain('is gone')
  await until(() => world.row('10.0.0.2') === 'reserved dp_default_app_', 2_000)
})
