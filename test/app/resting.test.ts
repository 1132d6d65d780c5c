/** Owns R12 on the composed program: from a pod's last status to the pods that wait until its address has rested. */
import { afterEach, describe, expect, test } from 'bun:test'
import type { Finding } from '../../src/app/findings.ts'
import { Fault } from '../../src/lib/fault.ts'
import { api, bind, callsOf, carried, create, filter, run } from './asking.ts'
import { explain } from './explaining.ts'
import {
  annotation,
  ENDED,
  IP,
  killed,
  NONE,
  ONE,
  RESTS,
  RUNNING,
  refusal,
  running,
  tells,
  WAITS,
  web,
} from './killing.ts'
import { carries, entry, pod, workload } from './objects.ts'
import { closeWorlds, openWorld, until } from './world.ts'

afterEach(closeWorlds)

describe('R12 the last status of a pod decides whether its address rests', () => {
  test.each([
    ['a container runs', { phase: 'Running', containerStatuses: RUNNING }, RESTS],
    ['an init container runs', { phase: 'Pending', initContainerStatuses: RUNNING, containerStatuses: [] }, RESTS],
    ['a container for debugging runs', { phase: 'Running', ephemeralContainerStatuses: RUNNING }, RESTS],
    ['its kubelet ended them first', { phase: 'Running', containerStatuses: ENDED }, 'free'],
    ['they wait to be started', { phase: 'Pending', containerStatuses: [{ state: { waiting: {} } }] }, 'free'],
    ['nobody tells (a kubelet that is played)', { phase: 'Running' }, 'free'],
  ])('R12 deleted while %s', async (_, status, becomes) => {
    const world = await openWorld()
    await run(world, web('web-0#1'))
    await tells(world, 'web-0', status)
    world.api.remove('pods', 'default/web-0')
    await until(() => !world.row(IP).startsWith('bound'))
    expect(world.row(IP)).toBe(becomes)
  })

  test('R12 a third party says Failed while a container runs', async () => {
    const world = await openWorld()
    await running(world, web('web-0#1'))
    world.api.edit('pods', 'default/web-0', { status: { phase: 'Failed', containerStatuses: RUNNING } })
    await until(() => world.row(IP) === RESTS)
  })

  test('R12 Succeeded says that all containers have ended, whatever their last status', async () => {
    const world = await openWorld()
    await running(world, web('web-0#1'))
    world.api.edit('pods', 'default/web-0', { status: { phase: 'Succeeded', containerStatuses: RUNNING } })
    await until(() => !world.row(IP).startsWith('bound'))
    expect(world.row(IP)).toBe('free')
  })

  test('R12 it was replaced under its name', async () => {
    const world = await openWorld({ entries: ONE })
    await running(world, web('web-0#1'))
    world.api.hush('pods')
    world.api.remove('pods', 'default/web-0')
    world.api.put('pods', web('web-0#2'))
    world.api.tell('pods')
    await until(() => world.row(IP) === RESTS)
  })

  test('R12 it vanished from a list: what was seen last counts', async () => {
    const world = await openWorld()
    await running(world, web('web-0#1'))
    world.api.hush('pods')
    world.api.remove('pods', 'default/web-0')
    world.api.dropWatches('pods', true)
    world.api.tell('pods')
    await until(() => world.row(IP) === RESTS)
  })

  test('R12 gone while floatip was down: no status shows a container, nothing rests', async () => {
    const world = await openWorld()
    await running(world, web('web-0#1'))
    const { api: server, dir } = world
    await world.stop()
    server.remove('pods', 'default/web-0')
    const again = await openWorld({ api: server, dir })
    expect(again.row(IP)).toBe('free')
  })

  test('R12 failed while floatip was down, and its status shows a container', async () => {
    const world = await openWorld()
    await running(world, web('web-0#1'))
    const { api: server, dir } = world
    await world.stop()
    server.edit('pods', 'default/web-0', { status: { phase: 'Failed', containerStatuses: RUNNING } })
    const again = await openWorld({ api: server, dir })
    expect(again.row(IP)).toBe(RESTS)
  })

  test('R12 --rest 0: free at once', async () => {
    const world = await openWorld({ restMs: 0 })
    await running(world, web('web-0#1'))
    world.api.remove('pods', 'default/web-0')
    await until(() => world.row(IP) === 'free')
    const { body } = await api<{ content: { verb: string }[] }>(world, `/v1/history?ip=${IP}`)
    expect(body.content.map(({ verb }) => verb)).not.toContain('rest')
  })
})

