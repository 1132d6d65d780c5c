/** Owns what an administrator asks: one address, its past, the address space, the configuration. */
import { afterEach, describe, expect, test } from 'bun:test'
import { api, create, filter, run } from '../app/asking.ts'
import { configMap, entry, floatingIp, pod, workload } from '../app/objects.ts'
import { closeWorlds, openWorld, startWorld, until, type World } from '../app/world.ts'
import { mixed, type Page, release } from './api-world.ts'

afterEach(closeWorlds)

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
const get = async <T = Record<string, unknown>>(world: World, path: string) => (await api<T>(world, path)).body
const NETWORK = { subnet: '10.0.0.0/24', gateway: '10.0.0.1', vlan: 0, nodeSubnets: ['10.49.0.0/24'] }

describe('GET /v1/ip/{address}', () => {
  test('bound: whose, since when, why, and that nothing but a release frees it', async () => {
    const world = await mixed()
    expect(await get(world, '/v1/ip/10.0.0.9')).toEqual({
      ...{ ip: '10.0.0.9', state: 'bound', orphaned: false, blocked: false, ...NETWORK },
      ...{
        key: 'sts_default_sts_sts-0',
        namespace: 'default',
        appName: 'sts',
        podName: 'sts-0',
        appType: 'statefulset',
      },
      ...{ policy: 2, policyName: 'never', podUid: 'sts-0#1', node: 'a1', status: 'Pending', releasable: false },
      ...{ since: TIME, updateTime: TIME, verb: 'bind', actor: 'scheduler', because: 'scheduled to a1' },
      freedBy: 'only a release (POST /v1/ip)',
    })
  })

  test('kept without a pod: since when its pod is gone', async () => {
    const world = await mixed()
    const one = await get(world, '/v1/ip/10.0.0.10')
    expect(one.since).toBe(one.updateTime)
    expect(one).toMatchObject({
      state: 'reserved',
      key: 'dp_default_app_',
      verb: 'keep',
      actor: 'cluster',
      since: TIME,
    })
    expect(one).not.toHaveProperty('podUid')
  })

  test('free: the configuration, and what freed it', async () => {
    const world = await mixed()
    expect(await get(world, '/v1/ip/10.0.0.12')).toEqual({
      ...{ ip: '10.0.0.12', state: 'free', orphaned: false, blocked: false },
      ...NETWORK,
    })
    await release(world, { ip: '10.0.0.10', appName: 'app', appType: 'deployment', namespace: 'default' })
    expect(await get(world, '/v1/ip/10.0.0.10')).toMatchObject({
      ...{ state: 'free', verb: 'release', actor: 'person', because: 'released over HTTP', since: TIME },
    })
  })

  test('held: when its hold ends, or to whom it goes back', async () => {
    const world = await openWorld({ deployments: [workload('app', 1)] })
    const held = pod('app-x', { owner: 'Deployment app', policy: 'immutable' })
    await run(world, held)
    world.api.remove('pods', 'default/app-x')
    await until(() => world.row('10.0.0.2') === 'reserved dp_default_app_')
    const next = await create(world, pod('app-y', { owner: 'Deployment app', policy: 'immutable' }))
    await filter(world, next, 'a1')
    expect(await get(world, '/v1/ip/10.0.0.2')).toMatchObject({
      state: 'held',
      freedBy: 'nothing now: unless a bind claims it, it goes back to dp_default_app_',
    })
  })

  test.each([
    ['release at pod end', pod('bare'), 'the end of its pod'],
    [
      'an immutable StatefulSet',
      pod('web-0', { owner: 'StatefulSet web', policy: 'immutable' }),
      'the end of its pod, when it comes with the deletion of StatefulSet default/web, or its scaling below ordinal 0',
    ],
    [
      'an immutable Deployment',
      pod('app-x', { owner: 'Deployment app', policy: 'immutable' }),
      'the end of its pod, when it comes with fewer replicas of Deployment default/app than it has addresses, or its deletion',
    ],
  ])('what would free it: %s', async (_, each, freedBy) => {
    const world = await openWorld({ deployments: [workload('app', 1)], statefulsets: [workload('web', 1)] })
    await run(world, each)
    expect(await get(world, '/v1/ip/10.0.0.2')).toMatchObject({ state: 'bound', freedBy })
  })

  test('orphaned: its pod has it still, and the configuration no longer', async () => {
    const world = await openWorld()
    await run(world, pod('bare'))
    world.api.put('configmaps', configMap(JSON.stringify([entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.5')])))
    await until(() => world.ports.ledger.read(view => view.geometry.slots) === 1)
    const one = await get(world, '/v1/ip/10.0.0.2')
    expect(one).toMatchObject({ orphaned: true, freedBy: 'the end of its pod: it is not configured any more' })
    expect(one).not.toHaveProperty('subnet')
    const { content } = await get<Page>(world, '/v1/subnets')
    expect(content).toMatchObject([{ total: 1, used: 0, free: 1, orphaned: 1 }])
  })

  test('blocked by an administrator', async () => {
    const world = await openWorld({ floatingips: [floatingIp('10.0.0.2', '', { labels: { reserved: 'x' } })] })
    expect(await get(world, '/v1/ip/10.0.0.2')).toMatchObject({
      ...{ state: 'reserved', blocked: true, releasable: false },
      freedBy: 'the correction or deletion of FloatingIP 10.0.0.2, which has the label reserved or cannot be read',
    })
  })

  test('reserved over HTTP: the end of the reservation frees it, by its time too', async () => {
    const world = await openWorld({ statefulsets: [workload('web', 1)] })
    const reserve = async (body: object) => {
      const headers = { 'content-type': 'application/json' }
      return (
        await api<{ id: string }>(world, '/v1/reservations', { method: 'POST', headers, body: JSON.stringify(body) })
      ).body.id
    }
    const expiresAt = '2099-01-01T00:00:00.000Z'
    const web = { appName: 'web', appType: 'statefulset', namespace: 'default' }
    const app = await reserve({ ...web, count: 2, expiresAt })
    const nobody = await reserve({ ips: ['10.0.0.4'], expiresAt })
    const forEver = await reserve({ ips: ['10.0.0.5'] })
    await run(world, pod('web-0', { owner: 'StatefulSet web', policy: 'immutable' }))
    const ends = (id: string) => `the end of reservation ${id} (floatip ip unreserve ${id})`
    expect(await get(world, '/v1/ip/10.0.0.3')).toMatchObject({
      freedBy: `${ends(app)}, or a release (POST /v1/ip)`,
      freedAt: expiresAt,
    })
    expect(await get(world, '/v1/ip/10.0.0.4')).toMatchObject({ freedBy: ends(nobody), freedAt: expiresAt })
    const open = await get(world, '/v1/ip/10.0.0.5')
    expect(open).toMatchObject({ freedBy: ends(forEver) })
    expect(open).not.toHaveProperty('freedAt')
    const used = await get(world, '/v1/ip/10.0.0.2')
    expect(used).toMatchObject({
      state: 'bound',
      freedBy: `the end of its pod and of reservation ${app}, to which it goes back until then`,
    })
    expect(used).not.toHaveProperty('freedAt')
  })
})

describe('the past', () => {
  test('who had this address, newest first; the same from /v1/history', async () => {
    const world = await mixed()
    const { content } = await get<Page>(world, '/v1/ip/10.0.0.10/history')
    expect(content).toMatchObject([
      { verb: 'keep', state: 'reserved', before: { podName: 'app-x' }, after: { key: 'dp_default_app_' } },
      {
        verb: 'bind',
        state: 'bound',
        after: { podName: 'app-x', appType: 'deployment' },
        podUid: 'app-x#1',
        node: 'a1',
      },
    ])
    expect((await get<Page>(world, '/v1/history?ip=10.0.0.10')).content).toEqual(content)
    for (const query of ['pod=app-x', 'app=app', 'node=a1&app=app', 'namespace=default&app=app'])
      expect((await get<Page>(world, `/v1/history?${query}`)).content).toEqual(content)
    expect((await get<Page>(world, '/v1/history?namespace=other')).content).toEqual([])
  })

  test('who had it at a time', async () => {
    const world = await mixed()
    const { content } = await get<{ content: { at: string }[] }>(world, '/v1/ip/10.0.0.10/history')
    const had = async (at: string) =>
      (await get<{ content: { after: { key: string } }[] }>(world, `/v1/history?ip=10.0.0.10&at=${at}`)).content.map(
        ({ after }) => after.key,
      )
    expect(await had(content[1]?.at ?? '')).toEqual(['dp_default_app_app-x'])
    expect(await had(content[0]?.at ?? '')).toEqual(['dp_default_app_'])
    expect(await had('2020-01-01T00:00:00Z')).toEqual([])
    expect(await had('2999-01-01T00:00:00+08:00')).toEqual(['dp_default_app_'])
  })

  test('a ledger that has just begun does not say that nobody had it before: it says since when it knows', async () => {
    const world = await openWorld()
    expect(await get(world, '/v1/history')).not.toHaveProperty('recordedSince')
    await run(world, pod('first'))
    await run(world, pod('second'))
    const { content } = await get<{ content: { at: string }[] }>(world, '/v1/history')
    expect(await get(world, '/v1/history?at=2020-01-01T00:00:00Z')).toMatchObject({
      ...{ totalElements: 0, recordedSince: content.at(-1)?.at },
    })
  })

  test('it is pruned while floatip runs, and says since when it is complete', async () => {
    const world = await openWorld({ history: { rows: 2, ageMs: 1_000_000_000 } })
    for (const name of ['p1', 'p2', 'p3']) {
      await run(world, pod(name))
      world.api.remove('pods', `default/${name}`)
      await until(() => world.rows().length === 0)
    }
    await world.stop()
    const again = await openWorld({ dir: world.dir, api: world.api, history: { rows: 2, ageMs: 1_000_000_000 } })
    const total = async () => (await get<{ totalElements: number }>(again, '/v1/history')).totalElements
    for (let tries = 0; (await total()) > 2 && tries < 100; tries++) await Bun.sleep(10)
    expect(await get(again, '/v1/history')).toMatchObject({ totalElements: 2, recordedSince: TIME })
  })
})

describe('the address space', () => {
  test('what each entry has left, and the longest row of neighbours: not over the gap between two ranges', async () => {
    const entries = [
      entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2~10.0.0.5', '10.0.0.8~10.0.0.9'),
      entry('10.50.0.0/24', '10.0.1.0/24', '10.0.1.2'),
    ]
    const world = await openWorld({ entries })
    await run(world, pod('p'))
    await run(world, pod('q'), 'b1')
    const { content, totalElements } = await get<Page>(world, '/v1/subnets')
    expect(totalElements).toBe(2)
    const counts = { reserved: 0, held: 0, resting: 0, orphaned: 0 }
    expect(content).toEqual([
      {
        ...{ ...NETWORK, ips: ['10.0.0.2~10.0.0.5', '10.0.0.8~10.0.0.9'], ...counts, total: 6, used: 1, free: 5 },
        largestFreeRun: { first: '10.0.0.3', last: '10.0.0.5', length: 3 },
      },
      {
        ...{ subnet: '10.0.1.0/24', gateway: '10.0.1.1', vlan: 0, nodeSubnets: ['10.50.0.0/24'], ips: ['10.0.1.2'] },
        ...{ ...counts, total: 1, used: 1, free: 0, largestFreeRun: { length: 0 } },
      },
    ] as never)
    expect((await get<Page>(world, '/v1/subnets?size=1&page=1')).content).toEqual(content.slice(1))
  })

  test('the configuration in force, and why the newest one is not', async () => {
    const world = await openWorld()
    const before = await get(world, '/v1/config')
    expect(before).toMatchObject({
      ...{ source: 'ConfigMap kube-system/floatingip-config, key floatingips', since: TIME, entries: 2, addresses: 6 },
      floatingips: [{ ...NETWORK, ips: ['10.0.0.2~10.0.0.5'] }, { ips: ['10.0.1.2~10.0.1.3'] }],
    })
    expect(before).not.toHaveProperty('rejected')
    world.api.put('configmaps', configMap('[]'))
    await until(() => world.logged.some(line => line.includes('the last valid one stays in force')))
    expect(await get(world, '/v1/config')).toEqual({
      ...before,
      rejected: { at: TIME, because: expect.stringContaining('is invalid') },
    })
  })

  test('before there is one', async () => {
    const world = startWorld({ entries: null })
    await until(() => world.gate.waitingFor.includes('does not exist'))
    const config = await get(world, '/v1/config')
    expect(config).toMatchObject({
      entries: 0,
      floatingips: [],
      rejected: { because: expect.stringContaining('create it') },
    })
    expect(config).not.toHaveProperty('since')
  })
})
