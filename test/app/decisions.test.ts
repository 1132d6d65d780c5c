/** Owns the proof that each decision about an address leaves one line in the log, with pod, address, node, reason and where the time went. */
import { afterEach, describe, expect, test } from 'bun:test'
import { api, bind, create, filter, run } from './asking.ts'
import { pod, workload } from './objects.ts'
import { closeWorlds, openWorld, until, type World } from './world.ts'

afterEach(closeWorlds)

/** The fields of every line that says this, in order. */
const said = (world: World, what: string) =>
  world.logged
    .filter(line => new RegExp(`^\\w+ ${what} \\{`).test(line))
    .map(line => JSON.parse(line.slice(line.indexOf('{'))) as Record<string, unknown>)

const TURN = { queueMs: expect.any(Number), decideMs: expect.any(Number), persistMs: expect.any(Number) }

describe('one line for each decision', () => {
  test('a bind: with all its parts', async () => {
    const world = await openWorld()
    await run(world, pod('p'))
    expect(said(world, 'bound')).toEqual([
      {
        pod: 'default/p',
        node: 'a1',
        ips: ['10.0.0.2'],
        ...TURN,
        replicateMs: expect.any(Number),
        bindingMs: expect.any(Number),
      },
    ])
  })

  test('an address that goes with its pod', async () => {
    const world = await openWorld()
    await run(world, pod('p'))
    world.api.remove('pods', 'default/p')
    await until(() => world.row('10.0.0.2') === 'free')
    const reason = expect.stringContaining('its pod was deleted')
    expect(said(world, 'freed')).toEqual([{ ip: '10.0.0.2', pod: 'default/p', node: 'a1', reason, ...TURN }])
  })

  test('one that stays for its workload, and is asked away', async () => {
    const world = await openWorld()
    await run(world, pod('web-0', { owner: 'StatefulSet web', policy: 'never' }))
    world.api.remove('pods', 'default/web-0')
    await until(() => world.row('10.0.0.2').startsWith('reserved'))
    expect(said(world, 'kept')).toEqual([
      { ip: '10.0.0.2', pod: 'default/web-0', node: 'a1', reason: expect.any(String), ...TURN },
    ])
    const ips = [{ ip: '10.0.0.2', appName: 'web', podName: 'web-0', namespace: 'default' }]
    const headers = { 'content-type': 'application/json' }
    await api(world, '/v1/ip', { method: 'POST', headers, body: JSON.stringify({ ips }) })
    expect(said(world, 'released')).toEqual([
      { ip: '10.0.0.2', pod: 'default/web-0', reason: 'released over HTTP', ...TURN },
    ])
  })

  test('one taken in filter, and given back when no bind comes', async () => {
    const world = await openWorld({ holdMs: 50, deployments: [workload('app', 1)] })
    const made = (name: string) => pod(name, { owner: 'Deployment app', policy: 'never' })
    await run(world, made('app-1'))
    world.api.remove('pods', 'default/app-1')
    await until(() => world.row('10.0.0.2').startsWith('reserved'))
    const second = await create(world, made('app-2'))
    await filter(world, second, 'a1')
    expect(said(world, 'held')).toEqual([{ ip: '10.0.0.2', pod: 'default/app-2', reason: expect.any(String), ...TURN }])
    await until(() => said(world, 'given back').length > 0)
    expect(said(world, 'given back')[0]).toMatchObject({ ip: '10.0.0.2', pod: 'default/app-2' })
  })

  test('a pod that must wait: once, however often the scheduler asks, and again when the kind of reason changes', async () => {
    const world = await openWorld()
    for (const name of ['x', 'y']) await run(world, pod(name), 'b1')
    const late = await create(world, pod('late'))
    for (let ask = 0; ask < 3; ask++) await filter(world, late, 'b1')
    expect(said(world, 'waits for an address')).toEqual([
      { pod: 'default/late', code: 'no-address-left', reason: expect.any(String) },
    ])
    await filter(world, late, 'nobody-knows-this-node')
    expect(said(world, 'waits for an address')).toHaveLength(2)
  })

  test('a pod that is refused for good: once', async () => {
    const world = await openWorld()
    const bare = await create(world, pod('bare', { policy: 'immutable' }))
    for (let ask = 0; ask < 3; ask++) await filter(world, bare, 'a1')
    const lines = [...said(world, 'refused'), ...said(world, 'waits for an address')]
    expect(lines).toEqual([{ pod: 'default/bare', code: 'policy-not-supported', reason: expect.any(String) }])
  })

  test('a bind that is refused', async () => {
    const world = await openWorld()
    const gone = await create(world, pod('p'))
    world.api.remove('pods', 'default/p')
    await until(() => world.ports.cluster.pods.get('default/p') === undefined)
    await bind(world, gone)
    expect(said(world, 'bind refused')).toEqual([
      { pod: 'default/p', node: 'a1', code: 'not-found', reason: expect.any(String), ms: expect.any(Number) },
    ])
  })
})
