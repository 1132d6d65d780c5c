/** Owns the proof that explain tells, on a real cluster, why each of these pods has no address; with FLOATIP_WRITE=1 it writes the reference page and the guide from the answers. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { join } from 'node:path'
import { REASONS, type Reason } from '../../src/app/explain-words.ts'
import { runningPod } from './harness/addresses.ts'
import { kind } from './harness/cluster.ts'
import { explainGuide, type Quoted } from './harness/explain-guide.ts'
import { type Explained, explainPage } from './harness/explain-page.ts'
import { eventually } from './harness/kube.ts'
import { deployment, node, paths, pod, STUCK_TERMINATING, statefulSet, type Workload } from './harness/objects.ts'
import { createNamespace, createNode, STAGE_LIMIT_MS, type Stage, startStage } from './harness/stage.ts'
import { typist } from './harness/terminal.ts'

const LIMIT_MS = 120_000
const POOL = 'tke.cloud.tencent.com/eni-ip-pool'
const ARGS_ANNOTATION = 'k8s.v1.cni.galaxy.io/args'
const PAGE = join(import.meta.dir, '../../docs/reference/explain.md')
const GUIDE = join(import.meta.dir, '../../docs/guides/why-does-my-pod-wait.md')
const answers = new Map<Reason, Explained>()
const quotes = new Map<Reason, Quoted>()
let stage: Stage
let ns: string

beforeAll(async () => {
  stage = await startStage([
    { name: 'full', nodes: 2, ips: third => [`${third}.10`] },
    { name: 'roomy', nodes: 2 },
    { name: 'far', nodes: 1 },
    { name: 'killed', nodes: 1, ips: third => [`${third}.10`] },
  ])
  ns = await createNamespace(stage.kube, 'why', stage.cluster.kind)
}, STAGE_LIMIT_MS)

afterAll(async () => {
  await stage?.stop()
  if (process.env.FLOATIP_WRITE !== '1') return
  await Bun.write(PAGE, explainPage(answers))
  await Bun.write(GUIDE, explainGuide(quotes))
}, LIMIT_MS)

/** What explain says of the pod once it says this. */
async function explained(name: string, reason: Reason): Promise<Explained> {
  const url = `${stage.floatip.apiUrl}/v1/explain/pods/${ns}/${name}`
  const answer = await eventually(`${name} is explained by ${reason}`, async () => {
    const response = await fetch(url)
    const body = (await response.json()) as Explained
    if (response.status !== 200 || body.reason !== reason) throw new Error(`${response.status} ${JSON.stringify(body)}`)
    return body
  })
  answers.set(reason, answer)
  const line = `explain pod ${ns}/${name}`
  const { code, text } = await typist(stage.floatip.apiUrl, stage.cluster.folder).floatip(line)
  expect({ code, text }).toEqual({ code: 0, text: expect.stringContaining(reason) })
  quotes.set(reason, { line, text })
  return answer
}

const make = (...args: Parameters<typeof pod>) => stage.kube.create(paths.pods(ns), pod(...args))
const annotated = (made: Workload, annotations: Record<string, string>): Workload => {
  const { template } = made.spec
  const metadata = { ...template.metadata, annotations: { ...template.metadata.annotations, ...annotations } }
  return { ...made, spec: { ...made.spec, template: { ...template, metadata } } }
}

/** The name of a pod of this app that is not bound. */
async function unbound(app: string): Promise<string> {
  return await eventually(`a pod of ${app} waits`, async () => {
    const pods = await stage.kube.list<ReturnType<typeof pod>>(`${paths.pods(ns)}?labelSelector=app%3D${app}`)
    return pods.find(({ spec }) => spec.nodeName === undefined)?.metadata.name
  })
}

test(
  'not-requested, bound, no-address-left',
  async () => {
    await make('plain', { stage: 'roomy', asks: false })
    await runningPod(stage.kube, ns, 'plain')
    await explained('plain', 'not-requested')
    await make('first', { stage: 'full' })
    await runningPod(stage.kube, ns, 'first')
    const { because } = await explained('first', 'bound')
    expect(because).toMatch(/^it has 10\.50\.0\.10 on full-/)
    await make('late', { stage: 'full' })
    const late = await explained('late', 'no-address-left')
    expect(late.because).toContain('no free address for nodes in 10.49.0.0/24; 4 other nodes would do')
    expect(late.waiting).toMatchObject({ listed: true, nodesGranted: 0 })
  },
  LIMIT_MS,
)

test(
  'what the pod’s author has to mend: policy-not-supported, request-not-possible, request-unreadable',
  async () => {
    await make('sticky', { stage: 'roomy', policy: 'immutable' })
    await explained('sticky', 'policy-not-supported')
    await make('far-range', { stage: 'roomy', args: '{"request_ip_range":[["192.168.7.1~192.168.7.9"]]}' })
    await explained('far-range', 'request-not-possible')
    await make('odd', { stage: 'roomy', args: '{"request_ip_range":"10.50.4.7"}' })
    await explained('odd', 'request-unreadable')
  },
  LIMIT_MS,
)

