/** Owns the proof that a pod without an address waits quietly, and is scheduled as soon as there is one. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { addressesOf, eventsOf, runningPod } from './harness/addresses.ts'
import { kind } from './harness/cluster.ts'
import { eventually } from './harness/kube.ts'
import { type Pod, paths, pod } from './harness/objects.ts'
import { createNamespace, STAGE_LIMIT_MS, type Stage, startStage } from './harness/stage.ts'

const LIMIT_MS = 120_000
const QUIET_MS = 10_000
const WAKE_MS = 2000
const HIGH = 'e2e-high'
let stage: Stage

const two = (third: string) => [`${third}.10~${third}.11`]

beforeAll(async () => {
  stage = await startStage([
    { name: 'full', nodes: 3, ips: two },
    { name: 'high', nodes: 3, ips: two },
  ])
  const metadata = { name: HIGH }
  const priority = { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata, value: 1000 }
  if (kind === 'control-plane') await stage.kube.create(paths.priorityClasses, priority)
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), LIMIT_MS)

/** A namespace where two pods of priority 0 hold both addresses of the entry, and the events about them have settled. */
async function fill(name: string): Promise<string> {
  const { kube, cluster } = stage
  const ns = await createNamespace(kube, name, cluster.kind)
  for (const holder of ['a', 'b']) await kube.create(paths.pods(ns), pod(holder, { stage: name }))
  for (const holder of ['a', 'b']) await runningPod(kube, ns, holder)
  await Bun.sleep(2000)
  return ns
}

async function expectRefusedTwiceThenQuiet(ns: string, name: string): Promise<void> {
  const { kube, tap } = stage
  await eventually(`events of ${name} say why`, async () =>
    (await eventsOf(kube, ns, name)).some(({ message }) => message.includes('FloatingIPPlugin:NoFIPLeft')),
  )
  await eventually('two filter calls', async () => tap.about(ns, name, 'filter').length >= 2)
  await Bun.sleep(QUIET_MS)
  expect(tap.about(ns, name, 'filter')).toHaveLength(2)
  const waiting = await kube.get<Pod>(`${paths.pods(ns)}/${name}`)
  expect(waiting.spec.nodeName).toBeUndefined()
  expect(waiting.status?.phase).toBe('Pending')
}

/** The address comes free when the holder's object has gone; counted from then. */
async function expectScheduledOnceFree(ns: string, name: string): Promise<void> {
  const { kube } = stage
  const often = { everyMs: 10 }
  const [freed] = addressesOf(await runningPod(kube, ns, 'a'))
  await kube.delete(`${paths.pods(ns)}/a`)
  await eventually('holder a is gone', async () => (await kube.find(`${paths.pods(ns)}/a`)) === null, often)
  const freeAtMs = performance.now()
  const scheduled = await eventually(
    `${name} is scheduled`,
    async () => {
      const found = await kube.get<Pod>(`${paths.pods(ns)}/${name}`)
      return found.spec.nodeName !== undefined && found
    },
    often,
  )
  expect(performance.now() - freeAtMs).toBeLessThan(WAKE_MS)
  expect(addressesOf(scheduled)).toEqual([freed ?? ''])
}

describe('no address left', () => {
  if (kind === 'demo')
    console.error('skipped: two tests that count the calls of the real kube-scheduler; the demo’s scheduler asks once')
  test.skipIf(kind === 'demo')(
    'the pod waits, refused twice with NoFIPLeft, then silence; scheduled within 2 s of an address coming free',
    async () => {
      const ns = await fill('full')
      await stage.kube.create(paths.pods(ns), pod('late', { stage: 'full' }))
      await expectRefusedTwiceThenQuiet(ns, 'late')
      await expectScheduledOnceFree(ns, 'late')
    },
    LIMIT_MS,
  )

  test.skipIf(kind === 'demo')(
    'the same for a pod of high priority beside pods of lower priority, none of which is preempted',
    async () => {
      const ns = await fill('high')
      await stage.kube.create(paths.pods(ns), pod('urgent', { stage: 'high', priorityClass: HIGH }))
      await expectRefusedTwiceThenQuiet(ns, 'urgent')
      for (const holder of ['a', 'b']) await runningPod(stage.kube, ns, holder)
      await expectScheduledOnceFree(ns, 'urgent')
    },
    LIMIT_MS,
  )

  test(
    'two waiting pods and two addresses freed at once: each gets one',
    async () => {
      const { kube, cluster } = stage
      const ns = await createNamespace(kube, 'both', cluster.kind)
      for (const ended of ['full', 'high']) await kube.delete(`${paths.namespaces}/${ended}`)
      for (const holder of ['a', 'b']) await kube.create(paths.pods(ns), pod(holder, { stage: 'full' }))
      for (const holder of ['a', 'b']) await runningPod(kube, ns, holder)
      for (const late of ['c', 'd']) await kube.create(paths.pods(ns), pod(late, { stage: 'full' }))
      await eventually('both wait', async () =>
        ['c', 'd'].every(late => stage.tap.about(ns, late, 'filter').length > 0),
      )
      await Promise.all(['a', 'b'].map(holder => kube.delete(`${paths.pods(ns)}/${holder}`)))
      const got = [...addressesOf(await runningPod(kube, ns, 'c')), ...addressesOf(await runningPod(kube, ns, 'd'))]
      expect(new Set(got).size).toBe(2)
    },
    LIMIT_MS,
  )
})
