/** Owns the proof that what was read of an address before a wait takes it from no node afterwards (R30): another pod may have it there by then. */
import { afterEach, expect, test } from 'bun:test'
import { endIfGone } from '../../src/app/reconcile.ts'
import { parseAddress } from '../../src/ip/address.ts'
import { present } from '../../src/lib/assert.ts'
import { providerServer } from '../cloud/provider-server.ts'
import { api, bind, create, filter, run } from './asking.ts'
import { entry, pod } from './objects.ts'
import { closeWorlds, openWorld, until, type World } from './world.ts'

const IP = '10.0.0.2'
let stop = () => {}
afterEach(async () => {
  await closeWorlds()
  stop()
})

test.each([
  [
    'R30 a release over HTTP',
    (world: World) =>
      api(world, '/v1/ip', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ips: [{ ip: IP, appType: 'NULL', podName: 'first', namespace: 'default' }] }),
      }),
  ],
  [
    'R30 the look of a resync',
    (world: World) => {
      const row = world.ledger.read(view => view.at(present(parseAddress(IP), IP)))
      return endIfGone(world.ports, present(row, 'row'))
    },
  ],
])('%s that waits for the API server while the address goes to another pod on the same node', async (_, act) => {
  const cloud = await providerServer()
  stop = () => cloud.stop()
  const world = await openWorld({
    cloudProvider: cloud.target,
    entries: [entry('10.49.0.0/24', '10.0.0.0/24', IP)],
  })
  await run(world, pod('first'))
  world.api.hush('pods')
  world.api.remove('pods', 'default/first')
  const door = world.api.hold('get pods')
  const acted = act(world)
  await door.arrived
  world.api.tell('pods')
  await until(() => world.row(IP) === 'free')
  await run(world, pod('second'))
  door.release()
  await acted
  expect(cloud.calls).toEqual([`assign ${IP} a1`, `unassign ${IP} a1`, `assign ${IP} a1`])
  expect(cloud.where.get(IP)).toBe('a1')
  expect(world.row(IP)).toBe('bound NULL_default_NULL_second second#1')
})

test('R30 the end of a claim whose patch is answered late, when the pod was bound with it meanwhile', async () => {
  const cloud = await providerServer()
  stop = () => cloud.stop()
  const world = await openWorld({
    cloudProvider: cloud.target,
    holdMs: 300,
    entries: [entry('10.49.0.0/24', '10.0.0.0/24', IP)],
  })
  const first = pod('first')
  await create(world, first)
  await filter(world, first, 'a1')
  world.api.fail('bind pods', { status: 403 })
  const door = world.api.hold('patch pods', true)
  expect(await bind(world, first)).not.toBe('')
  await door.arrived
  const version = world.api.get('pods', 'default/first')?.metadata.resourceVersion
  await until(() => world.ports.cluster.pods.get('default/first')?.resourceVersion === version)
  expect(await bind(world, first)).toBe('')
  door.release()
  await Bun.sleep(200)
  expect(world.row(IP)).toBe('bound NULL_default_NULL_first first#1')
  expect(cloud.where.get(IP)).toBe('a1')
})
