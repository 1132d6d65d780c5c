/** What would happen if the configuration or a pool were another one. */
import { afterEach, describe, expect, test } from 'bun:test'
import { create, filter, run } from './asking.ts'
import { entry, floatingIp, pod } from './objects.ts'
import { ask, plan, scale, seen, templated, told, web } from './planning.ts'
import { closeWorlds, openWorld, until, type World } from './world.ts'

afterEach(closeWorlds)

describe('another configuration', () => {
  const configuration = (...entries: object[]) => ({ configuration: JSON.stringify(entries) })

  test('a range shrinks: whose addresses leave it, and what is left', async () => {
    const world = await openWorld({ statefulsets: [templated('web', 2)] })
    for (const n of [0, 1]) await run(world, web(n))
    for (const n of [0, 1]) await seen(world, `web-${n}`)
    const answer = await plan(
      world,
      configuration(
        entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.3~10.0.0.5'),
        entry('10.50.0.0/24', '10.0.1.0/24', '10.0.1.2~10.0.1.3'),
      ),
    )
    expect(answer).toMatchObject({ ok: false, orphaned: [{ ip: '10.0.0.2', key: 'sts_default_web_web-0' }] })
    expect(told(answer)).toEqual(['default/web-0 lose', 'default/web-1 keep 10.0.0.3'])
    expect(answer.subnets).toEqual([
      {
        subnet: '10.0.0.0/24',
        gateway: '10.0.0.1',
        totalBefore: 4,
        totalAfter: 3,
        freeBefore: 2,
        freeAfter: 2,
      } as never,
    ])
  })

  test('what would be warned of is told: a gateway or an address of a node in ips', async () => {
    const world = await openWorld()
    const answer = await plan(world, configuration(entry('10.49.0.0/24', '10.49.0.0/24', '10.49.0.1', '10.49.0.11')))
    expect(answer.warnings).toEqual([
      'floatingips[0].ips contains the gateway 10.49.0.1: pods may be given it',
      expect.stringContaining('10.49.0.11 is the address of node a1'),
      'in no node subnet any more would be b1',
    ])
  })

  test('a range grows: who waits now and would not', async () => {
    const world = await openWorld({ entries: [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2')] })
    await run(world, pod('first'))
    await create(world, pod('late'))
    await filter(world, pod('late'))
    const answer = await plan(world, { configuration: [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2~10.0.0.3')] })
    expect(answer.ok).toBe(true)
    expect(told(answer)).toEqual(['default/late get 10.0.0.3', 'default/first keep 10.0.0.2'])
  })

  test('who waits for other nodes gets nothing from a range for these', async () => {
    const world = await openWorld({
      entries: [
        entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2'),
        entry('10.50.0.0/24', '10.0.1.0/24', '10.0.1.2~10.0.1.3'),
      ],
    })
    await run(world, pod('first'))
    await create(world, pod('late'))
    await filter(world, pod('late'), 'a1', 'a2')
    const roomier = (first: string, second: string) => ({
      configuration: [entry('10.49.0.0/24', '10.0.0.0/24', first), entry('10.50.0.0/24', '10.0.1.0/24', second)],
    })
    expect(told(await plan(world, roomier('10.0.0.2', '10.0.1.2~10.0.1.9')))).toEqual(['default/first keep 10.0.0.2'])
    expect(told(await plan(world, roomier('10.0.0.2~10.0.0.3', '10.0.1.2')))).toEqual([
      'default/late get 10.0.0.3',
      'default/first keep 10.0.0.2',
    ])
  })

  test('node subnets move away: pods that could not come back, nodes in no subnet, another gateway', async () => {
    const world = await openWorld({ statefulsets: [templated('web', 1)] })
    await run(world, web(0))
    await seen(world, 'web-0')
    const moved = { ...entry('10.60.0.0/24', '10.0.0.0/24', '10.0.0.2~10.0.0.5'), gateway: '10.0.0.254', vlan: 7 }
    const answer = await plan(world, configuration(moved))
    expect(answer).toMatchObject({ ok: false, pods: [{ pod: 'default/web-0', fate: 'wait' }] })
    expect(answer.warnings).toEqual([
      '1 addresses of running pods: gateway 10.0.0.1 becomes 10.0.0.254, vlan 0 becomes 7; they learn it only when they are made again',
      'in no node subnet any more would be a1, a2, b1',
    ])
  })

  test('two node subnets part: a pod with an address of each could not come back', async () => {
    const network = (nodes: string, third: number) =>
      entry(nodes, `10.0.${third}.0/24`, `10.0.${third}.2~10.0.${third}.5`)
    const world = await openWorld({
      entries: [network('10.49.0.0/24', 0), network('10.49.0.0/24', 2)],
      statefulsets: [templated('web', 1)],
    })
    const args = JSON.stringify({ request_ip_range: [['10.0.0.2'], ['10.0.2.2']] })
    await run(world, pod('web-0', { owner: 'StatefulSet web', policy: 'immutable', args }))
    await seen(world, 'web-0')
    const answer = await plan(world, configuration(network('10.49.0.0/24', 0), network('10.50.0.0/24', 2)))
    expect(answer).toMatchObject({ ok: false, pods: [{ pod: 'default/web-0', fate: 'wait' }] })
  })

  test('R14 addresses under no known UID are of many pods: each keeps its own', async () => {
    const owned = (n: number, ip: string, node: string) =>
      floatingIp(ip, `sts_default_web_web-${n}`, { policy: 2, node })
    const world = await openWorld({
      pods: [web(0), web(1)],
      floatingips: [owned(0, '10.0.0.2', 'a1'), owned(1, '10.0.1.2', 'b1')],
    })
    const now = [
      entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2~10.0.0.5'),
      entry('10.50.0.0/24', '10.0.1.0/24', '10.0.1.2~10.0.1.3'),
    ]
    const answer = await plan(world, configuration(...now))
    expect(told(answer)).toEqual(['default/web-0 keep 10.0.0.2', 'default/web-1 keep 10.0.1.2'])
  })

  test('an invalid one: every problem', async () => {
    const world = await openWorld()
    expect(await ask(world, { configuration: '[{}]' })).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('floatingips[0].subnet must be a CIDR') },
    })
  })

  test('one that is something else altogether: 400, in a few sentences', async () => {
    const { status, body } = await ask(await openWorld(), {
      configuration: Array.from({ length: 10_000 }, () => ({})),
    })
    expect(status).toBe(400)
    expect(JSON.stringify(body).length).toBeLessThan(3_000)
    expect(JSON.stringify(body)).toContain('and 39980 more')
  })
})

describe('another size of a pool', () => {
  const POOL = { 'tke.cloud.tencent.com/eni-ip-pool': 'p' }
  const member = (name: string, age: number) => pod(name, { owner: 'Deployment app', annotations: POOL, age })

  async function pooled(size: number): Promise<World> {
    const world = await openWorld({ deployments: [templated('app', 3)] })
    world.api.put('pools', {
      metadata: { name: 'p', namespace: 'kube-system', uid: 'pool', resourceVersion: '1' },
      size,
    })
    await until(() => world.ports.cluster.poolInForce('p') !== null)
    await run(world, member('app-1', 9))
    await run(world, member('app-2', 5))
    for (const name of ['app-1', 'app-2']) await seen(world, name)
    return world
  }
  const resize = (size: number) => ({ pool: { name: 'p', size } })

  test('larger: who waits and would not', async () => {
    const world = await pooled(2)
    await create(world, member('app-3', 1))
    await filter(world, member('app-3', 1))
    const answer = await plan(world, resize(3))
    expect(answer.ok).toBe(true)
    expect(told(answer)).toEqual([
      expect.stringMatching(/^default\/app-3 get /),
      'default/app-2 keep 10.0.0.3',
      'default/app-1 keep 10.0.0.2',
    ])
  })

  test('larger, and allocated ahead: what it takes is not free for others', async () => {
    const world = await pooled(2)
    world.api.edit('pools', 'kube-system/p', { preAllocateIP: true })
    await until(() => world.ports.cluster.poolInForce('p')?.preallocate === true)
    const free = ({ subnets }: Awaited<ReturnType<typeof plan>>) =>
      subnets.map(({ freeBefore, freeAfter }) => `${freeBefore} ${freeAfter}`)
    expect(free(await plan(world, resize(5)))).toEqual(['2 0', '2 1'])
  })

  test('smaller than what is in use: nothing is taken, but so many could not come back', async () => {
    const world = await pooled(2)
    const answer = await plan(world, resize(1))
    expect(answer).toMatchObject({
      ok: false,
      counts: { wait: 1, keep: 1 },
      pods: [
        { pod: 'default/app-2', fate: 'wait', because: 'once it is made again: reached pool p size limit of 1' },
        { pod: 'default/app-1', fate: 'keep' },
      ],
    })
  })

  test('smaller than what is in use: a StatefulSet’s pod comes back to what is kept under its name, and leaves the others no room', async () => {
    const world = await pooled(3)
    await run(world, pod('db-0', { owner: 'StatefulSet db', annotations: POOL, age: 1 }))
    await seen(world, 'db-0')
    const answer = await plan(world, resize(2))
    expect(told(answer)).toEqual(['default/app-2 wait', 'default/db-0 keep 10.0.0.4', 'default/app-1 keep 10.0.0.2'])
    expect(answer.ok).toBe(false)
    expect(told(await plan(world, resize(1)))).toEqual([
      'default/app-2 wait',
      'default/app-1 wait',
      'default/db-0 keep 10.0.0.4',
    ])
    // What then does happen.
    world.api.edit('pools', 'kube-system/p', { size: 2 })
    await until(() => world.ports.cluster.poolInForce('p')?.size === 2)
    world.api.remove('pods', 'default/app-2')
    await until(() => !world.row('10.0.0.3').startsWith('bound'))
    const again = member('app-2-again', 1)
    await create(world, again)
    expect((await filter(world, again)).NodeNames ?? []).toEqual([])
  })

  test('smaller, and some are only kept: those are free', async () => {
    const world = await pooled(3)
    world.api.remove('pods', 'default/app-2')
    await until(() => world.row('10.0.0.3') === 'reserved pool__p_')
    const answer = await plan(world, resize(1))
    expect(answer).toMatchObject({ ok: true, freed: [{ ip: '10.0.0.3' }], counts: { keep: 1 } })
  })
})

test.each([
  [{}, 'give exactly one of scale, drain, configuration and pool'],
  [{ drain: { node: 'a1' }, pool: { name: 'p', size: 1 } }, 'give exactly one of scale, drain, configuration and pool'],
  [{ pool: { name: 'a_b', size: 1 } }, 'pool.name must be a DNS-1123 name such as web-pool, not "a_b"'],
  [scale('a b', 'x', 1), 'scale.kind must be a kind such as StatefulSet or Deployment, not "a b"'],
])('bad request %j', async (body, message) => {
  const world = await openWorld()
  expect(await ask(world, body)).toMatchObject({ status: 400, body: { message } })
})
