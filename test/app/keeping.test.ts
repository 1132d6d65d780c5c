/** Owns the rules of what is kept (safety.md R10, R11, R16), on every path that could release it: unbind, follow, resync, HTTP, a change of the configuration. */
import { afterEach, describe, expect, test } from 'bun:test'
import { api, callsOf, carried, create, run } from './asking.ts'
import { app, eventsOn, podOf } from './deployments.ts'
import { entry, floatingIp, pod, workload } from './objects.ts'
import { closeWorlds, openWorld, until, type World } from './world.ts'

afterEach(closeWorlds)

describe('R10: a release because of a workload rests on a quorum read after the pod’s end', () => {
  test('R10: unbind: the Deployment is read after the end, not taken from the watch', async () => {
    const world = await openWorld({ deployments: [app({ stage: 'over' })] })
    await run(world, podOf('old'))
    const reads = callsOf(world, 'get deployments').length
    world.api.hush('deployments')
    world.api.remove('deployments', 'default/app')
    world.api.remove('pods', 'default/old')
    await until(() => world.row('10.0.0.2') === 'free')
    expect(callsOf(world, 'get deployments').length).toBe(reads + 1)
  })

  test('R10: follow: what was kept while the workload was being read is not judged by that read', async () => {
    const world = await openWorld({ deployments: [app({ stage: 'over', replicas: 2 })] })
    for (const name of ['one', 'two']) await run(world, podOf(name))
    world.api.remove('pods', 'default/one')
    await until(() => world.row('10.0.0.2') === 'reserved dp_default_app_')
    // Scaled to 0, read for that, and scaled up again before the answer comes; meanwhile the second pod ends.
    const read = world.api.hold('get deployments')
    world.api.fail('get deployments', { status: 404, reason: 'NotFound' })
    world.api.put('deployments', app({ stage: 'over', replicas: 0 }))
    await read.arrived
    world.api.put('deployments', app({ stage: 'over', replicas: 2 }))
    world.api.remove('pods', 'default/two')
    await until(() => world.row('10.0.0.3') === 'reserved dp_default_app_')
    read.release()
    await until(() => world.row('10.0.0.2') === 'free')
    expect(world.row('10.0.0.3')).toBe('reserved dp_default_app_')
  })

  test('R10: resync: a workload whose apiVersion nobody told is not missed', async () => {
    const world = await openWorld({
      floatingips: [floatingIp('10.0.0.2', 'tapp_default_db_db-0', { policy: 1 })],
      resyncMinutes: 1,
      speed: 60,
    })
    await Bun.sleep(1_500)
    expect(world.row('10.0.0.2')).toBe('reserved tapp_default_db_db-0')
  })
})

describe('R11: a kept address stays while an unfinished pod of its key exists', () => {
  const web = (uid: string) => pod('web-0', { owner: 'StatefulSet web', policy: 'immutable', uid })

  async function keeping(options = {}): Promise<World> {
    const world = await openWorld({ statefulsets: [workload('web', 1)], ...options })
    await run(world, web('web-0#1'))
    world.api.remove('pods', 'default/web-0')
    await until(() => world.row('10.0.0.2') === 'reserved sts_default_web_web-0')
    return world
  }

  test.each([
    ['that the watch has shown', false],
    ['that the watch has not shown yet', true],
  ])('R11: follow: a pod %s', async (_, hushed) => {
    const world = await keeping()
    if (hushed) {
      world.api.hush('pods')
      world.api.put('pods', web('web-0#2'))
    } else await create(world, web('web-0#2'))
    const reads = callsOf(world, 'get statefulsets').length
    world.api.put('statefulsets', workload('web', 0))
    await until(() => callsOf(world, 'get statefulsets').length > reads)
    await Bun.sleep(100)
    expect(world.row('10.0.0.2')).toBe('reserved sts_default_web_web-0')
  })

  test('R11: resync: and it goes with the next round when the pod has ended', async () => {
    const world = await keeping({ resyncMinutes: 1, speed: 60 })
    await create(world, web('web-0#2'))
    world.api.put('statefulsets', workload('web', 0))
    await Bun.sleep(1_500)
    expect(world.row('10.0.0.2')).toBe('reserved sts_default_web_web-0')
    world.api.remove('pods', 'default/web-0')
    await until(() => world.row('10.0.0.2') === 'free', 8_000)
  })

  test('R11: unbind: a successor that waits keeps what its predecessor had', async () => {
    const world = await openWorld({ statefulsets: [workload('web', 1)] })
    await run(world, web('web-0#1'))
    world.api.put('statefulsets', workload('web', 0))
    world.api.put('pods', web('web-0#2'))
    await until(() => !world.row('10.0.0.2').startsWith('bound'))
    expect(world.row('10.0.0.2')).toBe('reserved sts_default_web_web-0')
  })

  test('R11: HTTP release: refused while its pod waits', async () => {
    const world = await keeping()
    await create(world, web('web-0#2'))
    const ips = [{ ip: '10.0.0.2', appName: 'web', podName: 'web-0', namespace: 'default' }]
    const headers = { 'content-type': 'application/json' }
    expect((await api(world, '/v1/ip', { method: 'POST', headers, body: JSON.stringify({ ips }) })).status).toBe(202)
    expect(world.row('10.0.0.2')).toBe('reserved sts_default_web_web-0')
  })
})

