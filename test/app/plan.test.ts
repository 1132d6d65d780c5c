/** What would happen if a node were drained or an app scaled, against what then does happen. */
import { afterEach, describe, expect, test } from 'bun:test'
import { create, filter, run } from './asking.ts'
import { entry, gangDefinition, pod, workload } from './objects.ts'
import { app, ask, drain, plan, scale, seen, templated, told, web } from './planning.ts'
import { closeWorlds, openWorld, until } from './world.ts'

afterEach(closeWorlds)

describe('drain', () => {
  test('sticky pods keep their addresses on the other nodes of the subnet; those without a policy get others', async () => {
    const world = await openWorld({ statefulsets: [templated('web', 1)], deployments: [templated('app', 1)] })
    await run(world, web(0))
    await run(world, app('app-1'))
    await run(world, pod('job-x', { owner: 'Job job' }))
    for (const name of ['web-0', 'app-1', 'job-x']) await seen(world, name)
    const answer = await plan(world, drain('a1'))
    expect(answer.ok).toBe(true)
    expect(told(answer)).toEqual([
      expect.stringMatching(/^default\/job-x get 10\.0\./),
      'default/web-0 keep 10.0.0.2',
      'default/app-1 keep 10.0.0.3',
    ])
  })

  test('nodes elsewhere do not help a pod that keeps its address: it would wait', async () => {
    const world = await openWorld({ statefulsets: [templated('web', 1)] })
    await run(world, web(0), 'b1')
    await seen(world, 'web-0')
    const answer = await plan(world, drain('b1'))
    expect(answer).toMatchObject({
      ok: false,
      counts: { wait: 1 },
      pods: [{ pod: 'default/web-0', fate: 'wait', before: ['10.0.1.2'], code: 'address-elsewhere' }],
    })
  })

  test('cordoned nodes take nobody', async () => {
    const world = await openWorld({ statefulsets: [templated('web', 1)] })
    await run(world, web(0))
    await seen(world, 'web-0')
    world.api.edit('nodes', 'a2', { spec: { unschedulable: true } })
    await until(() => world.ports.cluster.nodes.get('a2')?.cordoned === true)
    expect((await plan(world, drain('a1'))).counts).toMatchObject({ wait: 1 })
  })

  test('a pod whose address is kept under a name with a number comes back under that name', async () => {
    const world = await openWorld()
    await run(world, pod('crew-a-0', { owner: 'Gang crew', apiVersion: 'a.example/v1', policy: 'never' }))
    await seen(world, 'crew-a-0')
    expect(told(await plan(world, drain('a1')))).toEqual(['default/crew-a-0 keep 10.0.0.2'])
  })

  test('a bare pod is lost, a DaemonSet’s pod stays', async () => {
    const world = await openWorld()
    await run(world, pod('bare'))
    await run(world, pod('agent-x', { owner: 'DaemonSet agent' }))
    for (const name of ['bare', 'agent-x']) await seen(world, name)
    const answer = await plan(world, drain('a1'))
    expect(answer.ok).toBe(false)
    expect(told(answer)).toEqual(['default/bare lose', 'default/agent-x keep 10.0.0.3'])
  })

  test('a node that does not exist: 404', async () => {
    const world = await openWorld()
    expect(await ask(world, drain('nowhere'))).toMatchObject({
      status: 404,
      body: { message: 'node nowhere does not exist' },
    })
  })

  test('what a real drain then does is what the plan said', async () => {
    const world = await openWorld({ statefulsets: [templated('web', 2)] })
    await run(world, web(0))
    await run(world, web(1))
    for (const name of ['web-0', 'web-1']) await seen(world, name)
    const promised = Object.fromEntries((await plan(world, drain('a1'))).pods.map(each => [each.pod, each.after]))
    for (const n of [0, 1]) world.api.remove('pods', `default/web-${n}`)
    await until(() => world.row('10.0.0.3') === 'reserved sts_default_web_web-1')
    for (const n of [0, 1]) {
      const again = { ...web(n), metadata: { ...web(n).metadata, uid: `web-${n}#2` } }
      await run(world, again, 'a2')
      const rows = world.ledger.read(view => view.ofIncarnation(`web-${n}#2`))
      expect(rows.map(row => row.address.text)).toEqual(promised[`default/web-${n}`] ?? [])
    }
  })
})

