/** Owns the rollouts of Deployments from watch to ledger: who is told, who is woken, what is trimmed by the watch and by resync. */
import { afterEach, describe, expect, test } from 'bun:test'
import { stuckRolloutsOf } from '../../src/app/stuck-rollouts.ts'
import { refusal } from '../../src/domain/refusal.ts'
import { podFact, type RawPod } from '../../src/kube/pod.ts'
import { api, callsOf, carried, create, filter, run, wakeOf } from './asking.ts'
import { app, eventsOn, type Policy, podOf, STUCK, WAITS, type Words } from './deployments.ts'
import { carries, entry, floatingIp, type Kube, pod } from './objects.ts'
import { closeWorlds, openWorld, until, type World } from './world.ts'

afterEach(closeWorlds)

/** One old pod runs, and its successor asks in vain. */
async function stuck(words: Words = {}): Promise<World> {
  const world = await openWorld({ deployments: [app(words)] })
  await run(world, podOf('old'))
  const next = await create(world, podOf('new'))
  await filter(world, next, 'a1')
  return world
}

describe('a rolling update that waits for itself', () => {
  test('the pod and its Deployment say so, the Deployment once', async () => {
    const world = await stuck()
    for (let n = 0; n < 20; n++) {
      // Each write to a node is a fact that makes the rules look again.
      world.api.put('nodes', { metadata: { name: `n${n}`, uid: `n${n}`, resourceVersion: '1' } })
      await Bun.sleep(2)
      expect((await filter(world, podOf('new'), 'a1')).FailedAndUnresolvableNodes).toEqual({ a1: STUCK })
    }
    const other = await create(world, podOf('other'))
    expect((await filter(world, other, 'a1')).FailedAndUnresolvableNodes).toEqual({ a1: STUCK })
    const said = eventsOn(world, 'Deployment')
    expect(said.map(({ reason, message }) => [reason, message])).toEqual([['RolloutDeadlock', STUCK]])
    expect(said[0]?.involvedObject).toMatchObject({ name: 'app', uid: 'uid-of-app' })
    expect(wakeOf(world, 'new')).toBe('')
  })

  test('a pod that was told before the rollout was seen is woken once, to be told', async () => {
    const world = await stuck({ stage: 'unseen' })
    expect((await filter(world, podOf('new'), 'a1')).FailedAndUnresolvableNodes).toEqual({ a1: WAITS })
    expect(eventsOn(world, 'Deployment')).toEqual([])
    world.api.put('deployments', app({ stage: 'replacing' }))
    await until(() => wakeOf(world, 'new') !== '')
    expect((await filter(world, podOf('new'), 'a1')).FailedAndUnresolvableNodes).toEqual({ a1: STUCK })
    await until(() => eventsOn(world, 'Deployment').length === 1)
    await Bun.sleep(100)
    expect(callsOf(world, 'patch pods')).toHaveLength(1)
  })

  test('the annotation ends it: the waiting pod is woken within 2 s and has an address of its own', async () => {
    const world = await stuck()
    const since = performance.now()
    world.api.put('deployments', app({ surge: true }))
    await until(() => wakeOf(world, 'new') !== '', 2_000)
    expect(performance.now() - since).toBeLessThan(2_000)
    await run(world, podOf('new'))
    expect(carried(world, 'new')).toEqual(['10.0.0.3'])
  })

  test('the end of the old pod ends it, and the address is the same', async () => {
    const world = await stuck()
    world.api.remove('pods', 'default/old')
    await until(() => wakeOf(world, 'new') !== '', 2_000)
    await run(world, podOf('new'))
    expect(carried(world, 'new')).toEqual(['10.0.0.2'])
  })

  test('when it comes back it is said again', async () => {
    const world = await stuck()
    world.api.remove('pods', 'default/old')
    await until(() => wakeOf(world, 'new') !== '')
    await run(world, podOf('new'))
    const bigger = app({ replicas: 2 })
    world.api.put('deployments', bigger)
    await until(() => world.ports.cluster.workloads.dp.get('default/app')?.replicas === 2)
    await run(world, podOf('second'))
    const third = await create(world, podOf('third'))
    await filter(world, third, 'a1')
    await until(() => eventsOn(world, 'Deployment').length === 2)
  })

  test('the same state is said once, and again when it has come back', () => {
    const said: string[] = []
    const workloads = { dp: { get: () => undefined } } as unknown as World['ports']['cluster']['workloads']
    const stuck = stuckRolloutsOf({ workloads }, { warn: (_, reason) => void said.push(reason) })
    const of = podFact(podOf('new') as RawPod)
    const told = [refusal('rollout-deadlock', STUCK), null]
    for (const verdicts of [told, told, [], told]) stuck.told(of, verdicts)
    expect(said).toHaveLength(2)
  })

  test('in a pool of a size: the pool’s text, and its own remedy', async () => {
    const pooled = (name: string) =>
      pod(name, { owner: 'Deployment app', annotations: { 'tke.cloud.tencent.com/eni-ip-pool': 'blue' } })
    const world = await openWorld({ deployments: [app({})] })
    world.api.put('pools', {
      ...{ metadata: { name: 'blue', namespace: 'kube-system', uid: 'p', resourceVersion: '1' }, size: 1 },
    })
    await until(() => world.ports.cluster.poolInForce('blue') !== null)
    await run(world, pooled('old'))
    const next = await create(world, pooled('new'))
    const refused = (await filter(world, next, 'a1')).FailedAndUnresolvableNodes
    expect(refused.a1).toStartWith('reached pool blue size limit of 1: its rolling update')
    expect(refused.a1).toEndWith('give the pool a larger size')
    world.api.edit('pools', 'kube-system/blue', { size: 2 })
    await until(() => wakeOf(world, 'new') !== '', 2_000)
    await run(world, pooled('new'))
  })
})