test(
  'limits: pool-limit, limit-reached',
  async () => {
    const { kube } = stage
    const metadata = { name: 'small' }
    await kube.create('/apis/galaxy.k8s.io/v1alpha1/namespaces/kube-system/pools', {
      ...{ apiVersion: 'galaxy.k8s.io/v1alpha1', kind: 'Pool', metadata, size: 1 },
    } as never)
    await Bun.sleep(500)
    const pooled = deployment('pooled', { stage: 'roomy', replicas: 2 })
    await kube.create(paths.deployments(ns), annotated(pooled, { [POOL]: 'small' }))
    // The first that is not bound may only be on its way.
    await eventually('one of pooled runs', async () => {
      const pods = await kube.list<ReturnType<typeof pod>>(`${paths.pods(ns)}?labelSelector=app%3Dpooled`)
      return pods.some(({ status }) => status?.phase === 'Running')
    })
    const { because } = await explained(await unbound('pooled'), 'pool-limit')
    expect(because).toBe('reached pool small size limit of 1')

    const labels = { [STUCK_TERMINATING]: 'true' }
    const hangs = deployment('hangs', { stage: 'roomy', replicas: 1, policy: 'immutable', labels })
    await kube.create(paths.deployments(ns), hangs)
    const [old] = await eventually('the first pod of hangs runs', async () => {
      const pods = await kube.list<ReturnType<typeof pod>>(`${paths.pods(ns)}?labelSelector=app%3Dhangs`)
      return pods[0]?.status?.phase === 'Running' && pods
    })
    await kube.delete(`${paths.pods(ns)}/${old?.metadata.name}`)
    const { blockedBy } = await explained(await unbound('hangs'), 'limit-reached')
    expect(blockedBy).toMatchObject([{ podName: old?.metadata.name, podUid: old?.metadata.uid }])
  },
  LIMIT_MS,
)

test.skipIf(kind === 'demo')(
  'rollout-deadlock: a rolling update that waits for itself',
  async () => {
    const { kube } = stage
    await kube.create(
      paths.deployments(ns),
      deployment('rolling', { stage: 'roomy', replicas: 1, policy: 'immutable' }),
    )
    await eventually('rolling runs', async () => {
      const pods = await kube.list<ReturnType<typeof pod>>(`${paths.pods(ns)}?labelSelector=app%3Drolling`)
      return pods[0]?.status?.phase === 'Running'
    })
    const template = { metadata: { annotations: { version: '2' } } }
    await kube.patch(`${paths.deployments(ns)}/rolling`, { spec: { template } })
    const { because } = await explained(await unbound('rolling'), 'rollout-deadlock')
    expect(because).toContain('maxSurge: 0')
  },
  LIMIT_MS,
)

test(
  'address-elsewhere: a StatefulSet’s pod that is sent to other nodes',
  async () => {
    const { kube } = stage
    await kube.create(paths.statefulSets(ns), statefulSet('moved', { stage: 'far', replicas: 1, policy: 'never' }))
    const { metadata } = await runningPod(kube, ns, 'moved-0')
    const nodeSelector = { 'floatip.dev/stage': 'roomy' }
    await kube.patch(`${paths.statefulSets(ns)}/moved`, { spec: { template: { spec: { nodeSelector } } } })
    await kube.delete(`${paths.pods(ns)}/moved-0`)
    await eventually('moved-0 is another pod', async () => {
      const found = await kube.find<ReturnType<typeof pod>>(`${paths.pods(ns)}/moved-0`)
      return found !== null && found.metadata.uid !== metadata.uid
    })
    const { blockedBy } = await explained('moved-0', 'address-elsewhere')
    expect(blockedBy).toMatchObject([{ podName: 'moved-0', state: 'reserved' }])
  },
  LIMIT_MS,
)

test(
  'nodes: node-not-configured, unknown-node',
  async () => {
    const { kube } = stage
    await createNode(kube, 'alien-0', '192.168.9.9', 'alien')
    await make('lost', { stage: 'alien' })
    await explained('lost', 'node-not-configured')
    const bare = node('bare-0', '', 'bare')
    await kube.create(paths.nodes, { ...bare, status: { ...bare.status, addresses: [] } })
    await make('nowhere', { stage: 'bare' })
    await explained('nowhere', 'unknown-node')
  },
  LIMIT_MS,
)

test.skipIf(kind === 'demo')(
  'resting: what is not in use, a container may still use',
  async () => {
    const { kube } = stage
    await make('killed', { stage: 'killed' })
    await runningPod(kube, ns, 'killed')
    await make('patient', { stage: 'killed' })
    await kube.delete(`${paths.pods(ns)}/killed`, { graceSeconds: 0 })
    const { blockedBy } = await explained('patient', 'resting')
    expect(blockedBy).toMatchObject([{ podName: 'killed', state: 'resting' }])
  },
  LIMIT_MS,
)

test(
  'others’ schedulers: not-asked, bound-without-address, two-claimants',
  async () => {
    const { kube } = stage
    const asking = pod('elsewhere', { stage: 'roomy' })
    await kube.create(paths.pods(ns), { ...asking, spec: { ...asking.spec, schedulerName: 'another' } as never })
    await explained('elsewhere', 'not-asked')
    const placed = pod('placed', { stage: 'roomy' })
    await kube.create(paths.pods(ns), { ...placed, spec: { ...placed.spec, nodeName: 'roomy-0' } })
    await explained('placed', 'bound-without-address')
    const carried = (await kube.get<ReturnType<typeof pod>>(`${paths.pods(ns)}/first`)).metadata.annotations
    const twin = pod('twin', { stage: 'full', args: carried?.[ARGS_ANNOTATION] ?? '' })
    await kube.create(paths.pods(ns), { ...twin, spec: { ...twin.spec, nodeName: 'full-1' } })
    const { because } = await explained('twin', 'two-claimants')
    expect(because).toContain('10.50.0.10 is claimed by')
  },
  LIMIT_MS,
)

test('at least twelve reasons were produced', () => {
  const produced = REASONS.filter(reason => answers.has(reason))
  console.log(`reasons produced: ${produced.join(', ')}`)
  expect(produced.length).toBeGreaterThanOrEqual(12)
})
