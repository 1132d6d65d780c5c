/** Owns the proof of preemption on the real scheduler: only where the pod can have its address, counting what the victims would free. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { addressesOf, addressOf, eventsOf, runningPod } from './harness/addresses.ts'
import { kind } from './harness/cluster.ts'
import { eventually } from './harness/kube.ts'
import { node, type Pod, type PodOptions, paths, pod, statefulSet } from './harness/objects.ts'
import { cordon, createNamespace, STAGE_LIMIT_MS, type Stage, startStage } from './harness/stage.ts'

const LIMIT_MS = 120_000
const QUIET_MS = 5_000
/** CPUs of each node: one pod of {@link CPU} fills it. */
const CPUS = '4'
const CPU = '3'
const [LOWEST, LOW, HIGH] = ['e2e-lowest', 'e2e-low', 'e2e-high']
let stage: Stage

const one = (third: string) => [`${third}.10`]
/** Two entries for each scenario; the nodes of both carry the scenario's name. */
const plans = ['roomy', 'freed', 'kept', 'own', 'ranges'].flatMap(name => [
  { name: `${name}-a`, nodes: 0, ...(name === 'freed' || name === 'kept' ? { ips: one } : {}) },
  { name: `${name}-b`, nodes: 0, ...(name === 'roomy' ? { ips: one } : {}) },
])

