/** Owns the proof of lives that have no file of their own: a long queue for few addresses, and pods of owners that are no StatefulSet or Deployment. */
import { afterAll, beforeAll, describe, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { addressOf, finishPod, podsOf, runningPod, runningPods, said, storedBecomes } from './harness/addresses.ts'
import { kind } from './harness/cluster.ts'
import { eventually, type KubeObject } from './harness/kube.ts'
import { type Pod, paths, pod } from './harness/objects.ts'
import { createNamespace, STAGE_LIMIT_MS, type Stage, startStage } from './harness/stage.ts'

const LIMIT_MS = 300_000
const ADDRESSES = 10
/** Addresses that come free, one after the other. */
const FREED = 100
/**
 * More than that: a pod whose bind was refused, as another was faster, is left alone by the scheduler for up to 10 s whatever anybody
 * tells it, so the last ones of a queue wait for that and not for floatip.
 */
const WAITING = 120
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
    { flags: ['--rest', '0s', '--log-level', 'debug'] },
  )
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), LIMIT_MS)

const namespace = (name: string) => createNamespace(stage.kube, name, stage.cluster.kind)
const isBound = ({ spec }: Pod) => spec.nodeName !== undefined

/** Until the scheduler asked for the one that was served, until floatip was asked to bind it, and until the answers: whose time it was. */
function spentOn(ns: string, name: string, since: number): string {
  const calls = stage.tap.about(ns, name).filter(({ atMs }) => atMs >= since)
  const bind = calls.findLast(({ verb }) => verb === 'bind')
  const filters = calls.filter(({ verb }) => verb === 'filter')
  const at = (ms: number | undefined) => (ms === undefined ? 'never' : `at ${(ms - since).toFixed(0)}`)
  const asked = stage.tap.calls.filter(({ atMs, verb }) => verb === 'filter' && atMs >= since).length
  return `asked ${at(filters.at(0)?.atMs)} (${filters.length} of ${asked} questions), to bind ${at(bind?.atMs)}`
}

/** What floatip did in that time. */
function logged(from = 0, ms = 0): string {
  return readFileSync(stage.floatip.logFile, 'utf8')
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line) as { time: string; msg: string; pod?: string })
    .map(line => ({ ...line, at: Date.parse(line.time) - from }))
    .filter(({ at }) => at > -500 && at < ms + 500)
    .map(({ at, msg, pod, ...more }) => `${at.toFixed(0)} ${msg} ${pod ?? ''} ${JSON.stringify(more)}`)
    .slice(0, 80)
    .join('\n')
}

describe.skipIf(skipped)('a hundred pods and more that wait for ten addresses', () => {
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
      const waits: { readonly ms: number; readonly spent: string; readonly at: number }[] = []
      const order: number[] = []
      const had = new Set(holders)
      let running = holders
      for (let freed = 0; freed < FREED; freed++) {
        const [first = '', ...rest] = running
        await kube.delete(`${at}/${first}`, { graceSeconds: 0 })
        const since = performance.now()
        const next = await eventually(
          `a pod has what ${first} had`,
          async () => (await kube.list<Pod>(at)).find(each => isBound(each) && !had.has(each.metadata.name)),
          { everyMs: 10 },
        )
        const { name } = next.metadata
        const ms = performance.now() - since
        waits.push({ ms, at: Date.now() - ms, spent: `${ms.toFixed(0)} ms, ${spentOn(ns, name, since)}` })
        had.add(name)
        order.push(Number(name.split('-')[1]))
        running = [...rest, name]
      }
      const sorted = waits.toSorted((a, b) => a.ms - b.ms)
      const worst = sorted.at(-1)
      if (worst === undefined || worst.ms >= WAKE_MS)
        throw new Error(`one waited ${worst?.spent}\n${logged(worst?.at, worst?.ms)}`)
      // The oldest is woken; but each bind makes the scheduler ask for all of them again, in its own order, and who asks first has it.
      const inTurn = order.filter((batch, n) => batch <= Math.min(...order.slice(n))).length
      const median = sorted[FREED / 2]?.spent
      console.log(
        `woken and bound: median ${median}; most ${worst.spent}; ${inTurn} of ${FREED} in the order of their age`,
      )
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
      await said(kube, ns, 'it is refused', 'release policy immutable is not supported for pod web-')
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
      await said(kube, ns, 'it is refused', 'release policy never is not supported for pod web-')
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
