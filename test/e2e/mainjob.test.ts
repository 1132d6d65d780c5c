/** Owns the proof of the main job: pods get addresses through the stock scheduler, and keep them as their policy says. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  addressesOf,
  eventsOf,
  expectConsistent,
  infoOf,
  ipInfosOf,
  runningPod,
  runningPods,
  storedUnder,
} from './harness/addresses.ts'
import { eventually } from './harness/kube.ts'
import { ARGS, deployment, type Pod, paths, pod, statefulSet } from './harness/objects.ts'
import { cordon, createNamespace, STAGE_LIMIT_MS, type Stage, startStage } from './harness/stage.ts'

const LIMIT_MS = 120_000
let stage: Stage

beforeAll(async () => {
  stage = await startStage([
    { name: 'sts', nodes: 3 },
    { name: 'dp', nodes: 3 },
    { name: 'ranges', nodes: 2 },
    { name: 'plain', nodes: 1 },
  ])
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), LIMIT_MS)

const namespace = (name: string) => createNamespace(stage.kube, name, stage.cluster.kind)

describe('StatefulSet, policy immutable', () => {
  test(
    'a pod whose node is cordoned comes back on another node with the same address',
    async () => {
      const { kube } = stage
      const ns = await namespace('immutable')
      await kube.create(paths.statefulSets(ns), statefulSet('db', { stage: 'sts', replicas: 2, policy: 'immutable' }))
      await runningPods(kube, ns, 'db', 2)
      const before = await runningPod(kube, ns, 'db-1')
      const nodeName = before.spec.nodeName ?? ''
      expect(addressesOf(before)).toHaveLength(1)

      await cordon(kube, nodeName)
      await kube.delete(`${paths.pods(ns)}/db-1`)
      const after = await runningPod(kube, ns, 'db-1', before.metadata.uid)

      expect(after.spec.nodeName).not.toBe(nodeName)
      expect(ipInfosOf(after)).toEqual(ipInfosOf(before))
      const pods = await runningPods(kube, ns, 'db', 2)
      const keyOf = ({ metadata }: Pod) => `sts_${ns}_db_${metadata.name}`
      await expectConsistent(kube, pods, stage.entry('sts'), keyOf, `sts_${ns}_`)
      await cordon(kube, nodeName, false)
    },
    LIMIT_MS,
  )

  test(
    'scaled down and up again: the ordinals below keep, the ones above are released',
    async () => {
      const { kube } = stage
      const ns = await namespace('scaled')
      await kube.create(paths.statefulSets(ns), statefulSet('db', { stage: 'sts', replicas: 3, policy: 'immutable' }))
      const before = await runningPods(kube, ns, 'db', 3)

      await kube.patch(`${paths.statefulSets(ns)}/db`, { spec: { replicas: 1 } })
      await eventually('db-1 and db-2 are released', async () => (await storedUnder(kube, `sts_${ns}_`)).length === 1)

      const [left] = await runningPods(kube, ns, 'db', 1)
      const same = before.find(({ metadata }) => metadata.name === 'db-0')
      expect(left && addressesOf(left)).toEqual(same && addressesOf(same))
    },
    LIMIT_MS,
  )
})

describe('Deployment, policy 0', () => {
  test(
    'its pods have distinct addresses, exactly annotated and stored',
    async () => {
      const { kube } = stage
      const ns = await namespace('distinct')
      await kube.create(paths.deployments(ns), deployment('web', { stage: 'dp', replicas: 12 }))
      const pods = await runningPods(kube, ns, 'web', 12)
      const keyOf = ({ metadata }: Pod) => `dp_${ns}_web_${metadata.name}`
      await expectConsistent(kube, pods, stage.entry('dp'), keyOf, `dp_${ns}_`)
    },
    LIMIT_MS,
  )

  test(
    'deleted: every address is released',
    async () => {
      const { kube } = stage
      const ns = await namespace('released')
      await kube.create(paths.deployments(ns), deployment('web', { stage: 'dp', replicas: 5 }))
      await runningPods(kube, ns, 'web', 5)
      expect(await storedUnder(kube, `dp_${ns}_`)).toHaveLength(5)
      await kube.delete(`${paths.deployments(ns)}/web`)
      await eventually('all are released', async () => (await storedUnder(kube, `dp_${ns}_`)).length === 0)
    },
    LIMIT_MS,
  )
})

describe('requested ranges', () => {
  test(
    'one address from each list, in the order of the request, which stays in the annotation',
    async () => {
      const { kube } = stage
      const entry = stage.entry('ranges')
      const third = entry.gateway.replace(/\.1$/, '')
      const request_ip_range = [[`${third}.20~${third}.29`], [`${third}.5~${third}.9`]]
      const ns = await namespace('ranges')
      const args = JSON.stringify({ request_ip_range })
      await kube.create(paths.pods(ns), pod('two', { stage: 'ranges', args }))

      const [first = '', second = ''] = addressesOf(await runningPod(kube, ns, 'two'))

      const last = (address: string) => Number(address.slice(third.length + 1))
      expect(last(first) >= 20 && last(first) <= 29).toBe(true)
      expect(last(second) >= 5 && last(second) <= 9).toBe(true)
      const { metadata } = await runningPod(kube, ns, 'two')
      expect(JSON.parse(metadata.annotations?.[ARGS] ?? '')).toEqual({
        request_ip_range,
        common: { ipinfos: [infoOf(entry, first), infoOf(entry, second)] },
      })
      const stored = await storedUnder(kube, `NULL_${ns}_NULL_two`)
      expect(stored.map(({ address }) => address).toSorted()).toEqual([first, second].toSorted())
    },
    LIMIT_MS,
  )
})

describe('a pod that does not ask', () => {
  test(
    'runs without a call to the extender and without an annotation',
    async () => {
      const { kube } = stage
      const ns = await namespace('plain')
      await kube.create(paths.pods(ns), pod('plain', { stage: 'plain', asks: false }))
      const { metadata } = await runningPod(kube, ns, 'plain')
      expect(metadata.annotations?.[ARGS]).toBeUndefined()
      expect(stage.tap.about(ns, 'plain')).toEqual([])
      expect(await storedUnder(kube, `NULL_${ns}_`)).toEqual([])
      expect((await eventsOf(kube, ns, 'plain')).filter(({ type }) => type === 'Warning')).toEqual([])
    },
    LIMIT_MS,
  )
})
