/** Owns what a pod has beside the addresses that it was bound with: nothing, as soon as its Binding is known. */
import { afterEach, expect, test } from 'bun:test'
import { bind, carried, create, filter } from './asking.ts'
import { configMap, entry, pod } from './objects.ts'
import { closeWorlds, openWorld, until, type World } from './world.ts'

afterEach(closeWorlds)

const POOL = { metadata: { name: 'sized', namespace: 'kube-system', uid: 'pool#1', resourceVersion: '1' }, size: 2 }
const member = () =>
  pod('web', { owner: 'Deployment app', annotations: { 'tke.cloud.tencent.com/eni-ip-pool': 'sized' } })
const entries = (ips: string) => JSON.stringify([entry('10.49.0.0/24', '10.0.0.0/24', ips)])

/** A range leaves while a Binding with one of its addresses is on its way, and the scheduler asks again. */
async function askedTwice(holdMs: number, lost = false): Promise<{ world: World; arrives: () => Promise<unknown> }> {
  const world = await openWorld({ holdMs })
  world.api.put('pools', POOL)
  await until(() => world.ports.cluster.poolInForce('sized') !== null)
  const web = await create(world, member())
  expect((await filter(world, web, 'a1')).NodeNames).toEqual(['a1'])
  if (lost) world.api.fail('bind pods', { status: 500 })
  const binding = world.api.hold('bind pods')
  const answer = bind(world, web)
  await binding.arrived
  world.api.put('configmaps', configMap(entries('10.0.0.3~10.0.0.5')))
  await until(() => world.ledger.read(view => view.geometry.slots) === 3)
  expect((await filter(world, web, 'a1')).NodeNames).toEqual(['a1'])
  expect(world.row('10.0.0.3')).toStartWith('held ')
  function arrives(): Promise<unknown> {
    binding.release()
    return answer
  }
  return { world, arrives }
}

test('what filter took after a range had left goes back when the Binding with the older address arrives', async () => {
  const { world, arrives } = await askedTwice(60_000)
  await arrives()
  expect(carried(world, 'web')).toEqual(['10.0.0.2'])
  await until(() => world.row('10.0.0.3') === 'free', 2_000)
  expect(world.row('10.0.0.2')).toBe('bound pool__sized_dp_default_app_web web#1')
})

test('so it does when no watch shows that the pod was bound', async () => {
  const { world, arrives } = await askedTwice(60_000)
  world.api.hush('pods')
  await arrives()
  await until(() => world.row('10.0.0.3') === 'free', 3_000)
  expect(world.row('10.0.0.2')).toBe('bound pool__sized_dp_default_app_web web#1')
})

test('so it does when the Binding arrives after a crash', async () => {
  const { world, arrives } = await askedTwice(60_000)
  await world.stop(true)
  arrives().catch(() => null)
  await until(() => carried(world, 'web').length === 1)
  const after = await openWorld({ api: world.api, dir: world.dir })
  expect(after.row('10.0.0.3')).toBe('free')
  expect(after.row('10.0.0.2')).toBe('bound pool__sized_dp_default_app_web web#1')
})

test('so does a claim of before the range left, when its Binding was lost and the pod is bound with another', async () => {
  const { world, arrives } = await askedTwice(60_000, true)
  expect(await bind(world, member(), 'a2')).toBe('')
  expect(carried(world, 'web')).toEqual(['10.0.0.3'])
  await arrives()
  await until(() => world.row('10.0.0.2') === 'free', 2_000)
  expect(world.row('10.0.0.3')).toBe('bound pool__sized_dp_default_app_web web#1')
})
