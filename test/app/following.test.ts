/** A kept address follows its workload (policy immutable), also when the last to end is a pod that never had it. */
import { afterEach, expect, test } from 'bun:test'
import { callsOf, run } from './asking.ts'
import { pod, workload } from './objects.ts'
import { closeWorlds, openWorld, until } from './world.ts'

afterEach(closeWorlds)

const web = (uid: string) => pod('web-1', { owner: 'StatefulSet web', policy: 'immutable', uid })
const KEPT = 'reserved sts_default_web_web-1'

test('scaled down while an unscheduled pod of its name stands in the way: released when that pod ends (R11)', async () => {
  const world = await openWorld({ statefulsets: [workload('web', 2)] })
  await run(world, web('web-1#1'))
  world.api.remove('pods', 'default/web-1')
  await until(() => world.row('10.0.0.2') === KEPT)
  world.api.put('pods', web('web-1#2'))
  await until(() => world.ports.cluster.pods.get('default/web-1')?.uid === 'web-1#2')
  const before = callsOf(world, 'get statefulsets').length
  world.api.put('statefulsets', workload('web', 1))
  await until(() => callsOf(world, 'get statefulsets').length > before)
  await Bun.sleep(50)
  expect(world.row('10.0.0.2')).toBe(KEPT)

  world.api.remove('pods', 'default/web-1')
  await until(() => world.row('10.0.0.2') === 'free')
})

test('a pod that never had an address ends: nobody is asked about its workload when nothing is kept under its name', async () => {
  const world = await openWorld({ statefulsets: [workload('web', 2)] })
  world.api.put('pods', web('web-1#1'))
  await until(() => world.ports.cluster.pods.size === 1)
  world.api.remove('pods', 'default/web-1')
  await until(() => world.ports.cluster.pods.size === 0)
  await Bun.sleep(50)
  expect(callsOf(world, 'get statefulsets')).toEqual([])
})