describe('scale', () => {
  test('up: as many as there are addresses get one, the others wait', async () => {
    const world = await openWorld({ statefulsets: [templated('web', 1, 'immutable')] })
    await run(world, web(0))
    await seen(world, 'web-0')
    const answer = await plan(world, scale('StatefulSet', 'web', 8))
    expect(answer).toMatchObject({ ok: false, counts: { get: 5, wait: 2, keep: 1, lose: 0, end: 0 } })
    expect(answer.pods[0]).toMatchObject({ pod: 'default/web-6', fate: 'wait', code: 'no-address-left' })
    expect(answer.subnets.map(({ freeBefore, freeAfter }) => `${freeBefore} ${freeAfter}`)).toEqual(['3 0', '2 0'])
  })

  test('down: whose pods go and what is free then; whom that serves', async () => {
    const entries = [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2~10.0.0.4')]
    const world = await openWorld({ entries, statefulsets: [templated('web', 3, 'immutable')] })
    for (const n of [0, 1, 2]) await run(world, web(n))
    for (const n of [0, 1, 2]) await seen(world, `web-${n}`)
    await create(world, pod('late'))
    await filter(world, pod('late'))
    const answer = await plan(world, scale('sts', 'web', 1))
    expect(answer.ok).toBe(true)
    expect(told(answer)).toEqual([
      expect.stringMatching(/^default\/late get 10\.0\.0\.[34]$/),
      'default/web-1 end',
      'default/web-2 end',
      'default/web-0 keep 10.0.0.2',
    ])
  })

  test('policy never: what goes is kept, and comes back when it is scaled up', async () => {
    const world = await openWorld({ statefulsets: [templated('web', 2, 'never')] })
    for (const n of [0, 1]) await run(world, web(n, 'never'))
    for (const n of [0, 1]) await seen(world, `web-${n}`)
    expect(told(await plan(world, scale('StatefulSet', 'web', 1)))).toEqual([
      'default/web-1 end 10.0.0.3',
      'default/web-0 keep 10.0.0.2',
    ])
    world.api.remove('pods', 'default/web-1')
    await until(() => world.row('10.0.0.3') === 'reserved sts_default_web_web-1')
    expect(told(await plan(world, scale('StatefulSet', 'web', 3)))).toEqual([
      expect.stringMatching(/^default\/web-2 get /),
      'default/web-1 keep 10.0.0.3',
      'default/web-0 keep 10.0.0.2',
    ])
  })

  test('a Deployment up from nothing, by its template; and one that asks for none', async () => {
    const world = await openWorld({ deployments: [templated('app', 0, 'immutable'), workload('plain', 1)] })
    expect(told(await plan(world, scale('Deployment', 'app', 2)))).toEqual([
      expect.stringMatching(/^default\/app-planned-1 get /),
      expect.stringMatching(/^default\/app-planned-2 get /),
    ])
    expect(await plan(world, scale('Deployment', 'plain', 9))).toMatchObject({
      ok: true,
      pods: [],
      warnings: ['the pods of Deployment default/plain do not ask for addresses'],
    })
  })

  test('a waiting pod of a Deployment that is scaled up is served', async () => {
    const world = await openWorld({ deployments: [templated('app', 1, 'immutable')] })
    await run(world, app('app-1'))
    await seen(world, 'app-1')
    await create(world, app('app-2'))
    await filter(world, app('app-2'))
    expect(told(await plan(world, scale('Deployment', 'app', 2)))).toEqual([
      expect.stringMatching(/^default\/app-2 get /),
      'default/app-1 keep 10.0.0.2',
    ])
  })

  test('a custom workload that does not number its pods: some go, or more come', async () => {
    const world = await openWorld()
    world.api.put('customresourcedefinitions', gangDefinition('a.example', { v1: '.spec.replicas' }))
    world.api.put('gangs', workload('crew', 2))
    for (const [name, age] of [
      ['crew-x7', 9],
      ['crew-k2', 5],
    ] as const) {
      await run(world, pod(name, { owner: 'Gang crew', apiVersion: 'a.example/v1', age }))
      await seen(world, name)
    }
    expect(told(await plan(world, scale('gang', 'crew', 3)))).toEqual([
      expect.stringMatching(/^default\/crew-planned-1 get /),
      'default/crew-x7 keep 10.0.0.2',
      'default/crew-k2 keep 10.0.0.3',
    ])
    expect(told(await plan(world, scale('gang', 'crew', 1)))).toEqual([
      'default/crew-k2 end',
      'default/crew-x7 keep 10.0.0.2',
    ])
  })

  test('no such workload: 404', async () => {
    const world = await openWorld()
    const { status, body } = await ask(world, scale('StatefulSet', 'web', 1))
    expect({ status, message: body.message }).toEqual({
      status: 404,
      message: 'StatefulSet default/web does not exist',
    })
  })
})
