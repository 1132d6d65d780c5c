/** Owns the proof of R12 on a real cluster: a pod that is killed by force leaves a container behind, and nobody else gets its address meanwhile. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { addressesOf, addressOf, eventsOf, podsOf, runningPod } from './harness/addresses.ts'
import { kind } from './harness/cluster.ts'
import { eventually } from './harness/kube.ts'
import { deployment, type Pod, paths, pod, statefulSet } from './harness/objects.ts'
import { createNamespace, STAGE_LIMIT_MS, type Stage, startStage } from './harness/stage.ts'

const LIMIT_MS = 120_000
const REST_MS = 6_000
/** From an address that comes free to the pod that waited for it. */
const WAKE_MS = 2_000
const one = (third: string) => [`${third}.10`]
let stage: Stage

beforeAll(async () => {
  stage = await startStage(
    [
      { name: 'others', nodes: 2, ips: one },
      { name: 'own', nodes: 2, ips: one },
      { name: 'calm', nodes: 2, ips: one },
    ],
    { flags: ['--rest', `${REST_MS}ms`] },
  )
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), LIMIT_MS)

const often = { everyMs: 20 }

/** As `kubectl delete --force --grace-period=0`: the object goes, its kubelet is not asked. Answers when it had gone. */
async function kill(ns: string, name: string): Promise<number> {
  const { kube } = stage
  const path = `${paths.pods(ns)}/${name}`
  const { metadata, status } = await kube.get<Pod & { status: { containerStatuses?: object[] } }>(path)
  expect(status.containerStatuses).toMatchObject([{ state: { running: {} } }])
  await kube.delete(path, { graceSeconds: 0 })
  await eventually(`${name} is gone`, async () => (await kube.find<Pod>(path))?.metadata.uid !== metadata.uid, often)
  return performance.now()
}

async function told(address: string): Promise<Readonly<Record<string, unknown>>> {
  const response = await fetch(`${stage.floatip.apiUrl}/v1/ip/${address}`)
  return (await response.json()) as Readonly<Record<string, unknown>>
}

async function verbs(address: string): Promise<readonly string[]> {
  const response = await fetch(`${stage.floatip.apiUrl}/v1/history?ip=${address}`)
  const { content } = (await response.json()) as { content: readonly { verb: string }[] }
  return content.map(({ verb }) => verb)
}

/** The only pod of this app, once it has an address; and when that was seen. */
async function served(ns: string, app: string): Promise<{ readonly found: Pod; readonly atMs: number }> {
  const found = await eventually(
    `a pod of ${app} has an address`,
    async () => (await podsOf(stage.kube, ns, app)).find(each => each.spec.nodeName !== undefined),
    often,
  )
  return { found, atMs: performance.now() }
}

describe.skipIf(kind === 'demo')('R12 a pod is killed by force while its container runs', () => {
  test(
    'R12 another Deployment’s pod waits, is told why, and has the address within 2 s of its rest',
    async () => {
      const { kube, cluster } = stage
      const ns = await createNamespace(kube, 'others', cluster.kind)
      await kube.create(paths.pods(ns), pod('first', { stage: 'others' }))
      const address = addressOf(await runningPod(kube, ns, 'first'))
      await kube.create(paths.deployments(ns), deployment('next', { stage: 'others', replicas: 1 }))
      await eventually('a pod of next waits', async () => (await podsOf(kube, ns, 'next')).length === 1)

      const goneAtMs = await kill(ns, 'first')
      await eventually('it rests', async () => (await told(address)).state === 'resting', often)
      expect(await told(address)).toMatchObject({ key: `NULL_${ns}_NULL_first`, releasable: true, verb: 'rest' })
      const [waiting] = await podsOf(kube, ns, 'next')
      const why = await fetch(`${stage.floatip.apiUrl}/v1/explain/pods/${ns}/${waiting?.metadata.name}`)
      expect(await why.json()).toMatchObject({ reason: 'resting', blockedBy: [{ ip: address, state: 'resting' }] })

      const { found, atMs } = await served(ns, 'next')
      console.log(`another owner has it ${Math.round(atMs - goneAtMs)} ms after the pod was killed`)
      expect(addressesOf(found)).toEqual([address])
      expect(atMs - goneAtMs).toBeGreaterThan(REST_MS - 500)
      expect(atMs - goneAtMs).toBeLessThan(REST_MS + WAKE_MS)
      expect((await verbs(address)).slice(0, 3)).toEqual(['bind', 'free', 'rest'])
    },
    LIMIT_MS,
  )

  test(
    'R12 the same StatefulSet’s replacement has it at once, while others wait',
    async () => {
      const { kube, cluster } = stage
      const ns = await createNamespace(kube, 'own', cluster.kind)
      await kube.create(paths.statefulSets(ns), statefulSet('web', { stage: 'own', replicas: 1 }))
      const before = await runningPod(kube, ns, 'web-0')
      await kube.create(paths.pods(ns), pod('late', { stage: 'own' }))
      await eventually('late waits', async () =>
        (await eventsOf(kube, ns, 'late')).some(({ message }) => message.includes('NoFIPLeft')),
      )
      const goneAtMs = await kill(ns, 'web-0')
      const after = await runningPod(kube, ns, 'web-0', before.metadata.uid)
      const tookMs = performance.now() - goneAtMs
      console.log(`its replacement has it ${Math.round(tookMs)} ms after the pod was killed`)
      expect(addressOf(after)).toBe(addressOf(before))
      expect(tookMs).toBeLessThan(REST_MS - 500)
      expect((await kube.get<Pod>(`${paths.pods(ns)}/late`)).spec.nodeName).toBeUndefined()
    },
    LIMIT_MS,
  )

  test(
    'R12 a pod that its kubelet ends in good order leaves nothing to rest',
    async () => {
      const { kube, cluster } = stage
      const ns = await createNamespace(kube, 'calm', cluster.kind)
      await kube.create(paths.pods(ns), pod('first', { stage: 'calm' }))
      const address = addressOf(await runningPod(kube, ns, 'first'))
      await kube.create(paths.deployments(ns), deployment('next', { stage: 'calm', replicas: 1 }))
      await eventually('a pod of next waits', async () => (await podsOf(kube, ns, 'next')).length === 1)
      const path = `${paths.pods(ns)}/first`
      await kube.delete(path)
      await eventually('it is gone', async () => (await kube.find(path)) === null, often)
      const goneAtMs = performance.now()
      const { found, atMs } = await served(ns, 'next')
      expect(addressesOf(found)).toEqual([address])
      expect(atMs - goneAtMs).toBeLessThan(WAKE_MS)
      expect(await verbs(address)).not.toContain('rest')
    },
    LIMIT_MS,
  )
})