describe('R19: when a rollout with surge is over', () => {
  /** The new pod has an address beyond the replicas, the old one's is kept. */
  async function lent(policy: Policy, options = {}): Promise<World> {
    const world = await openWorld({ deployments: [app({ surge: true, policy })], ...options })
    await run(world, podOf('old', policy))
    await run(world, podOf('new', policy))
    world.api.remove('pods', 'default/old')
    await until(() => world.row('10.0.0.2') === 'reserved dp_default_app_')
    return world
  }
  const isSettled = (world: World) =>
    world.row('10.0.0.2') === 'free' &&
    world.row('10.0.0.3') === 'bound dp_default_app_new new#1' &&
    world.ledger.read(view => [...view.rows()].every(row => !row.surge))
  const markOf = (world: World) =>
    world.api.get('floatingips', '10.0.0.3')?.metadata.annotations?.['floatip.galaxy.k8s.io/rollout-surge']

  test.each<Policy>(['immutable', 'never'])('R19: %s: trimmed by the watch at once', async policy => {
    const world = await lent(policy)
    expect(markOf(world)).toBe('true')
    world.api.put('deployments', app({ surge: true, policy, stage: 'over' }))
    await until(() => isSettled(world))
    await until(() => world.api.get('floatingips', '10.0.0.2') === undefined && markOf(world) === undefined)
  })

  test.each<Policy>(['immutable', 'never'])('R19: %s: trimmed by resync when the watch was late', async policy => {
    const world = await lent(policy, { resyncMinutes: 1, speed: 60 })
    world.api.hush('deployments')
    world.api.put('deployments', app({ surge: true, policy, stage: 'over' }))
    await until(() => isSettled(world), 8_000)
  })

  test('R19: what is trimmed wakes within 2 s whoever waits for an address', async () => {
    const world = await lent('never', { entries: [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2~10.0.0.3')] })
    const other = await create(world, pod('other'))
    expect((await filter(world, other, 'a1')).NodeNames).toEqual([])
    world.api.put('deployments', app({ surge: true, policy: 'never', stage: 'over' }))
    await until(() => wakeOf(world, 'other') !== '', 2_000)
    await run(world, pod('other'))
    expect(carried(world, 'other')).toEqual(['10.0.0.2'])
  })

  test('R19: an old pod that ends after the rollout is paid for when it has ended', async () => {
    const world = await openWorld({ deployments: [app({ surge: true, policy: 'never' })] })
    await run(world, podOf('old', 'never'))
    await run(world, podOf('new', 'never'))
    world.api.put('deployments', app({ surge: true, policy: 'never', stage: 'over' }))
    await until(() => world.ports.cluster.workloads.dp.get('default/app')?.rollout?.stage === 'over')
    await Bun.sleep(50)
    expect(world.row('10.0.0.2')).toBe('bound dp_default_app_old old#1')
    world.api.remove('pods', 'default/old')
    await until(() => isSettled(world))
  })

  test('R19: kept while the Deployment cannot be read', async () => {
    const world = await lent('immutable')
    world.api.fail('get deployments', { status: 500 }, 100)
    world.api.put('deployments', app({ surge: true, stage: 'over' }))
    await until(() => callsOf(world, 'get deployments').length >= 3)
    await Bun.sleep(50)
    expect(world.row('10.0.0.2')).toBe('reserved dp_default_app_')
  })

  test('R19: a new leader without the file knows what was lent', async () => {
    const before = await lent('never')
    await until(() => markOf(before) === 'true' && before.ledger.outbox().length === 0)
    await before.stop(true)
    const world = await openWorld({ api: before.api })
    expect(world.row('10.0.0.2')).toBe('reserved dp_default_app_')
    before.api.put('deployments', app({ surge: true, policy: 'never', stage: 'over' }))
    await until(() => isSettled(world))
  })
})

describe('R15: a template that keeps none any more', () => {
  async function keeping(policy: Policy): Promise<World> {
    const world = await openWorld({ deployments: [app({ policy, stage: 'over' })] })
    await run(world, podOf('old', policy))
    world.api.remove('pods', 'default/old')
    await until(() => world.row('10.0.0.2') === 'reserved dp_default_app_')
    return world
  }

  test('R15: what was kept is released once the rollout to it is over', async () => {
    const world = await keeping('immutable')
    world.api.put('deployments', app({ policy: 'none' }))
    await until(() => world.ports.cluster.workloads.dp.get('default/app')?.rollout?.policy === 0)
    await Bun.sleep(50)
    expect(world.row('10.0.0.2')).toBe('reserved dp_default_app_')
    world.api.put('deployments', app({ policy: 'none', stage: 'over' }))
    await until(() => world.row('10.0.0.2') === 'free')
  })

  test('R15: so is what an old pod has that ends after the rollout', async () => {
    const world = await openWorld({ deployments: [app({ stage: 'over' })] })
    await run(world, podOf('old'))
    world.api.put('deployments', app({ policy: 'none', stage: 'over' }))
    await until(() => world.ports.cluster.workloads.dp.get('default/app')?.rollout?.policy === 0)
    world.api.remove('pods', 'default/old')
    await until(() => world.row('10.0.0.2') === 'free')
  })

  test('R15: so is what an old pod has that ends after a rollout into a pool', async () => {
    const world = await openWorld({ deployments: [app({ stage: 'over' })] })
    await run(world, podOf('old'))
    world.api.put('deployments', app({ pool: 'blue', stage: 'over' }))
    await until(() => world.ports.cluster.workloads.dp.get('default/app')?.rollout?.pool === 'blue')
    world.api.remove('pods', 'default/old')
    await until(() => world.row('10.0.0.2') === 'free')
  })

  test('R15: policy never is shown as releasable, and can be released', async () => {
    const world = await keeping('never')
    world.api.put('deployments', app({ policy: 'none', stage: 'over' }))
    await until(() => world.ports.cluster.workloads.dp.get('default/app')?.rollout?.policy === 0)
    await Bun.sleep(50)
    const item = { ip: '10.0.0.2', namespace: 'default', appName: 'app', appType: 'deployment', policy: 2 }
    const { body } = await api<{ content: object[] }>(world, '/v1/ip?appName=app&appType=deployment&namespace=default')
    expect(body.content).toMatchObject([{ ...item, releasable: true, status: 'Deleted' }])
    const released = await api(world, '/v1/ip', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ips: [item] }),
    })
    expect(released.status).toBe(200)
    expect(world.row('10.0.0.2')).toBe('free')
  })
})

