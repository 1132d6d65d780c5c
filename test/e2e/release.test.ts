/** Owns the proof of when an address is released, on the real controllers: finished, evicted, scaled, orphaned and bare pods. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  addressOf,
  addressSet,
  finishPod,
  podsOf,
  recreated,
  runningPod,
  runningPods,
  said,
  storedBecomes,
  storedUnder,
} from './harness/addresses.ts'
import { kind } from './harness/cluster.ts'
import { eventually, type KubeObject } from './harness/kube.ts'
import { deployment, paths, pod, statefulSet, type Workload } from './harness/objects.ts'
import { createNamespace, STAGE_LIMIT_MS, type Stage, startStage } from './harness/stage.ts'

const LIMIT_MS = 120_000
/** What the demo cluster does not have: evictions, Jobs, finalizers, owners deleted without what they own. */
const onlyReal = test.skipIf(kind === 'demo')
let stage: Stage

beforeAll(async () => {
  stage = await startStage([{ name: 'any', nodes: 4 }])
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), LIMIT_MS)

const namespace = (name: string) => createNamespace(stage.kube, name, stage.cluster.kind)

async function createSet(ns: string, replicas: number, policy: string, more: Partial<Workload['spec']> = {}) {
  const made = statefulSet('db', { stage: 'any', replicas, policy })
  await stage.kube.create(paths.statefulSets(ns), { ...made, spec: { ...made.spec, ...more } })
}

/** Pod name → address. */
async function setPods(ns: string, count: number): Promise<Record<string, string>> {
  const pods = await runningPods(stage.kube, ns, 'db', count)
  return Object.fromEntries(pods.map(each => [each.metadata.name, addressOf(each)]))
}

const setKeys = (ns: string, addresses: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(addresses).map(([name, address]) => [address, `sts_${ns}_db_${name}`]))

