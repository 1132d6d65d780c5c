/** Owns safety rule R22: a takeover frees nothing of a pool, allocates nothing ahead that galaxy did not, and limits nobody whom galaxy let through. */
import { afterEach, describe, expect, test } from 'bun:test'
import { create, filter, run } from './asking.ts'
import { carries, floatingIp, type Kube, pod, workload } from './objects.ts'
import { closeWorlds, openWorld, until, type World, type WorldOptions } from './world.ts'

afterEach(closeWorlds)

const ANNOTATION = { 'tke.cloud.tencent.com/eni-ip-pool': 'p' }
const kept = (ip: string) => floatingIp(ip, 'pool__p_', { policy: 2 })
const KEPT = ['10.0.0.2', '10.0.0.3', '10.0.0.4']
const pooled = (name: string, more = {}) => pod(name, { owner: 'Deployment app', annotations: ANNOTATION, ...more })
const running = (name: string, ip: string) => pooled(name, { node: 'a1', args: carries(ip) })
const held = (name: string, ip: string) =>
  floatingIp(ip, `pool__p_dp_default_app_${name}`, { policy: 2, uid: `${name}#1`, node: 'a1' })

function poolObject(namespace: string, size: number, more: object = {}): Kube {
  return {
    ...{ apiVersion: 'galaxy.k8s.io/v1alpha1', kind: 'Pool', size, ...more },
    metadata: { name: 'p', namespace, uid: `uid-of-${namespace}-p`, resourceVersion: '1' },
  }
}

/** What a pool's object says of itself. */
function said(world: World, namespace: string) {
  const status = world.api.get('pools', `${namespace}/p`)?.status as
    | { observedGeneration?: number; conditions: { type: string; status: string; reason: string; message: string }[] }
    | undefined
  const { reason, status: inForce, message } = status?.conditions.find(({ type }) => type === 'InForce') ?? {}
  return { generation: status?.observedGeneration, inForce, reason, message }
}

async function takeOver(options: WorldOptions) {
  const world = await openWorld(options)
  await Bun.sleep(600) // what follows a start, and the status, are gathered for 300 ms
  return world
}

test('a pool that was deleted and made again as it was has its status again', async () => {
  const world = await openWorld()
  const made = poolObject('kube-system', 2)
  world.api.put('pools', made)
  await until(() => said(world, 'kube-system').reason === 'InForce')
  world.api.remove('pools', 'kube-system/p')
  await until(() => world.ports.cluster.pools.size === 0)
  world.api.put('pools', { ...made, metadata: { ...made.metadata, uid: 'another' } })
  await until(() => said(world, 'kube-system').reason === 'InForce')
})

test.each<[string, string, (world: World, made: Kube) => void]>([
  [
    'made again',
    'another',
    ({ api }, made) => api.put('pools', { ...made, metadata: { ...made.metadata, uid: 'another' } }),
  ],
  [
    'changed and changed back',
    'uid-of-kube-system-p',
    ({ api }) => [3, 2].map(size => api.edit('pools', 'kube-system/p', { size })),
  ],
])('a pool that was %s while nobody watched is judged as it is now', async (_, uid, change) => {
  const world = await openWorld()
  const made = poolObject('kube-system', 2)
  world.api.put('pools', made)
  await until(() => said(world, 'kube-system').reason === 'InForce')
  world.api.hush('pools')
  change(world, made)
  world.api.dropWatches('pools', true)
  await until(() => {
    const { metadata } = world.api.get('pools', 'kube-system/p') ?? {}
    return metadata?.uid === uid && metadata.generation === said(world, 'kube-system').generation
  })
})

describe('R22 a pool outside kube-system, which galaxy ignored', () => {
  test('R22 its size below what is kept frees nothing, at the start and when its pods come and go', async () => {
    const world = await takeOver({ pools: [poolObject('default', 2)], floatingips: KEPT.map(kept) })
    expect(world.rows()).toEqual(KEPT)
    await run(world, pooled('a'))
    world.api.remove('pods', 'default/a')
    await until(() => world.rows().every(ip => world.row(ip) === 'reserved pool__p_'))
    await Bun.sleep(400)
    expect(world.rows()).toEqual(KEPT)
  })

  test('R22 preAllocateIP takes nothing before the next change of its spec, and then it does', async () => {
    const world = await takeOver({ pools: [poolObject('default', 3, { preAllocateIP: true })] })
    expect(world.rows()).toEqual([])
    expect(said(world, 'default')).toMatchObject({ generation: 1, inForce: 'True', reason: 'Inherited' })
    world.api.edit('pools', 'default/p', { size: 2 })
    await until(() => world.rows().length === 2)
    await until(() => said(world, 'default').reason === 'InForce')
    expect(said(world, 'default')).toMatchObject({ generation: 2, inForce: 'True' })
  })

  test('R22 in force at once when no more are used than its size: the next pod is refused', async () => {
    const world = await takeOver({
      pools: [poolObject('default', 1)],
      deployments: [workload('app', 5)],
      pods: [running('a', '10.0.0.2')],
      floatingips: [held('a', '10.0.0.2')],
    })
    const answer = await filter(world, await create(world, pooled('b')), 'a1')
    expect(JSON.stringify(answer)).toContain('reached pool p size limit of 1')
  })

  test('R22 set aside when more are used: it limits nobody, says so, and stays so over a restart until its spec changes', async () => {
    const before = { pods: ['a', 'b'].map((name, at) => running(name, `10.0.0.${2 + at}`)) }
    const world = await takeOver({
      ...{ ...before, pools: [poolObject('default', 1)], deployments: [workload('app', 5)] },
      floatingips: [held('a', '10.0.0.2'), held('b', '10.0.0.3')],
    })
    await run(world, pooled('c'))
    await until(() => said(world, 'default').reason === 'Inherited')
    expect(said(world, 'default')).toMatchObject({ generation: 1, inForce: 'False' })
    expect(said(world, 'default').message).toContain('before its next change')
    // Fewer are used than its size now; a rollout in this moment must not find a limit that it never had.
    for (const name of ['a', 'b', 'c']) world.api.remove('pods', `default/${name}`)
    await until(() => world.rows().every(ip => world.row(ip) === 'reserved pool__p_'))
    await run(world, pooled('d'))
    await run(world, pooled('e'))
    const { api } = world
    await world.stop()
    const again = await takeOver({ api })
    await run(again, pooled('f'))
    expect(again.rows()).toHaveLength(3)
    again.api.edit('pools', 'default/p', { size: 3 })
    await until(() => said(again, 'default').reason === 'InForce')
    const answer = await filter(again, await create(again, pooled('g')), 'a1')
    expect(JSON.stringify(answer)).toContain('reached pool p size limit of 3')
  })

  test('R22 coming out of the shadow of kube-system’s, it is judged as at a takeover', async () => {
    const world = await takeOver({
      pools: [poolObject('kube-system', 9), poolObject('default', 1, { preAllocateIP: true })],
      floatingips: KEPT.map(kept),
    })
    world.api.remove('pools', 'kube-system/p')
    await until(() => said(world, 'default').reason === 'Inherited')
    expect(world.rows()).toEqual(KEPT)
  })
})