describe('R15: a StatefulSet with policy immutable whose template is given a pool', () => {
  const template = { metadata: { annotations: { 'tke.cloud.tencent.com/eni-ip-pool': 'blue' } } }
  const at = (currentRevision: string): Kube => ({
    metadata: { name: 'web', namespace: 'default', uid: 'uid-of-web', resourceVersion: '1' },
    spec: { replicas: 1, template },
    status: { replicas: 1, observedGeneration: 9, currentRevision, updateRevision: 'web-2' },
  })
  const owner = 'StatefulSet web'
  const pooled = pod('web-0', { owner, uid: 'web-0#2', annotations: template.metadata.annotations })

  test('keeps the old address until its rollout is over, and no longer, although its pod runs on under the pool’s name', async () => {
    const world = await openWorld({ statefulsets: [at('web-1')] })
    await run(world, pod('web-0', { owner, policy: 'immutable' }))
    world.api.remove('pods', 'default/web-0')
    await until(() => world.row('10.0.0.2') === 'reserved sts_default_web_web-0')
    await run(world, pooled)
    expect(world.row('10.0.0.3')).toBe('bound pool__blue_sts_default_web_web-0 web-0#2')
    await Bun.sleep(50)
    expect(world.row('10.0.0.2')).toBe('reserved sts_default_web_web-0')
    world.api.put('statefulsets', at('web-2'))
    await until(() => world.row('10.0.0.2') === 'free')
    expect(world.row('10.0.0.3')).toBe('bound pool__blue_sts_default_web_web-0 web-0#2')
  })

  test('what ended while nobody looked is found by a start', async () => {
    const world = await openWorld({
      statefulsets: [at('web-2')],
      floatingips: [floatingIp('10.0.0.2', 'sts_default_web_web-0', { policy: 1 })],
      pods: [
        pod('web-0', { owner, node: 'a1', args: carries('10.0.0.3'), annotations: template.metadata.annotations }),
      ],
    })
    await until(() => world.row('10.0.0.2') === 'free')
    expect(world.row('10.0.0.3')).toStartWith('bound pool__blue_sts_default_web_web-0')
  })
})
