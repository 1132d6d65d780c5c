/** Owns the proof of who has an address while pods come and go: stuck, held by a finalizer, of the same name, never bound. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { addressOf, podsOf, runningPod, runningPods, storedBecomes, storedUnder } from './harness/addresses.ts'
import { kind } from './harness/cluster.ts'
import { eventually } from './harness/kube.ts'
import { deployment, type Pod, paths, pod, STUCK_TERMINATING, statefulSet } from './harness/objects.ts'
import { createNamespace, STAGE_LIMIT_MS, type Stage, startStage } from './harness/stage.ts'

const LIMIT_MS = 120_000
/** What the demo cluster does not have: evictions, Jobs, finalizers, owners deleted without what they own. */
const onlyReal = test.skipIf(kind === 'demo')
const HOLD_MS = 3_000
let stage: Stage

beforeAll(async () => {
  stage = await startStage([{ name: 'any', nodes: 4 }], { flags: ['--hold-timeout', `${HOLD_MS}ms`] })
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), LIMIT_MS)

const namespace = (name: string) => createNamespace(stage.kube, name, stage.cluster.kind)

describe.concurrent('a pod that is still there', () => {
  test(
    'R1 stuck Terminating on a lost node: the address stays with the pod; its replacement has it once the object is gone',
    async () => {
      const { kube, floatip } = stage
      const ns = await namespace('stuck')
      const made = statefulSet('db', {
        stage: 'any',
        replicas: 1,
        policy: 'immutable',
        labels: { [STUCK_TERMINATING]: '' },
      })
      await kube.create(paths.statefulSets(ns), made)
      const stuck = await runningPod(kube, ns, 'db-0')
      await kube.delete(`${paths.pods(ns)}/db-0`)
      await Bun.sleep(2000)
      const [stored] = await storedUnder(kube, `sts_${ns}_`)
      expect(stored?.attribute).toEqual({ NodeName: stuck.spec.nodeName, Uid: stuck.metadata.uid })
      const reply = await fetch(`${floatip.apiUrl}/v1/ip?namespace=${ns}`)
      const { content } = (await reply.json()) as { content: { releasable?: boolean }[] }
      expect(content).toMatchObject([{ podName: 'db-0', status: 'Running' }])
      expect(content[0]?.releasable).toBeUndefined()
      await kube.delete(`${paths.pods(ns)}/db-0`, { graceSeconds: 0 })
      expect(addressOf(await runningPod(kube, ns, 'db-0', stuck.metadata.uid))).toBe(addressOf(stuck))
      await kube.patch(`${paths.statefulSets(ns)}/db`, { spec: { replicas: 0 } })
      await kube.delete(`${paths.pods(ns)}/db-0`, { graceSeconds: 0 })
    },
    LIMIT_MS,
  )

  test(
    'another pod of the same name asks while the first one lives: it waits for its delete event',
    async () => {
      const { kube, floatip } = stage
      const ns = await namespace('same-name')
      await kube.create(paths.statefulSets(ns), statefulSet('db', { stage: 'any', replicas: 1, policy: 'immutable' }))
      const first = await runningPod(kube, ns, 'db-0')
      const { nodeName: _, ...spec } = first.spec
      const second = { ...first, metadata: { ...first.metadata, uid: 'another' }, spec }
      const reply = await fetch(`${floatip.url}/v1/filter`, {
        method: 'POST',
        body: JSON.stringify({ Pod: second, Nodes: null, NodeNames: ['any-0', 'any-1'] }),
      })
      const because = `waiting for delete event of sts_${ns}_db_db-0 before reuse this ip`
      expect(await reply.json()).toEqual({
        ...{ Nodes: null, NodeNames: [], Error: '' },
        FailedNodes: { 'any-0': because, 'any-1': because },
        FailedAndUnresolvableNodes: { 'any-0': because, 'any-1': because },
      })
    },
    LIMIT_MS,
  )

  onlyReal(
    'a deleted pod that a finalizer holds has its address until the object is gone',
    async () => {
      const { kube } = stage
      const ns = await namespace('finalizer')
      const made = pod('held', { stage: 'any' })
      const metadata = { ...made.metadata, finalizers: ['floatip.dev/e2e'] }
      await kube.create(paths.pods(ns), { ...made, metadata } as Pod)
      const address = addressOf(await runningPod(kube, ns, 'held'))
      await kube.delete(`${paths.pods(ns)}/held`)
      await Bun.sleep(2000)
      await storedBecomes(kube, `NULL_${ns}_`, { [address]: `NULL_${ns}_NULL_held` })
      await kube.patch(`${paths.pods(ns)}/held`, { metadata: { finalizers: null } })
      await storedBecomes(kube, `NULL_${ns}_`, {})
    },
    LIMIT_MS,
  )
})

describe.concurrent('what filter took and no bind claimed', () => {
  test(
    'is stored under the pod’s key, and goes back to its Deployment after --hold-timeout',
    async () => {
      const { kube, floatip } = stage
      const ns = await namespace('held')
      await kube.create(paths.deployments(ns), deployment('web', { stage: 'any', replicas: 1, policy: 'immutable' }))
      const [first] = await runningPods(kube, ns, 'web', 1)
      if (first === undefined) throw new Error('no pod')
      const template = { metadata: { labels: { app: 'web' } }, spec: { schedulerName: 'nobody' } }
      await kube.patch(`${paths.deployments(ns)}/web`, {
        spec: { strategy: { type: 'Recreate', rollingUpdate: null }, template },
      })
      const waiting = await eventually('its replacement waits for a scheduler', async () => {
        const [only, ...more] = await podsOf(kube, ns, 'web')
        return more.length === 0 && only?.metadata.uid !== first.metadata.uid && only
      })
      const kept = { [addressOf(first)]: `dp_${ns}_web_` }
      await storedBecomes(kube, `dp_${ns}_`, kept)
      const body = JSON.stringify({ Pod: waiting, Nodes: null, NodeNames: ['any-0', 'any-1'] })
      const reply = await fetch(`${floatip.url}/v1/filter`, { method: 'POST', body })
      expect(await reply.json()).toMatchObject({ NodeNames: ['any-0', 'any-1'], Error: '' })
      const took = performance.now()
      await storedBecomes(kube, `dp_${ns}_`, { [addressOf(first)]: `dp_${ns}_web_${waiting.metadata.name}` })
      expect(performance.now() - took).toBeLessThan(2000)
      await storedBecomes(kube, `dp_${ns}_`, kept)
      expect(performance.now() - took).toBeGreaterThan(HOLD_MS - 500)
    },
    LIMIT_MS,
  )
})