describe.concurrent('StatefulSet', () => {
  test(
    'immutable, spec.ordinals.start: ordinals outside [start, start + replicas) are released, the others keep theirs',
    async () => {
      const { kube } = stage
      const ns = await namespace('ordinals')
      await createSet(ns, 3, 'immutable', { ordinals: { start: 4 } })
      const { 'db-4': four = '', 'db-5': five = '', 'db-6': six = '' } = await setPods(ns, 3)
      const keys = setKeys(ns, { 'db-4': four, 'db-5': five, 'db-6': six })
      await storedBecomes(kube, `sts_${ns}_`, keys)

      const old = (await runningPod(kube, ns, 'db-6')).metadata.uid
      await kube.delete(`${paths.pods(ns)}/db-6`)
      expect(addressOf(await runningPod(kube, ns, 'db-6', old))).toBe(six)
      await kube.patch(`${paths.statefulSets(ns)}/db`, { spec: { replicas: 2 } })
      await storedBecomes(kube, `sts_${ns}_`, setKeys(ns, { 'db-4': four, 'db-5': five }))
      await kube.patch(`${paths.statefulSets(ns)}/db`, { spec: { replicas: 1, ordinals: { start: 5 } } })
      await storedBecomes(kube, `sts_${ns}_`, setKeys(ns, { 'db-5': five }))
    },
    LIMIT_MS,
  )

  test(
    'never: scaled down, the addresses stay under their pods’ names; scaled up again, each pod has its own again',
    async () => {
      const { kube } = stage
      const ns = await namespace('never-scaled')
      await createSet(ns, 3, 'never')
      const before = await setPods(ns, 3)
      await kube.patch(`${paths.statefulSets(ns)}/db`, { spec: { replicas: 0 } })
      await eventually('its pods are gone', async () => (await podsOf(kube, ns, 'db')).length === 0)
      await storedBecomes(kube, `sts_${ns}_`, setKeys(ns, before))
      const nobody = { NodeName: '', Uid: '' }
      await eventually('no object names a pod', async () =>
        (await storedUnder(kube, `sts_${ns}_`)).every(({ attribute }) => Bun.deepEquals(attribute, nobody)),
      )
      await kube.patch(`${paths.statefulSets(ns)}/db`, { spec: { replicas: 3 } })
      expect(await setPods(ns, 3)).toEqual(before)
    },
    LIMIT_MS,
  )

  test(
    'immutable: a kept address follows its workload: pod gone, then the StatefulSet scaled below its ordinal',
    async () => {
      const { kube } = stage
      const ns = await namespace('follows')
      await createSet(ns, 2, 'immutable')
      const { 'db-0': zero = '', 'db-1': one = '' } = await setPods(ns, 2)
      // No replacement: nothing can be scheduled.
      await kube.patch(`${paths.statefulSets(ns)}/db`, { spec: { template: { spec: { schedulerName: 'nobody' } } } })
      await eventually('the pods were replaced by ones that wait', async () => {
        const pods = await podsOf(kube, ns, 'db')
        for (const { metadata, status } of pods) {
          if (status?.phase === 'Running') await kube.delete(`${paths.pods(ns)}/${metadata.name}`)
        }
        return pods.length === 2 && pods.every(({ status }) => status?.phase === 'Pending')
      })
      await storedBecomes(kube, `sts_${ns}_`, setKeys(ns, { 'db-0': zero, 'db-1': one }))
      await kube.patch(`${paths.statefulSets(ns)}/db`, { spec: { replicas: 1 } })
      await storedBecomes(kube, `sts_${ns}_`, setKeys(ns, { 'db-0': zero }))
      await kube.delete(`${paths.statefulSets(ns)}/db`)
      await storedBecomes(kube, `sts_${ns}_`, {})
    },
    LIMIT_MS,
  )

  test(
    'immutable: a Failed pod is replaced under its name and address',
    async () => {
      const { kube } = stage
      const ns = await namespace('failed')
      await createSet(ns, 2, 'immutable')
      const before = await setPods(ns, 2)
      const { uid } = (await runningPod(kube, ns, 'db-1')).metadata
      await finishPod(kube, ns, 'db-1', 'Failed')
      await runningPod(kube, ns, 'db-1', uid)
      expect(await setPods(ns, 2)).toEqual(before)
    },
    LIMIT_MS,
  )

  onlyReal(
    'immutable: deleted without its pods, they keep their addresses until each has ended',
    async () => {
      const { kube } = stage
      const ns = await namespace('orphaned')
      await createSet(ns, 2, 'immutable')
      const { 'db-0': zero = '', 'db-1': one = '' } = await setPods(ns, 2)
      await kube.delete(`${paths.statefulSets(ns)}/db`, { orphan: true })
      await eventually('it is gone', async () => (await kube.find(`${paths.statefulSets(ns)}/db`)) === null)
      await Bun.sleep(1000)
      await storedBecomes(kube, `sts_${ns}_`, setKeys(ns, { 'db-0': zero, 'db-1': one }))
      await kube.delete(`${paths.pods(ns)}/db-1`)
      await storedBecomes(kube, `sts_${ns}_`, setKeys(ns, { 'db-0': zero }))
    },
    LIMIT_MS,
  )
})