describe('R16: addresses that left the configuration', () => {
  const RACK = (ips: string) => JSON.stringify([entry('10.49.0.0/24', '10.0.0.0/24', ips)])

  test('R16: what is only kept vanishes with the change; what a pod has stays until it ends; a waiting pod’s own does too', async () => {
    const sticky = (name: string, uid = `${name}#1`) => pod(name, { owner: 'StatefulSet web', policy: 'never', uid })
    const world = await openWorld({ statefulsets: [workload('web', 3)] })
    for (const name of ['web-0', 'web-1', 'web-2']) await run(world, sticky(name))
    for (const name of ['web-0', 'web-1']) world.api.remove('pods', `default/${name}`)
    await until(() => ['10.0.0.2', '10.0.0.3'].every(ip => world.row(ip).startsWith('reserved')))
    await create(world, sticky('web-1', 'web-1#2'))
    world.api.edit('configmaps', 'kube-system/floatingip-config', { data: { floatingips: RACK('10.0.0.5~10.0.0.9') } })
    await until(() => world.row('10.0.0.2') === 'free')
    expect(world.row('10.0.0.3')).toBe('reserved sts_default_web_web-1')
    expect(world.row('10.0.0.4')).toBe('bound sts_default_web_web-2 web-2#1')
    await run(world, sticky('web-1', 'web-1#2'))
    expect(carried(world, 'web-1')).toEqual(['10.0.0.5'])
    world.api.remove('pods', 'default/web-2')
    await until(() => world.row('10.0.0.4') === 'free')
  })

  test('R16: one that was awaited by a pod then goes with resync when that pod has ended', async () => {
    const world = await openWorld({ statefulsets: [workload('web', 1)], resyncMinutes: 1, speed: 60 })
    const sticky = (uid: string) => pod('web-0', { owner: 'StatefulSet web', policy: 'never', uid })
    await run(world, sticky('web-0#1'))
    world.api.remove('pods', 'default/web-0')
    await until(() => world.row('10.0.0.2').startsWith('reserved'))
    await create(world, sticky('web-0#2'))
    world.api.edit('configmaps', 'kube-system/floatingip-config', { data: { floatingips: RACK('10.0.0.5~10.0.0.9') } })
    await until(() => world.ledger.read(view => view.geometry.slots) === 5)
    await Bun.sleep(1_500)
    expect(world.row('10.0.0.2')).toBe('reserved sts_default_web_web-0')
    world.api.remove('pods', 'default/web-0')
    await until(() => world.row('10.0.0.2') === 'free', 8_000)
  })

  test('R16: a rollout over a swapped range is let through: the old pods’ addresses count in no limit', async () => {
    const world = await openWorld({ deployments: [app({})] })
    await run(world, podOf('old'))
    world.api.edit('configmaps', 'kube-system/floatingip-config', { data: { floatingips: RACK('10.0.0.5~10.0.0.9') } })
    await until(() => world.ledger.read(view => view.geometry.slots) === 5)
    await run(world, podOf('new'))
    expect(carried(world, 'new')).toEqual(['10.0.0.5'])
    expect(eventsOn(world, 'Deployment')).toEqual([])
  })
})
