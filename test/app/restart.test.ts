/** Owns a restart on the same data: what was is as it was, what ended meanwhile is ended, and a lost file comes back from the cluster. */
import { afterEach, describe, expect, test } from 'bun:test'
import { bind, callsOf, carried, create, filter, run } from './asking.ts'
import { floatingIp, pod, workload } from './objects.ts'
import { closeWorlds, openWorld, startWorld, until } from './world.ts'

afterEach(closeWorlds)

const KEY = 'sts_default_web_web-0'
const never = () => pod('web-0', { owner: 'StatefulSet web', policy: 'never', uid: 'web-0#1' })

describe('a restart', () => {
  test('what is bound, kept and held is as it was', async () => {
    const world = await openWorld({ deployments: [workload('app', 1)] })
    const app = (name: string) => pod(name, { owner: 'Deployment app', policy: 'immutable' })
    await run(world, never())
    await run(world, app('old'))
    world.api.remove('pods', 'default/old')
    await until(() => world.row('10.0.0.3') === 'reserved dp_default_app_')
    await filter(world, await create(world, app('next')), 'a1')
    const before = ['10.0.0.2', '10.0.0.3'].map(world.row)
    expect(before[1]).toBe('held dp_default_app_next next#1')
    const { api: server, dir } = world
    await world.stop(true)
    const again = await openWorld({ api: server, dir })
    expect(['10.0.0.2', '10.0.0.3'].map(again.row)).toEqual(before)
  })

  test('R13: a pod that ended meanwhile and is still listed: its address comes free, and its object goes', async () => {
    const world = await openWorld()
    await run(world, pod('evicted'))
    const { api: server, dir } = world
    await world.stop(true)
    server.edit('pods', 'default/evicted', { status: { phase: 'Failed' } })
    const nodes = server.hold('list nodes')
    const again = startWorld({ api: server, dir })
    await until(() => again.row('10.0.0.2') === 'free')
    nodes.release()
    await until(() => server.all('floatingips').length === 0)
    await Bun.sleep(300)
    expect(again.row('10.0.0.2')).toBe('free')
    expect(again.logged.filter(line => line.includes('adopted from'))).toEqual([])
  })

  test('R27 and another leader has given it to a living pod meanwhile: that object is not ours to delete, and goes to nobody else', async () => {
    const world = await openWorld()
    await run(world, pod('evicted'))
    const { api: server, dir } = world
    await world.stop(true)
    server.edit('pods', 'default/evicted', { status: { phase: 'Failed' } })
    // Claimed, its Binding on the way: the pod carries nothing yet.
    server.put('pods', pod('theirs', { uid: 'theirs#1' }))
    const { spec } = floatingIp('10.0.0.2', 'NULL_default_NULL_theirs', { node: 'a1', uid: 'theirs#1' })
    server.edit('floatingips', '10.0.0.2', { spec })
    const nodes = server.hold('list nodes')
    const again = startWorld({ api: server, dir })
    await until(() => again.row('10.0.0.2') === 'free')
    nodes.release()
    await again.ready()
    await until(() => again.row('10.0.0.2') === 'bound NULL_default_NULL_theirs theirs#1')
    expect(server.get('floatingips', '10.0.0.2')?.spec).toMatchObject({ key: 'NULL_default_NULL_theirs' })
    expect(callsOf(again, 'delete floatingips')).toEqual([])
  })

  test('a hold and a claim that were under way still expire', async () => {
    const world = await openWorld()
    await create(world, pod('claimed'))
    world.api.fail('bind pods', { status: 403, reason: 'Forbidden' })
    await bind(world, pod('claimed'))
    const { api: server, dir } = world
    await world.stop(true)
    const again = await openWorld({ api: server, dir, holdMs: 200 })
    expect(again.row('10.0.0.2')).toBe('bound NULL_default_NULL_claimed claimed#1')
    await until(() => again.row('10.0.0.2') === 'free', 2_000)
  })

  test('the ledger’s file is lost: objects and pods bring everything back, and a new pod gets another address', async () => {
    const world = await openWorld()
    await run(world, never())
    const { api: server } = world
    await world.stop()
    const again = await openWorld({ api: server })
    expect(again.row('10.0.0.2')).toBe(`bound ${KEY} web-0#1`)
    await run(again, pod('next'))
    expect(carried(again, 'next')).toEqual(['10.0.0.3'])
  })
})
