/** What would happen if: each kind of plan, against what then does happen, and nothing is touched by asking. */
import { afterEach, describe, expect, test } from 'bun:test'
import { api, create, filter, run } from './asking.ts'
import { entry, type Kube, pod, workload } from './objects.ts'
import { closeWorlds, openWorld, until, type World } from './world.ts'

afterEach(closeWorlds)

interface PlannedPod {
  readonly pod: string
  readonly fate: string
  readonly before: string[]
  readonly after: string[]
  readonly code?: string
  readonly because: string
}
interface Answer {
  readonly ok: boolean
  readonly message?: string
  readonly counts: Record<string, number>
  readonly pods: readonly PlannedPod[]
  readonly orphaned: readonly { ip: string; key: string }[]
  readonly freed: readonly { ip: string }[]
  readonly subnets: readonly { subnet: string; freeBefore: number; freeAfter: number }[]
  readonly warnings: readonly string[]
}

async function ask(world: World, body: object) {
  const before = JSON.stringify(
    world.ledger.read(view => [...view.rows()].map(row => [row.address.text, row.revision])),
  )
  const headers = { 'content-type': 'application/json' }
  const answer = await api<Answer>(world, '/v1/plan', { method: 'POST', headers, body: JSON.stringify(body) })
  const after = JSON.stringify(world.ledger.read(view => [...view.rows()].map(row => [row.address.text, row.revision])))
  expect(after).toBe(before)
  expect(world.verify()).toBeNull()
  return answer
}

async function plan(world: World, body: object): Promise<Answer> {
  const { status, body: answer } = await ask(world, body)
  if (status !== 200) throw new Error(`${status} ${answer.message}`)
  return answer
}

const told = ({ pods }: Answer) => pods.map(({ pod: name, fate, after }) => `${name} ${fate} ${after}`.trim())
const drain = (node: string) => ({ drain: { node } })
const scale = (kind: string, name: string, replicas: number) => ({
  scale: { kind, namespace: 'default', name, replicas },
})

/** With a template of pods that ask. */
function templated(name: string, replicas: number, policy?: string): Kube {
  const made = workload(name, replicas)
  const requests = { 'tke.cloud.tencent.com/eni-ip': '1' }
  const annotations = policy === undefined ? {} : { 'k8s.v1.cni.galaxy.io/release-policy': policy }
  const template = { metadata: { annotations }, spec: { containers: [{ name: 'c', resources: { requests } }] } }
  return { ...made, spec: { ...made.spec, template } }
}

const web = (n: number, policy: 'immutable' | 'never' = 'immutable') =>
  pod(`web-${n}`, { owner: 'StatefulSet web', policy })
const app = (name: string, words: object = {}) => pod(name, { owner: 'Deployment app', policy: 'immutable', ...words })

async function seen(world: World, name: string): Promise<void> {
  await until(() => world.ports.cluster.pods.get(`default/${name}`)?.node != null)
}

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
      warnings: ['the pods of dp default/plain do not ask for addresses'],
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

  test('no such workload: 404', async () => {
    const world = await openWorld()
    const { status, body } = await ask(world, scale('StatefulSet', 'web', 1))
    expect({ status, message: body.message }).toEqual({ status: 404, message: 'sts default/web does not exist' })
  })
})

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

  test('a range grows: who waits now and would not', async () => {
    const world = await openWorld({ entries: [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2')] })
    await run(world, pod('first'))
    await create(world, pod('late'))
    await filter(world, pod('late'))
    const answer = await plan(world, { configuration: [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2~10.0.0.3')] })
    expect(answer.ok).toBe(true)
    expect(told(answer)).toEqual(['default/late get 10.0.0.3', 'default/first keep 10.0.0.2'])
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
      '3 nodes would be in no node subnet any more: a1, a2, b1',
    ])
  })

  test('an invalid one: every problem', async () => {
    const world = await openWorld()
    expect(await ask(world, { configuration: '[{}]' })).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('floatingips[0].subnet must be a CIDR') },
    })
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
