/** Owns the proof that what kube-scheduler really sends gets what kube-scheduler really reads. */
import { afterEach, describe, expect, test } from 'bun:test'
import type { FilterReply } from '../../src/http/extender-wire.ts'
import { carried, create, filter, post, run } from '../app/asking.ts'
import { type Kube, pod } from '../app/objects.ts'
import { closeWorlds } from '../app/world.ts'
import { CAPTURED, type Captured, camelCase, captured, goldenWorld, namesOf, of, podOf } from './captured.ts'

afterEach(closeWorlds)

const FILTER_KEYS = ['Error', 'FailedAndUnresolvableNodes', 'FailedNodes', 'NodeNames', 'Nodes']
const LEFT = 'FloatingIPPlugin:NoFIPLeft: no free address for nodes in 10.49.0.0/16'

/** Takes all addresses of the golden world. */
async function fill(world: Awaited<ReturnType<typeof goldenWorld>>) {
  for (const name of ['used-1', 'used-2']) await run(world, pod(name), 'node-000')
}

test('every captured exchange is here and has a verb', () => {
  expect(CAPTURED).toHaveLength(22)
  expect(CAPTURED.filter(each => each.verb === undefined)).toEqual([])
})

describe.each(of('filter'))('filter: %s', (_, capture) => {
  test('has every key of the scheduler’s own type, in PascalCase', async () => {
    const world = await goldenWorld()
    const { status, body } = await post<FilterReply>(world, '/v1/filter', capture.request)
    expect(status).toBe(200)
    expect(Object.keys(body).sort()).toEqual(FILTER_KEYS)
    if ((capture.response as { Error?: string }).Error !== undefined) {
      expect(Object.keys(capture.response as object).sort()).toEqual(FILTER_KEYS)
    }
  })

  test('all nodes fit: names in are names out, nodes in are the same nodes out, the other one is null', async () => {
    const world = await goldenWorld()
    const { body } = await post<FilterReply>(world, '/v1/filter', capture.request)
    const asked = capture.request.Nodes as { items: Kube[] } | null
    expect(body.NodeNames).toEqual(asked === null ? namesOf(capture) : null)
    expect(body.Nodes?.items ?? null).toEqual((asked?.items ?? null) as never)
    expect([body.FailedNodes, body.FailedAndUnresolvableNodes, body.Error]).toEqual([{}, {}, ''])
  })

  test('no address is left: every node unresolvable, and failed as galaxy’s are, with a text that stays the same over 100 calls', async () => {
    const world = await goldenWorld()
    await fill(world)
    const answers = new Set<string>()
    for (let n = 0; n < 100; n++) {
      const { body } = await post<FilterReply>(world, '/v1/filter', capture.request)
      answers.add(JSON.stringify(body))
    }
    const asked = capture.request.Nodes !== null
    expect([...answers].map(text => JSON.parse(text))).toEqual([
      {
        Nodes: asked ? { metadata: {}, items: [] } : null,
        NodeNames: asked ? null : [],
        FailedNodes: Object.fromEntries(namesOf(capture).map(name => [name, LEFT])),
        FailedAndUnresolvableNodes: Object.fromEntries(namesOf(capture).map(name => [name, LEFT])),
        Error: '',
      },
    ])
  })

  test('with the flag for schedulers before 1.21 the same refusals are in FailedNodes alone', async () => {
    const world = await goldenWorld({ legacyFailedNodes: true })
    await fill(world)
    const { body } = await post<FilterReply>(world, '/v1/filter', capture.request)
    expect(body.FailedNodes).toEqual(Object.fromEntries(namesOf(capture).map(name => [name, LEFT])))
    expect(body.FailedAndUnresolvableNodes).toEqual({})
  })

  test('a pod that does not ask passes untouched, also on nodes that nobody knows', async () => {
    const world = await goldenWorld()
    await fill(world)
    const plain = { ...podOf(capture), spec: { containers: [{ name: 'c', resources: { requests: { cpu: '1' } } }] } }
    const { body } = await post<FilterReply>(world, '/v1/filter', { ...capture.request, Pod: plain })
    const asked = capture.request.Nodes as { items: Kube[] } | null
    expect(body.NodeNames ?? body.Nodes?.items).toEqual((asked?.items ?? namesOf(capture)) as never)
    expect(body.FailedAndUnresolvableNodes).toEqual({})
  })
})

describe('filter with node objects', () => {
  const capture = captured('filter-nodes-full')

  test('the nodes’ own addresses count: nodes outside the configuration are refused, the others echoed in order', async () => {
    const world = await goldenWorld()
    const items = (capture.request.Nodes as { items: Kube[] }).items
    const far = structuredClone(items)
    for (const at of [0, 2])
      Object.assign(far[at] as object, { status: { addresses: [{ type: 'InternalIP', address: '192.168.7.1' }] } })
    const { body } = await post<FilterReply>(world, '/v1/filter', {
      ...capture.request,
      Nodes: { metadata: {}, items: far },
    })
    expect(body.Nodes?.items).toEqual([far[1], far[3]] as never)
    const why = 'FloatingIPPlugin:NoFIPConfigNode: no node subnet of the configuration contains the node'
    const refused = [0, 2].map(at => [far[at]?.metadata.name, why])
    expect(body.FailedAndUnresolvableNodes).toEqual(Object.fromEntries(refused))
  })

  test('a node without InternalIP and a node that nobody knows are refused with galaxy’s word', async () => {
    const world = await goldenWorld()
    const why = 'FloatingIPPlugin:UnknowNode: the node has no InternalIP'
    expect((await filter(world, podOf(capture), 'node-000', 'nobody')).FailedAndUnresolvableNodes).toEqual({
      nobody: why,
    })
    const items = [{ metadata: { name: 'bare' }, status: { addresses: [{ type: 'Hostname', address: 'bare' }] } }]
    const { body } = await post<FilterReply>(world, '/v1/filter', { ...capture.request, Nodes: { items } })
    expect(body.FailedAndUnresolvableNodes).toEqual({ bare: why })
  })
})

