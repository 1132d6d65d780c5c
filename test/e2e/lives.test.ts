/** Owns the proof of lives that have no file of their own: a long queue for few addresses, and pods of owners that are no StatefulSet or Deployment. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { addressOf, finishPod, podsOf, runningPod, runningPods, said, storedBecomes } from './harness/addresses.ts'
import { kind } from './harness/cluster.ts'
import { eventually, type KubeObject } from './harness/kube.ts'
import { type Pod, paths, pod } from './harness/objects.ts'
import { createNamespace, STAGE_LIMIT_MS, type Stage, startStage } from './harness/stage.ts'

const LIMIT_MS = 300_000
const ADDRESSES = 10
const WAITING = 100
/** Created in one second: creation times have no fractions, so within a batch nobody is older. */
const BATCH = 10
const WAKE_MS = 2_000
const skipped = kind === 'demo'
let stage: Stage

beforeAll(async () => {
  if (skipped) return
  // How long an address that comes free takes, and not when it does: those of killed pods would rest before.
  stage = await startStage(
    [
      { name: 'queue', nodes: 2, ips: third => [`${third}.10~${third}.${9 + ADDRESSES}`] },
      { name: 'owners', nodes: 2 },
    ],
    { flags: ['--rest', '0s'] },
  )
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), LIMIT_MS)

const namespace = (name: string) => createNamespace(stage.kube, name, stage.cluster.kind)
const isBound = ({ spec }: Pod) => spec.nodeName !== undefined

describe.skipIf(skipped)('a hundred pods that wait for ten addresses', () => {
  test(
    'an address that comes free is one of theirs within two seconds, a hundred times',
    async () => {
      const { kube } = stage
      const ns = await namespace('queue')
      const at = paths.pods(ns)
      const make = (name: string) => kube.create(at, pod(name, { stage: 'queue' }))
      const holders = Array.from({ length: ADDRESSES }, (_, n) => `holder-${n}`)
      await Promise.all(holders.map(make))
      for (const holder of holders) await runningPod(kube, ns, holder)
      for (let batch = 0; batch < WAITING / BATCH; batch++) {
        await Promise.all(Array.from({ length: BATCH }, (_, n) => make(`late-${batch}-${n}`)))
        await Bun.sleep(1_050)
      }
      await eventually('all were asked for', async () =>
        (await kube.list<Pod>(at)).every(({ metadata }) => stage.tap.about(ns, metadata.name, 'filter').length > 0),
      )
      const waits: number[] = []
      const order: number[] = []
      const had = new Set(holders)
      let running = holders
      for (let freed = 0; freed < WAITING; freed++) {
        const [first = '', ...rest] = running
        await kube.delete(`${at}/${first}`, { graceSeconds: 0 })
        const since = performance.now()
        const next = await eventually(
          `a pod has what ${first} had`,
          async () => (await kube.list<Pod>(at)).find(each => isBound(each) && !had.has(each.metadata.name)),
          { everyMs: 10 },
        )
        waits.push(performance.now() - since)
        const { name } = next.metadata
        had.add(name)
        order.push(Number(name.split('-')[1]))
        running = [...rest, name]
      }
      expect(Math.max(...waits)).toBeLessThan(WAKE_MS)
      const sorted = waits.toSorted((a, b) => a - b)
      // The oldest is woken; but each bind makes the scheduler ask for all of them again, in its own order, and who asks first has it.
      const inTurn = order.filter((batch, n) => batch <= Math.min(...order.slice(n))).length
      const [median, most] = [sorted[WAITING / 2], sorted.at(-1)].map(ms => `${ms?.toFixed(0)} ms`)
      console.log(`woken and bound: median ${median}, most ${most}; ${inTurn} of ${WAITING} in the order of their age`)
    },
    LIMIT_MS,
  )
})

