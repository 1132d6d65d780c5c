/** Owns the proof that bind and freeing keep to the address provider: assigned before the Binding, unassigned before anybody else. */
import { afterEach, expect, test } from 'bun:test'
import { DONE, type ProviderServer, providerServer } from '../cloud/provider-server.ts'
import { release } from '../http/api-world.ts'
import { bind, callsOf, create, run } from './asking.ts'
import { pod } from './objects.ts'
import { closeWorlds, openWorld, until } from './world.ts'

const providers: ProviderServer[] = []
afterEach(async () => {
  await closeWorlds()
  for (const each of providers.splice(0)) each.stop()
})

async function opened(...args: Parameters<typeof providerServer>): Promise<ProviderServer> {
  const cloud = await providerServer(...args)
  providers.push(cloud)
  return cloud
}

const bare = pod('bare')
const REFUSED = { success: false, msg: 'quota' }

test('assigned before the Binding, unassigned before it is free', async () => {
  let bindings = -1
  const cloud = await opened(({ verb }) => {
    if (verb === 'assign') bindings = callsOf(world, 'bind pods').length
    else expect(world.row('10.0.0.2')).toStartWith('bound')
    return DONE
  })
  const world = await openWorld({ cloudProvider: cloud.target })
  await run(world, bare)
  expect(bindings).toBe(0)
  expect(cloud.where.get('10.0.0.2')).toBe('a1')
  world.api.remove('pods', 'default/bare')
  await until(() => world.row('10.0.0.2') === 'free')
  expect(cloud.calls).toEqual(['assign 10.0.0.2 a1', 'unassign 10.0.0.2 a1'])
  await until(() => world.ledger.leftovers().length === 0)
})

test('a failed assign fails the bind with the provider’s words and keeps the address', async () => {
  const cloud = await opened(() => REFUSED)
  const world = await openWorld({ cloudProvider: cloud.target })
  await create(world, bare)
  expect(await bind(world, bare)).toContain('the cloud provider did not assign 10.0.0.2 to node a1: quota')
  expect(callsOf(world, 'bind pods')).toHaveLength(0)
  expect(world.row('10.0.0.2')).toBe('bound NULL_default_NULL_bare bare#1')
  cloud.script = () => DONE
  expect(await bind(world, bare)).toBe('')
})

test('a failed unassign keeps the address until the next try, over a restart', async () => {
  const cloud = await opened()
  const world = await openWorld({ cloudProvider: cloud.target })
  await run(world, bare)
  cloud.script = () => REFUSED
  world.api.remove('pods', 'default/bare')
  await until(() => cloud.calls.length >= 2)
  expect(world.row('10.0.0.2')).toStartWith('bound')
  await world.stop(true)
  const next = await openWorld({ api: world.api, dir: world.dir, cloudProvider: cloud.target, resyncMinutes: 0.005 })
  expect(next.row('10.0.0.2')).toStartWith('bound')
  cloud.script = () => DONE
  await until(() => next.row('10.0.0.2') === 'free')
  expect(cloud.where.size).toBe(0)
})

test('released over HTTP while it has not left its node: it leaves first, or is not released and the provider’s words are the reason', async () => {
  const cloud = await opened()
  const world = await openWorld({ cloudProvider: cloud.target })
  await run(world, pod('db-0', { owner: 'StatefulSet db', policy: 'never' }))
  cloud.script = () => REFUSED
  world.api.remove('pods', 'default/db-0')
  await until(() => cloud.calls.length >= 2)
  const item = { ip: '10.0.0.2', appName: 'db', appType: 'statefulset', podName: 'db-0', namespace: 'default' }
  expect(await release(world, item)).toMatchObject({
    status: 202,
    body: { code: 202, unreleased: ['10.0.0.2'], reasons: [expect.stringContaining('quota')] },
  })
  expect(world.row('10.0.0.2')).not.toBe('free')
  expect(cloud.where.get('10.0.0.2')).toBe('a1')
  cloud.script = () => DONE
  // Not asked again a moment after it failed.
  while ((await release(world, item)).status !== 200) await Bun.sleep(100)
  expect(cloud.where.has('10.0.0.2')).toBe(false)
  expect(world.row('10.0.0.2')).toBe('free')
})

test('the scheduler changes its mind: the old node is left first', async () => {
  const cloud = await opened(({ node }) =>
    node === 'a1' && cloud.calls.length === 1 ? { code: 13, details: 'x' } : DONE,
  )
  const world = await openWorld({ cloudProvider: cloud.target })
  await create(world, bare)
  expect(await bind(world, bare, 'a1')).toContain('nobody knows')
  expect(await bind(world, bare, 'a2')).toBe('')
  expect(cloud.calls).toEqual(['assign 10.0.0.2 a1', 'unassign 10.0.0.2 a1', 'assign 10.0.0.2 a2'])
})