describe.each(CAPTURED.map(each => [each.name, each] as const))('camelCase: %s', (_, capture) => {
  test('keys are read without regard to case', async () => {
    const asked = camelCase(capture.request)
    expect(Object.keys(asked as object)).not.toEqual(Object.keys(capture.request))
    const [one, two] = [await goldenWorld(), await goldenWorld()]
    for (const world of [one, two]) await prepare(world, capture)
    const plain = await post(one, `/v1/${capture.verb}`, capture.request)
    expect(await post(two, `/v1/${capture.verb}`, asked)).toEqual(plain)
    expect(two.rows()).toEqual(one.rows())
  })
})

/** What a request needs to be answered with more than a refusal: the bound pod exists, the victims have the addresses. */
async function prepare(world: Awaited<ReturnType<typeof goldenWorld>>, { verb, request }: Captured) {
  if (verb === 'bind') {
    await create(world, pod(String(request.PodName), { uid: String(request.PodUID) }))
    return
  }
  if (verb !== 'preempt') return
  for (const [at, uid] of victimsOf(request).slice(0, 2).entries()) {
    await run(world, pod(`victim-${at}`, { uid }), 'node-000')
  }
}

function victimsOf({ NodeNameToMetaVictims, NodeNameToVictims }: Captured['request']): string[] {
  const meta = Object.values((NodeNameToMetaVictims ?? {}) as Record<string, { Pods: { UID: string }[] }>)
  const full = Object.values((NodeNameToVictims ?? {}) as Record<string, { Pods: Kube[] }>)
  return [
    ...meta.flatMap(each => each.Pods.map(({ UID }) => UID)),
    ...full.flatMap(each => each.Pods.map(each => each.metadata.uid)),
  ]
}

describe.each(of('priority'))('prioritize: %s', (_, capture) => {
  test('a bare list of Host and Score, 0 to 10, of every node asked', async () => {
    const world = await goldenWorld()
    await run(world, pod('used-1'), 'node-000')
    const { status, body } = await post(world, '/v1/priority', capture.request)
    expect(status).toBe(200)
    expect(body).toEqual(namesOf(capture).map(Host => ({ Host, Score: 5 })))
  })
})

describe.each(of('bind'))('bind: %s', (_, capture) => {
  const { PodName, PodUID, Node } = capture.request as Record<string, string>

  test('the pod as asked is bound, with its address, and the answer is an empty Error', async () => {
    const world = await goldenWorld()
    await create(world, pod(String(PodName), { uid: String(PodUID) }))
    expect(await post(world, '/v1/bind', capture.request)).toEqual({ status: 200, body: { Error: '' } })
    expect(world.api.get('pods', `default/${PodName}`)?.spec?.nodeName).toBe(Node)
    expect(carried(world, String(PodName))).toEqual(['10.0.0.2'])
  })

  test('another pod of this name is not bound', async () => {
    const world = await goldenWorld()
    await create(world, pod(String(PodName), { uid: 'another' }))
    const why = `pod default/${PodName} (uid ${PodUID}) was replaced by another pod of the same name`
    expect(await post(world, '/v1/bind', capture.request)).toEqual({ status: 200, body: { Error: why } })
  })
})

describe.each(of('preempt'))('preempt: %s', (_, capture) => {
  const { NodeNameToMetaVictims, NodeNameToVictims } = capture.request as Record<
    string,
    Record<string, { Pods: unknown[]; NumPDBViolations: number }>
  >
  const asked = NodeNameToMetaVictims ?? NodeNameToVictims ?? {}
  const uids = victimsOf(capture.request)
  const meta = Object.fromEntries(
    Object.keys(asked).map((name, at) => [name, { Pods: [{ UID: uids[at] }], NumPDBViolations: 0 }]),
  )

  test('with free addresses every candidate stays, its victims in the meta form', async () => {
    const world = await goldenWorld()
    expect(await post(world, '/v1/preempt', capture.request)).toEqual({
      status: 200,
      body: { NodeNameToMetaVictims: meta },
    })
  })

  test('without a free address only the node whose victim has one stays', async () => {
    const world = await goldenWorld()
    await run(world, pod('victim', { uid: String(uids[0]) }), 'node-000')
    await run(world, pod('other'), 'node-000')
    const [first = ''] = Object.keys(asked)
    const { body } = await post(world, '/v1/preempt', capture.request)
    expect(body).toEqual({ NodeNameToMetaVictims: { [first]: meta[first] } })
  })

  test('a pod that does not ask keeps every candidate', async () => {
    const world = await goldenWorld()
    await fill(world)
    const { body } = await post(world, '/v1/preempt', { ...capture.request, Pod: pod('plain', { asks: false }) })
    expect(body).toEqual({ NodeNameToMetaVictims: meta })
  })
})