describe.skipIf(skipped).concurrent('pods of other owners', () => {
  /** A workload of this kind whose pods ask; `more`: of its spec. */
  async function own(
    path: string,
    apiVersion: string,
    kind: string,
    policy: string,
    more: (template: object) => object,
  ) {
    const { spec, metadata } = pod('web', { stage: 'owners', ...(policy !== '' && { policy }) })
    const template = { metadata: { labels: { app: 'web' }, annotations: metadata.annotations ?? {} }, spec }
    await stage.kube.create(path, { apiVersion, kind, metadata: { name: 'web' }, spec: more(template) } as KubeObject)
  }
  const selector = { matchLabels: { app: 'web' } }
  const daemonSets = (ns: string) => `/apis/apps/v1/namespaces/${ns}/daemonsets`
  const replicaSets = (ns: string) => `/apis/apps/v1/namespaces/${ns}/replicasets`
  const cronJobs = (ns: string) => `/apis/batch/v1/namespaces/${ns}/cronjobs`

  test(
    'DaemonSet without a policy: one address for each node, released with their pods; immutable is refused',
    async () => {
      const { kube } = stage
      const ns = await namespace('daemons')
      await own(daemonSets(ns), 'apps/v1', 'DaemonSet', '', template => ({ selector, template }))
      const pods = await runningPods(kube, ns, 'web', 2)
      const keys = pods.map(each => [addressOf(each), `daemonset_${ns}_web_${each.metadata.name}`])
      await storedBecomes(kube, `daemonset_${ns}_`, Object.fromEntries(keys))
      await kube.delete(`${daemonSets(ns)}/web`)
      await storedBecomes(kube, `daemonset_${ns}_`, {})
      await eventually('it is gone', async () => (await podsOf(kube, ns, 'web')).length === 0)
      await own(daemonSets(ns), 'apps/v1', 'DaemonSet', 'immutable', template => ({ selector, template }))
      await said(kube, ns, 'it is refused', 'release policy immutable is not supported for a pod of kind daemonset')
    },
    LIMIT_MS,
  )

  test(
    'ReplicaSet of its own without a policy: released with its pods; never is refused, for its pods have no numbers',
    async () => {
      const { kube } = stage
      const ns = await namespace('sets')
      await own(replicaSets(ns), 'apps/v1', 'ReplicaSet', '', template => ({ selector, replicas: 2, template }))
      const pods = await runningPods(kube, ns, 'web', 2)
      const keys = pods.map(each => [addressOf(each), `replicaset_${ns}_web_${each.metadata.name}`])
      await storedBecomes(kube, `replicaset_${ns}_`, Object.fromEntries(keys))
      await kube.delete(`${replicaSets(ns)}/web`)
      await storedBecomes(kube, `replicaset_${ns}_`, {})
      await eventually('its pods are gone', async () => (await podsOf(kube, ns, 'web')).length === 0)
      await own(replicaSets(ns), 'apps/v1', 'ReplicaSet', 'never', template => ({ selector, replicas: 1, template }))
      await said(kube, ns, 'it is refused', 'release policy never needs a pod name that ends in -<number>')
    },
    LIMIT_MS,
  )

  test(
    'CronJob: the pods of its Jobs are of the Job, and released when they have Succeeded or the Job is deleted',
    async () => {
      const { kube } = stage
      const ns = await namespace('crons')
      await own(cronJobs(ns), 'batch/v1', 'CronJob', '', template => ({
        schedule: '* * * * *',
        jobTemplate: {
          spec: {
            template: { ...template, spec: { ...pod('web', { stage: 'owners' }).spec, restartPolicy: 'Never' } },
          },
        },
      }))
      const [worker] = await runningPods(kube, ns, 'web', 1, 90_000)
      if (worker === undefined) throw new Error('no worker')
      const job = worker.metadata.name.slice(0, worker.metadata.name.lastIndexOf('-'))
      await kube.patch(`${cronJobs(ns)}/web`, { spec: { suspend: true } })
      await storedBecomes(kube, `job_${ns}_`, { [addressOf(worker)]: `job_${ns}_${job}_${worker.metadata.name}` })
      await finishPod(kube, ns, worker.metadata.name, 'Succeeded')
      await storedBecomes(kube, `job_${ns}_`, {})
    },
    LIMIT_MS,
  )
})