describe('R22 a pool of kube-system', () => {
  test('R22 its size below what is kept frees nothing at any start, and a change of its spec does', async () => {
    const world = await takeOver({ pools: [poolObject('kube-system', 1)], floatingips: KEPT.map(kept) })
    expect(world.rows()).toEqual(KEPT)
    const { api } = world
    await world.stop()
    const again = await takeOver({ api })
    expect(again.rows()).toEqual(KEPT)
    again.api.edit('pools', 'kube-system/p', { size: 2 })
    await until(() => again.rows().length === 2)
  })

  test('R22 a change made while floatip was down is seen by its generation', async () => {
    const world = await takeOver({ pools: [poolObject('kube-system', 1)], floatingips: KEPT.map(kept) })
    expect(said(world, 'kube-system')).toMatchObject({ generation: 1, inForce: 'True', reason: 'Inherited' })
    const { api } = world
    await world.stop()
    api.edit('pools', 'kube-system/p', { size: 2 })
    const again = await takeOver({ api })
    await until(() => again.rows().length === 2)
  })

  test('R22 shrunk while in use, it goes on shrinking over a restart', async () => {
    const world = await takeOver({
      pools: [poolObject('kube-system', 3)],
      ...{ deployments: [workload('app', 5)], pods: [running('a', '10.0.0.2'), running('b', '10.0.0.3')] },
      floatingips: [held('a', '10.0.0.2'), held('b', '10.0.0.3')],
    })
    world.api.edit('pools', 'kube-system/p', { size: 1 })
    await until(() => said(world, 'kube-system').generation === 2)
    const { api } = world
    await world.stop()
    const again = await takeOver({ api })
    expect(again.rows()).toHaveLength(2)
    api.remove('pods', 'default/a')
    await until(() => again.rows().length === 1)
  })

  test('R22 a set-aside pool that stood in another one’s shadow meanwhile was never carried out: a later leader knows', async () => {
    const world = await takeOver({
      pools: [poolObject('default', 1)],
      ...{ deployments: [workload('app', 5)], pods: [running('a', '10.0.0.2'), running('b', '10.0.0.3')] },
      floatingips: [held('a', '10.0.0.2'), held('b', '10.0.0.3'), kept('10.0.0.4')],
    })
    await until(() => said(world, 'default').reason === 'Inherited')
    world.api.put('pools', poolObject('kube-system', 9))
    await until(() => said(world, 'default').reason === 'Shadowed')
    const { api } = world
    await world.stop()
    api.remove('pools', 'kube-system/p')
    const again = await takeOver({ api })
    expect(again.rows()).toHaveLength(3)
    expect(said(again, 'default')).toMatchObject({ inForce: 'False', reason: 'Inherited' })
  })

  test('R22 a size that is older than the one over HTTP frees nothing, however late the watch is', async () => {
    const world = await takeOver({ pools: [poolObject('kube-system', 1)] })
    const post = (size: number) =>
      world.apiPort.handle(
        new Request('http://floatip/v1/pool', {
          ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
          body: JSON.stringify({ name: 'p', size, preAllocateIP: true }),
        }),
      )
    await post(1)
    await Bun.sleep(400)
    world.api.hush('pools')
    await post(4)
    await Bun.sleep(700)
    expect(world.rows()).toHaveLength(4)
    world.api.tell('pools')
    await until(() => world.ports.cluster.poolInForce('p')?.size === 4)
    await Bun.sleep(400)
    expect(world.rows()).toHaveLength(4)
  })

  test('R22 asked for over HTTP, the same size again is a wish, and is carried out', async () => {
    const world = await takeOver({ pools: [poolObject('kube-system', 1)], floatingips: KEPT.map(kept) })
    await world.apiPort.handle(
      new Request('http://floatip/v1/pool', {
        ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
        body: JSON.stringify({ name: 'p', size: 1 }),
      }),
    )
    expect(world.rows()).toHaveLength(1)
  })
})