describe.concurrent('Deployment', () => {
  test(
    'immutable: an evicted pod stays as an object; the pod in its place has its address, and keeps it when the object goes',
    async () => {
      const { kube } = stage
      const ns = await namespace('evicted')
      await kube.create(paths.deployments(ns), deployment('web', { stage: 'any', replicas: 2, policy: 'immutable' }))
      const before = await runningPods(kube, ns, 'web', 2)
      const evicted = before[0]?.metadata.name ?? ''
      await finishPod(kube, ns, evicted, 'Failed')
      const running = async () => (await podsOf(kube, ns, 'web')).filter(({ status }) => status?.phase === 'Running')
      await eventually('two run again', async () => (await running()).length === 2)
      expect(addressSet(await running())).toEqual(addressSet(before))
      await kube.delete(`${paths.pods(ns)}/${evicted}`)
      await runningPods(kube, ns, 'web', 2)
      const keys = Object.fromEntries((await running()).map(p => [addressOf(p), `dp_${ns}_web_${p.metadata.name}`]))
      await storedBecomes(kube, `dp_${ns}_`, keys)
    },
    LIMIT_MS,
  )

  test(
    'never: scaled to 0 and deleted, its addresses stay as its own without a pod, listed Deleted and releasable',
    async () => {
      const { kube, floatip } = stage
      const ns = await namespace('never-zero')
      await kube.create(paths.deployments(ns), deployment('web', { stage: 'any', replicas: 2, policy: 'never' }))
      const before = addressSet(await runningPods(kube, ns, 'web', 2))
      const kept = Object.fromEntries(before.map(address => [address, `dp_${ns}_web_`]))
      await kube.patch(`${paths.deployments(ns)}/web`, { spec: { replicas: 0 } })
      await storedBecomes(kube, `dp_${ns}_`, kept)
      await kube.delete(`${paths.deployments(ns)}/web`)
      const reply = await fetch(`${floatip.apiUrl}/v1/ip?appName=web&appType=deployments&namespace=${ns}`)
      const { content } = (await reply.json()) as { content: object[] }
      const item = { appName: 'web', appType: 'deployment', policy: 2, status: 'Deleted', releasable: true }
      expect(content).toMatchObject([item, item])
      await storedBecomes(kube, `dp_${ns}_`, kept)
    },
    LIMIT_MS,
  )

  test(
    'immutable: scaled to 0, everything is released',
    async () => {
      const { kube } = stage
      const ns = await namespace('immutable-zero')
      await kube.create(paths.deployments(ns), deployment('web', { stage: 'any', replicas: 3, policy: 'immutable' }))
      await runningPods(kube, ns, 'web', 3)
      await kube.patch(`${paths.deployments(ns)}/web`, { spec: { replicas: 0 } })
      await storedBecomes(kube, `dp_${ns}_`, {})
    },
    LIMIT_MS,
  )
})

describe.concurrent('other owners and bare pods', () => {
  onlyReal(
    'no policy: the pod of a Job is released when it has Succeeded',
    async () => {
      const { kube } = stage
      const ns = await namespace('job')
      const { spec, metadata } = pod('work', { stage: 'any' })
      const template = { metadata: { labels: { app: 'work' } }, spec: { ...spec, restartPolicy: 'Never' } }
      const job = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: metadata.name }, spec: { template } }
      await kube.create(paths.jobs(ns), job as KubeObject)
      const [worker] = await runningPods(kube, ns, 'work', 1)
      if (worker === undefined) throw new Error('no worker')
      await storedBecomes(kube, `job_${ns}_`, { [addressOf(worker)]: `job_${ns}_work_${worker.metadata.name}` })
      await finishPod(kube, ns, worker.metadata.name, 'Succeeded')
      await storedBecomes(kube, `job_${ns}_`, {})
    },
    LIMIT_MS,
  )

  test(
    'immutable is refused for a bare pod, never for one without a number; numbered, it is kept and comes back',
    async () => {
      const { kube } = stage
      const ns = await namespace('bare')
      await kube.create(paths.pods(ns), pod('a', { stage: 'any', policy: 'immutable' }))
      await said(kube, ns, 'immutable is refused', 'release policy immutable is not supported for pod a of no')
      await kube.create(paths.pods(ns), pod('b', { stage: 'any', policy: 'never' }))
      await said(kube, ns, 'never is refused', 'release policy never is not supported for pod b of no')
      const numbered = pod('c-7', { stage: 'any', policy: 'never' })
      await kube.create(paths.pods(ns), numbered)
      const address = addressOf(await runningPod(kube, ns, 'c-7'))
      await kube.delete(`${paths.pods(ns)}/c-7`)
      await eventually('it is gone', async () => (await kube.find(`${paths.pods(ns)}/c-7`)) === null)
      await storedBecomes(kube, `NULL_${ns}_`, { [address]: `NULL_${ns}_NULL_c-7` })
      expect(addressOf(await recreated(kube, numbered, ns))).toBe(address)
    },
    LIMIT_MS,
  )
})