beforeAll(async () => {
  if (kind === 'demo') return
  stage = await startStage(plans)
  const priority = { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass' }
  for (const [value, name] of [LOWEST, LOW, HIGH].entries()) {
    await stage.kube.create(paths.priorityClasses, { ...priority, metadata: { name }, value: 10 * value } as never)
  }
  await Promise.all(plans.map(createSmallNode))
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), LIMIT_MS)

async function createSmallNode({ name }: { name: string }, at: number): Promise<void> {
  const made = node(name, `10.49.${at}.10`, name.replace(/-[ab]$/, ''))
  const capacity = { ...made.status.capacity, cpu: CPUS }
  await stage.kube.create(paths.nodes, { ...made, status: { ...made.status, capacity, allocatable: capacity } })
}

const namespace = (name: string) => createNamespace(stage.kube, name, stage.cluster.kind)

/** A running pod on exactly this node. */
async function occupy(ns: string, nodeName: string, name: string, options: Partial<PodOptions>): Promise<Pod> {
  const { kube } = stage
  const made = pod(name, { stage: nodeName.replace(/-[ab]$/, ''), cpu: CPU, ...options })
  const nodeSelector = { ...made.spec.nodeSelector, 'floatip.dev/node': nodeName }
  await kube.patch(`${paths.nodes}/${nodeName}`, { metadata: { labels: { 'floatip.dev/node': nodeName } } })
  await kube.create(paths.pods(ns), { ...made, spec: { ...made.spec, nodeSelector } })
  return await runningPod(kube, ns, name)
}

async function preemptor(ns: string, scenario: string, options: Partial<PodOptions> = {}): Promise<void> {
  const made = pod('urgent', { stage: scenario, cpu: CPU, priorityClass: HIGH, ...options })
  await stage.kube.create(paths.pods(ns), made)
}

const stillRuns = (ns: string, before: Pod) => async () => {
  const now = await stage.kube.find<Pod>(`${paths.pods(ns)}/${before.metadata.name}`)
  return now?.metadata.uid === before.metadata.uid && now?.metadata.deletionTimestamp === undefined
}

describe.skipIf(kind === 'demo').concurrent('a pod of high priority that is short of CPU', () => {
  test(
    'preempts where there is a free address, not where there is none, although those victims are worth less',
    async () => {
      const ns = await namespace('roomy')
      // b's one address is with a pod that is not in the way: no victim there would free one.
      await occupy(ns, 'roomy-b', 'holder', { cpu: '1', priorityClass: HIGH })
      const cheap = await occupy(ns, 'roomy-b', 'cheap', { priorityClass: LOWEST, asks: false })
      await occupy(ns, 'roomy-a', 'dear', { priorityClass: LOW, asks: false })
      await preemptor(ns, 'roomy')
      const urgent = await runningPod(stage.kube, ns, 'urgent')
      expect(urgent.spec.nodeName).toBe('roomy-a')
      expect(addressesOf(urgent)).toHaveLength(1)
      expect(await stillRuns(ns, cheap)()).toBe(true)
      expect(await stage.kube.find(`${paths.pods(ns)}/dear`)).toBeNull()
    },
    LIMIT_MS,
  )

  test(
    'preempts where no address is free but the victim’s would be, and gets that very one',
    async () => {
      const ns = await namespace('freed')
      await cordon(stage.kube, 'freed-b')
      const victim = await occupy(ns, 'freed-a', 'victim', { priorityClass: LOW })
      await preemptor(ns, 'freed')
      expect(addressOf(await runningPod(stage.kube, ns, 'urgent'))).toBe(addressOf(victim))
    },
    LIMIT_MS,
  )

  test(
    'preempts nobody whose address its workload would keep: it waits',
    async () => {
      const { kube } = stage
      const ns = await namespace('kept')
      await cordon(kube, 'kept-b')
      const options = { stage: 'kept', cpu: CPU, priorityClass: LOW, policy: 'immutable', replicas: 1 }
      await kube.create(paths.statefulSets(ns), statefulSet('db', options))
      const victim = await runningPod(kube, ns, 'db-0')
      await preemptor(ns, 'kept')
      await eventually('the scheduler asked', async () => stage.tap.about(ns, 'urgent', 'preempt').length > 0)
      await Bun.sleep(QUIET_MS)
      expect(await stillRuns(ns, victim)()).toBe(true)
      const urgent = await kube.get<Pod>(`${paths.pods(ns)}/urgent`)
      expect(urgent.status?.phase).toBe('Pending')
      expect((await eventsOf(kube, ns, 'db-0')).filter(({ reason }) => reason === 'Preempted')).toEqual([])
    },
    LIMIT_MS,
  )

  test(
    'and has an address already preempts only where it can use it',
    async () => {
      const { kube } = stage
      const ns = await namespace('own')
      await cordon(kube, 'own-b')
      const options = { stage: 'own', cpu: CPU, priorityClass: HIGH, policy: 'never', replicas: 1 }
      await kube.create(paths.statefulSets(ns), statefulSet('db', options))
      const address = addressOf(await runningPod(kube, ns, 'db-0'))
      await kube.patch(`${paths.statefulSets(ns)}/db`, { spec: { replicas: 0 } })
      await eventually('it is gone', async () => (await kube.find(`${paths.pods(ns)}/db-0`)) === null)
      await cordon(kube, 'own-b', false)
      const cheap = await occupy(ns, 'own-b', 'cheap', { priorityClass: LOWEST })
      await occupy(ns, 'own-a', 'dear', { priorityClass: LOW })
      await kube.patch(`${paths.statefulSets(ns)}/db`, { spec: { replicas: 1 } })
      const back = await runningPod(kube, ns, 'db-0')
      expect([back.spec.nodeName ?? '', addressOf(back)]).toEqual(['own-a', address])
      expect(await stillRuns(ns, cheap)()).toBe(true)
    },
    LIMIT_MS,
  )

  test(
    'and asks for ranges preempts where the victim has what is missing, not where it has something else',
    async () => {
      const ns = await namespace('ranges')
      const [a, b] = ['ranges-a', 'ranges-b'].map(name => stage.entry(name).gateway.replace(/\.1$/, ''))
      const asking = (...lists: string[][]) => JSON.stringify({ request_ip_range: lists })
      await occupy(ns, 'ranges-a', 'dear', { priorityClass: LOW, args: asking([`${a}.10`]) })
      await occupy(ns, 'ranges-b', 'holder', { cpu: '1', priorityClass: HIGH, args: asking([`${b}.10`]) })
      const cheap = await occupy(ns, 'ranges-b', 'cheap', { priorityClass: LOWEST, args: asking([`${b}.99`]) })
      await preemptor(ns, 'ranges', { args: asking([`${a}.10`, `${b}.10`], [`${a}.20~${a}.29`, `${b}.20~${b}.29`]) })
      const urgent = await runningPod(stage.kube, ns, 'urgent')
      expect(urgent.spec.nodeName).toBe('ranges-a')
      expect(addressesOf(urgent)).toEqual([`${a}.10`, `${a}.20`])
      expect(await stillRuns(ns, cheap)()).toBe(true)
    },
    LIMIT_MS,
  )
})
