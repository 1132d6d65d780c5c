/** Owns the rules of waiting (safety.md R24 to R26): refusals cost nothing while nothing moves, and whoever's answer changed is told, no more and no fewer. */
import { afterEach, describe, expect, test } from 'bun:test'
import { bind, callsOf, create, filter, run, wakeOf } from './asking.ts'
import { entry, node, pod, workload } from './objects.ts'
import { closeWorlds, openWorld, startWorld, until, type World } from './world.ts'

afterEach(closeWorlds)

const ONE = [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2')]
const TWO = [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2~10.0.0.3')]
const THREE = [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2~10.0.0.4')]
const LEFT = 'FloatingIPPlugin:NoFIPLeft: no free address for nodes in 10.49.0.0/24'

/** All addresses taken by `used-n`, and pods that wait, `w1` the oldest. */
async function full(entries: readonly object[], waiting: number, options = {}): Promise<World> {
  const world = await openWorld({ entries, ...options })
  for (let n = 1; (await filter(world, pod('probe'), 'a1')).NodeNames?.length === 1; n++)
    await run(world, pod(`used-${n}`))
  for (let n = waiting; n > 0; n--) {
    const it = await create(world, pod(`w${n}`, { age: 1000 - n }))
    expect((await filter(world, it, 'a1', 'a2')).FailedAndUnresolvableNodes).toEqual({ a1: LEFT, a2: LEFT })
  }
  world.waiting.leave('probe#1')
  return world
}

const woken = (world: World) => callsOf(world, 'patch pods').map(({ key }) => key.replace('default/', ''))

/** How often the rules were asked while this ran. */
async function decisions(world: World, work: () => Promise<unknown>): Promise<number> {
  const { ledger } = world.ports
  const real = ledger.read
  let count = 0
  // A decision asks for the rows of the pod's own key first.
  Object.assign(ledger, {
    read: (question: Parameters<typeof real>[0]) =>
      real(view =>
        question(
          new Proxy(view, {
            get(of, name) {
              if (name === 'ofKey') count++
              return Reflect.get(of, name)
            },
          }),
        ),
      ),
  })
  await work()
  Object.assign(ledger, { read: real })
  return count
}

describe('R24: the memory of refusals', () => {
  test('R24: a hundred calls with nothing changed: one text, no new decision', async () => {
    const world = await full(ONE, 1)
    const answers = new Set<string>()
    const made = await decisions(world, async () => {
      for (let n = 0; n < 100; n++) answers.add(JSON.stringify(await filter(world, pod('w1'), 'a1', 'a2')))
    })
    expect(answers.size).toBe(1)
    expect(made).toBe(0)
  })

  test.each<[string, (world: World) => unknown]>([
    ['another pod’s end', world => world.api.remove('pods', 'default/used-1')],
    [
      'a change of the ledger alone',
      world => world.ledger.submit('giveBack', { at: 0, incarnation: 'used-1#1', revision: 99, because: 'test' }),
    ],
    ['a new node', world => world.api.put('nodes', node('a3', '10.49.0.13'))],
    ['a node’s new address', world => world.api.put('nodes', node('a2', '10.49.0.99'))],
    ['a workload’s new size', world => world.api.put('deployments', workload('any', 7))],
  ])('R24: %s invalidates it', async (_, change) => {
    const world = await full(ONE, 1)
    const { factsVersion } = world.ports.cluster
    const { revision } = world.ledger
    await change(world)
    await until(() => world.ports.cluster.factsVersion !== factsVersion || world.ledger.revision !== revision)
    expect(await decisions(world, () => filter(world, pod('w1'), 'a1', 'a2'))).toBeGreaterThan(0)
  })

  test.each([
    ['another set of nodes', pod('w1'), ['b1']],
    ['another policy', pod('w1', { policy: 'never' }), ['a1', 'a2']],
    ['another request', pod('w1', { args: '{"request_ip_range":[["10.0.0.2"]]}' }), ['a1', 'a2']],
    ['another owner', pod('w1', { owner: 'StatefulSet web' }), ['a1', 'a2']],
  ])('R24: %s is another question', async (_, it, nodes) => {
    const world = await full(TWO, 1, { entries: [...TWO, entry('10.50.0.0/24', '10.0.1.0/24', '10.0.1.2')] })
    expect(await decisions(world, () => filter(world, it, ...nodes))).toBeGreaterThan(0)
  })
})

describe('R24: what the pod’s author mends', () => {
  test('R24: a pool annotation that is taken away changes the answer at once', async () => {
    const world = await full(ONE, 0)
    const pooled = pod('p', {
      annotations: { 'tke.cloud.tencent.com/eni-ip-pool': 'X_' },
      policy: 'never',
      owner: 'StatefulSet p',
    })
    const mended = pod('p', { policy: 'never', owner: 'StatefulSet p' })
    const why = 'pool name "X_" must be a DNS-1123 name such as web-pool'
    expect((await filter(world, pooled, 'a1')).FailedAndUnresolvableNodes).toEqual({ a1: why })
    expect((await filter(world, mended, 'a1')).FailedAndUnresolvableNodes).toEqual({ a1: LEFT })
  })
})

describe('R25: waking', () => {
  test.each([
    [1, ['w1']],
    [2, ['w1', 'w2']],
    [3, ['w1', 'w2', 'w3']],
  ])('R25: %d addresses come free: exactly so many of the oldest pods are told', async (count, expected) => {
    const world = await full(THREE, 5)
    for (let n = 1; n <= count; n++) world.api.remove('pods', `default/used-${n}`)
    await until(() => woken(world).length >= count)
    await Bun.sleep(100)
    expect(woken(world).sort()).toEqual(expected)
  })

  test('R25: the woken pods ask and bind, and nobody else is told', async () => {
    const world = await full(ONE, 3)
    world.api.remove('pods', 'default/used-1')
    await until(() => wakeOf(world, 'w1') !== '')
    expect((await filter(world, pod('w1'), 'a1')).NodeNames).toEqual(['a1'])
    expect(await bind(world, pod('w1'))).toBe('')
    await Bun.sleep(100)
    expect(woken(world)).toEqual(['w1'])
  })

  test('R25: a wake that no filter answers passes to the next in line after 1 s', async () => {
    const world = await full(ONE, 3, { speed: 5 })
    world.api.remove('pods', 'default/used-1')
    await until(() => woken(world).length >= 1)
    await Bun.sleep(100)
    expect(woken(world)).toEqual(['w1'])
    await until(() => woken(world).length >= 2)
    expect(woken(world)).toEqual(['w1', 'w2'])
    await until(() => woken(world).length >= 4)
    expect(woken(world).slice(0, 4)).toEqual(['w1', 'w2', 'w3', 'w1'])
  })

  test('R25: pods for which the scheduler has no node are told ever more rarely', async () => {
    const world = await full(THREE, 3, { speed: 20 })
    for (const n of [1, 2, 3]) world.api.remove('pods', `default/used-${n}`)
    await until(() => woken(world).length >= 3)
    // A minute of theirs.
    await Bun.sleep(3_000)
    expect(woken(world).length).toBeWithin(9, 19)
  })

  test('R25: a wake whose patch fails passes to the next as well', async () => {
    const world = await full(ONE, 2, { speed: 5 })
    world.api.fail('patch pods', { status: 500 }, 1)
    world.api.remove('pods', 'default/used-1')
    await until(() => wakeOf(world, 'w2') !== '')
    expect(woken(world).slice(0, 2)).toEqual(['w1', 'w2'])
  })

  test('R25: a wake that the scheduler answers with nodes of no use passes to the next', async () => {
    const world = await full(ONE, 2)
    world.api.remove('pods', 'default/used-1')
    await until(() => wakeOf(world, 'w1') !== '')
    expect((await filter(world, pod('w1', { age: 999 }), 'b1')).NodeNames).toEqual([])
    await until(() => wakeOf(world, 'w2') !== '', 3_000)
  })

  test('R25: the time of a wake that was heard does not end a later one', async () => {
    const world = await full(ONE, 2)
    world.api.remove('pods', 'default/used-1')
    await until(() => woken(world).length === 1)
    const first = performance.now()
    await filter(world, pod('w1', { age: 999 }), 'a1')
    await run(world, pod('quick'))
    expect((await filter(world, pod('w1', { age: 999 }), 'a1')).NodeNames).toEqual([])
    await Bun.sleep(600)
    world.api.remove('pods', 'default/quick')
    await until(() => woken(world).length === 2)
    await Bun.sleep(1_250 - (performance.now() - first))
    expect(woken(world)).toEqual(['w1', 'w1'])
  })

  test('R25: a pod that is gone takes no wake from the others', async () => {
    const world = await full(ONE, 2)
    world.api.hush('pods')
    world.api.remove('pods', 'default/w1')
    await world.ledger.submit('giveBack', { at: 0, incarnation: 'used-1#1', revision: 99, because: 'test' })
    await until(() => wakeOf(world, 'w2') !== '', 3_000)
  })

  test('R25: the value is new each time, also after a restart', async () => {
    const world = await full(ONE, 1, { speed: 20 })
    const values = new Set<string>()
    world.api.remove('pods', 'default/used-1')
    await until(() => values.add(wakeOf(world, 'w1')).size >= 3)
    const { api, dir } = world
    await world.stop()
    const before = wakeOf(world, 'w1')
    const again = await openWorld({ api, dir })
    await until(() => wakeOf(again, 'w1') !== before)
    expect(values.has(wakeOf(again, 'w1'))).toBe(false)
  })

  test('R25: room in a Deployment wakes one of its pods, although other addresses were free all the time', async () => {
    const app = (name: string, age: number) => pod(name, { owner: 'Deployment app', policy: 'immutable', age })
    const world = await openWorld({ deployments: [workload('app', 1)] })
    await run(world, app('old', 900))
    const limit = 'deployment app has allocated 1 ips with replicas of 1, wait for releasing'
    for (const [name, age] of [
      ['n1', 800],
      ['n2', 700],
    ] as const) {
      expect((await filter(world, await create(world, app(name, age)), 'a1')).FailedAndUnresolvableNodes).toEqual({
        a1: limit,
      })
    }
    world.api.remove('pods', 'default/old')
    await until(() => wakeOf(world, 'n1') !== '')
    await Bun.sleep(100)
    expect(woken(world)).toEqual(['n1'])
  })

  test('R25: a Deployment scaled up by one wakes one', async () => {
    const app = (name: string, age: number) => pod(name, { owner: 'Deployment app', policy: 'immutable', age })
    const world = await openWorld({ deployments: [workload('app', 1)] })
    await run(world, app('old', 900))
    await filter(world, await create(world, app('n1', 800)), 'a1')
    await filter(world, await create(world, app('n2', 700)), 'a1')
    world.api.put('deployments', workload('app', 2))
    await until(() => wakeOf(world, 'n1') !== '')
    await Bun.sleep(100)
    expect(woken(world)).toEqual(['n1'])
  })

  test('R25: a node that comes later wakes the pod that was refused for it', async () => {
    const world = await openWorld({ entries: ONE })
    const it = await create(world, pod('p'))
    expect((await filter(world, it, 'a9')).FailedAndUnresolvableNodes).toEqual({
      a9: 'FloatingIPPlugin:UnknowNode: the node has no InternalIP',
    })
    world.api.put('nodes', node('a9', '10.49.0.19'))
    await until(() => wakeOf(world, 'p') !== '', 3_000)
  })

  test('R26: a node that our copy does not have yet is looked up', async () => {
    const world = await openWorld({ entries: ONE })
    world.api.hush('nodes')
    world.api.put('nodes', node('a9', '10.49.0.19'))
    expect((await filter(world, await create(world, pod('p')), 'a9')).NodeNames).toEqual(['a9'])
  })
})

describe('R26: a workload that our copy does not have', () => {
  const app = pod('new', { owner: 'Deployment app', policy: 'immutable' })

  test('R26: is looked up, and counts as it is', async () => {
    const world = await openWorld()
    world.api.hush('deployments')
    world.api.put('deployments', workload('app', 1))
    expect((await filter(world, await create(world, app), 'a1')).NodeNames).toEqual(['a1'])
    expect(callsOf(world, 'get deployments')).toHaveLength(1)
  })

  test('R26: and cannot be looked up: Error, never "0 replicas"', async () => {
    const world = await openWorld()
    world.api.fail('get deployments', { status: 500 })
    const answer = await filter(world, await create(world, app), 'a1')
    expect(answer.Error).toContain('500')
    expect([answer.NodeNames, answer.FailedNodes, answer.FailedAndUnresolvableNodes]).toEqual([null, {}, {}])
  })

  test('R26: and is gone by the word of the API server: 0 replicas, a refusal per node', async () => {
    const world = await openWorld()
    expect(await filter(world, await create(world, app), 'a1')).toMatchObject({
      NodeNames: [],
      FailedAndUnresolvableNodes: { a1: 'deployment app has allocated 0 ips with replicas of 0, wait for releasing' },
      Error: '',
    })
  })

  test('R26: bind looks it up too', async () => {
    const world = await openWorld()
    world.api.fail('get deployments', { status: 500 })
    expect(await bind(world, await create(world, app))).toContain('500')
    expect(world.rows()).toEqual([])
  })

  test('R26: the ready gate waits for the workloads', async () => {
    const world = startWorld({})
    const door = world.api.hold('list deployments')
    await door.arrived
    // The others come one by one; this one alone is missing in the end.
    await until(() => world.gate.waitingFor === 'the lists of deployments')
    door.release()
    await world.ready()
  })
})