describe('R12 while it rests', () => {
  test('R12 its replacement has it at once', async () => {
    const world = await openWorld({ entries: ONE })
    await killed(world)
    await run(world, web('web-0#2'))
    expect(carried(world, 'web-0')).toEqual([IP])
    expect(world.row(IP)).toBe('bound sts_default_web_web-0 web-0#2')
  })

  test('R12 a Deployment’s waiting pod is told as soon as one of its own rests', async () => {
    const world = await openWorld({ entries: ONE })
    const app = (name: string) => pod(name, { owner: 'Deployment app' })
    await running(world, app('app-1'))
    const next = await create(world, app('app-2'))
    expect(await refusal(world, next)).toBe(NONE)
    world.api.remove('pods', 'default/app-1')
    await until(() => callsOf(world, 'patch pods').some(({ key }) => key === 'default/app-2'))
    expect((await filter(world, next, 'a1')).NodeNames).toEqual(['a1'])
    expect(await bind(world, next)).toBe('')
  })

  test('R12 others wait, are told why, and are woken when it has rested', async () => {
    const world = await openWorld({ entries: ONE, restMs: 600 })
    await running(world, web('web-0#1'))
    const late = await create(world, pod('late'))
    expect(await refusal(world, late)).toBe(NONE)
    const began = Date.now()
    world.api.remove('pods', 'default/web-0')
    await until(() => world.row(IP) === RESTS)
    // The memory of the first refusal has another text.
    expect(await refusal(world, late)).toBe(WAITS)
    expect(await refusal(world, late)).toBe(WAITS)
    expect(callsOf(world, 'patch pods')).toEqual([])
    await until(() => callsOf(world, 'patch pods').length > 0)
    expect(Date.now() - began).toBeWithin(550, 1_500)
    expect((await filter(world, late, 'a1')).NodeNames).toEqual(['a1'])
    expect(await bind(world, late)).toBe('')
  })

  test('R12 explain, the address, the list, the subnet, the metrics and history tell of it', async () => {
    const world = await openWorld({ entries: ONE })
    await killed(world)
    const late = await create(world, pod('late'))
    await filter(world, late, 'a1')
    const explained = await explain(world, 'late')
    expect(explained).toMatchObject({
      reason: 'resting',
      because: WAITS.replace('FloatingIPPlugin:NoFIPLeft: ', ''),
      blockedBy: [{ ip: IP, key: 'sts_default_web_web-0', state: 'resting' }],
      blockedByTotal: 1,
    })
    expect(explained.help).toStartWith('wait until they have rested (--rest)')

    const { body: one } = await api<Record<string, string>>(world, `/v1/ip/${IP}`)
    expect(one).toMatchObject({
      ...{ state: 'resting', status: 'Deleted', releasable: true, verb: 'rest', key: 'sts_default_web_web-0' },
      because: 'its pod was deleted; released with its pod; it rests, since a container may still use it',
      freedBy: 'the end of its rest, or a release (floatip ip release) by whoever knows that no container uses it',
    })
    expect(Date.parse(one.freedAt ?? '') - Date.now()).toBeWithin(25_000, 30_001)

    const { body: list } = await api<{ content: object[] }>(world, '/v1/ip?keyword=web-0')
    expect(list.content).toMatchObject([
      { ip: IP, podName: 'web-0', status: 'Deleted', releasable: true, resting: true },
    ])
    const { body: subnets } = await api<{ content: object[] }>(world, '/v1/subnets')
    expect(subnets.content).toMatchObject([{ total: 1, used: 0, reserved: 0, resting: 1, free: 0 }])
    const { body: metrics } = await api<string>(world, '/metrics')
    expect(metrics).toContain('floatip_subnet_addresses{subnet="10.0.0.0/24",first_ip="10.0.0.2",state="resting"} 1')
    expect(metrics).toContain('floatip_waiting_pods{reason="resting"} 1')
    const { body: past } = await api<{ content: { verb: string; state?: string }[] }>(world, `/v1/history?ip=${IP}`)
    expect(past.content[0]).toMatchObject({ verb: 'rest', state: 'resting' })
  })

  test('R12 a check finds nothing wrong with it, and resync leaves it alone', async () => {
    const world = await openWorld({ resyncMinutes: 0.002 })
    await killed(world)
    await until(() => world.ports.replicator.pending === 0)
    const lists = () => callsOf(world, 'list pods').length
    const before = lists()
    await until(() => lists() > before + 3)
    expect(world.row(IP)).toBe(RESTS)
    const { body } = await api<{ findings: Finding[] }>(world, '/v1/check')
    expect(body.findings).toEqual([])
  })

  test('R12 a person may release it, although a pod of that name is there again', async () => {
    const world = await openWorld()
    await killed(world)
    await create(world, web('web-0#2'))
    const item = { ip: IP, appName: 'web', appType: 'statefulset', podName: 'web-0', namespace: 'default' }
    const headers = { 'content-type': 'application/json' }
    const asked = { method: 'POST', headers, body: JSON.stringify({ ips: [item] }) }
    expect((await api(world, '/v1/ip', asked)).status).toBe(200)
    expect(world.row(IP)).toBe('free')
    const { body } = await api<{ content: { because: string }[] }>(world, `/v1/history?ip=${IP}`)
    expect(body.content[0]?.because).toBe('released over HTTP, before it had rested')
  })

  test('R12 a person releases it before the watch has told that its pod is gone: it rests', async () => {
    const world = await openWorld()
    await running(world, web('web-0#1'))
    world.api.hush('pods')
    world.api.remove('pods', 'default/web-0')
    const item = { ip: IP, appName: 'web', appType: 'statefulset', podName: 'web-0', namespace: 'default' }
    const headers = { 'content-type': 'application/json' }
    await api(world, '/v1/ip', { method: 'POST', headers, body: JSON.stringify({ ips: [item] }) })
    expect(world.row(IP)).toBe(RESTS)
  })

  test('R12 a second pod that carries it has it all the same (R6), and it rests on for others', async () => {
    const world = await openWorld()
    await running(world, web('web-0#1'))
    world.api.put('pods', pod('thief', { node: 'a2', args: carries(IP) }))
    await until(() => world.ports.claimants.size === 1)
    world.api.remove('pods', 'default/web-0')
    await until(() => world.row(IP) === 'bound NULL_default_NULL_thief thief#1')
    world.api.remove('pods', 'default/thief')
    await until(() => world.row(IP) === 'resting NULL_default_NULL_thief')
  })

  test('the end of a rest that cannot be booked is told once, and booked when it can be', async () => {
    const world = await openWorld({ speed: 50, restMs: 1_000 })
    const { ledger } = world
    const { submit } = ledger
    ledger.submit = ((kind: 'rested', command: never) =>
      kind === 'rested'
        ? Promise.reject(new Fault('the disk is full', { retryable: true }))
        : submit(kind, command)) as typeof submit
    await killed(world)
    const told = () => world.logged.filter(line => line.includes('the end of its rest is not booked yet'))
    await until(() => told().length > 0)
    await Bun.sleep(300)
    expect(told()).toHaveLength(1)
    ledger.submit = submit
    await until(() => world.row(IP) === 'free')
    expect(told()).toHaveLength(1)
  })

  test('R12 it leaves the configuration and comes back: it still rests', async () => {
    const world = await openWorld()
    await killed(world)
    const configure = (entries: object[]) =>
      world.api.edit('configmaps', 'kube-system/floatingip-config', { data: { floatingips: JSON.stringify(entries) } })
    configure([entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.3~10.0.0.5')])
    await until(() => world.ledger.read(view => view.orphans.size) === 1)
    configure(ONE)
    await until(() => world.ledger.read(view => view.orphans.size) === 0)
    expect(await refusal(world, await create(world, pod('late')))).toBe(WAITS)
  })

  test('R12 kept by a StatefulSet that is deleted meanwhile: it rests for others', async () => {
    const world = await openWorld({ entries: ONE, statefulsets: [workload('web', 1)] })
    await running(world, web('web-0#1', { policy: 'immutable' }))
    world.api.remove('pods', 'default/web-0')
    await until(() => world.row(IP) === 'reserved sts_default_web_web-0')
    expect(await refusal(world, await create(world, pod('late')))).toBe(NONE)
    world.api.remove('statefulsets', 'default/web')
    await until(() => world.row(IP) === RESTS)
    expect(await refusal(world, pod('late'))).toBe(WAITS)
  })

  test('R12 kept, and over: the mark is gone', async () => {
    const world = await openWorld({ restMs: 100, statefulsets: [workload('web', 1)] })
    await running(world, web('web-0#1', { policy: 'immutable' }))
    world.api.remove('pods', 'default/web-0')
    await until(() => world.row(IP) === 'reserved sts_default_web_web-0')
    const mark = () => world.ledger.read(view => [...view.rows()].map(row => row.restsSince))
    await until(() => mark()[0] === null)
    await until(() => world.api.get('floatingips', IP) !== undefined && annotation(world) === undefined)
    expect(world.row(IP)).toBe('reserved sts_default_web_web-0')
  })
})
