/** Owns the proof of entries and nodes that change under running pods on a living cluster, and of what is warned of. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { addressOf, addressSet, podsOf, runningPod, runningPods, said } from './harness/addresses.ts'
import { isEntry, type RawEntry, rewrite, setRanges, thirdOf } from './harness/config-map.ts'
import { eventually, type KubeObject } from './harness/kube.ts'
import { internalIps, paths, pod, statefulSet } from './harness/objects.ts'
import { createNamespace, STAGE_LIMIT_MS, type Stage, startStage } from './harness/stage.ts'

const LIMIT_MS = 120_000
let stage: Stage

// One entry for each scenario: they change the same ConfigMap, one after the other.
beforeAll(async () => {
  stage = await startStage([
    { name: 'moving', nodes: 1, ips: third => [`${third}.10~${third}.19`] },
    { name: 'target', nodes: 1, ips: third => [`${third}.10~${third}.19`] },
    { name: 'warned', nodes: 1, ips: third => [`${third}.10~${third}.19`] },
  ])
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), LIMIT_MS)

const namespace = (name: string) => createNamespace(stage.kube, name, stage.cluster.kind)

const eventOnMap = (text: string) => said(stage.kube, 'kube-system', `an Event says "${text}"`, text)
const isMoving = (each: RawEntry) => isEntry(stage, 'moving')(each)
const config = async () =>
  (await (await fetch(`${stage.floatip.apiUrl}/v1/config`)).json()) as { warnings: string[]; entries: number }

describe('entries are rebuilt under running pods', () => {
  test(
    'a range moves to an entry of its own, the subnet and the node subnet get other names: every pod keeps its address, and has it again when made anew',
    async () => {
      const { kube } = stage
      const ns = await namespace('rebuilt')
      const t = thirdOf(stage, 'moving')
      await kube.create(
        paths.statefulSets(ns),
        statefulSet('db', { stage: 'moving', replicas: 3, policy: 'immutable' }),
      )
      const before = await runningPods(kube, ns, 'db', 3)
      const wide = { subnet: `${t}.0/21`, nodeSubnets: ['10.49.0.0/16'] }
      await rewrite(stage.kube, entries => [
        ...entries.filter(each => !isMoving(each)),
        { ...(entries.find(isMoving) as RawEntry), ...wide, ips: [`${t}.15~${t}.19`] },
        { ...(entries.find(isMoving) as RawEntry), ips: [`${t}.10~${t}.14`] },
      ])
      await eventually('it is in force', async () => (await config()).entries === 4)
      expect(addressSet(await podsOf(kube, ns, 'db'))).toEqual(addressSet(before))
      for (const { metadata } of before) await kube.delete(`${paths.pods(ns)}/${metadata.name}`)
      const after = await eventually('all were made anew', async () => {
        const pods = await runningPods(kube, ns, 'db', 3)
        return pods.every(({ metadata }) => !before.some(old => old.metadata.uid === metadata.uid)) && pods
      })
      const named = (pods: typeof after) => Object.fromEntries(pods.map(each => [each.metadata.name, addressOf(each)]))
      expect(named(after)).toEqual(named(before))
      await rewrite(stage.kube, entries => [
        ...entries.filter(each => !isMoving(each)),
        {
          ...(entries.find(isMoving) as RawEntry),
          subnet: `${t}.0/22`,
          nodeSubnets: stage.entry('moving').nodeSubnets,
          ips: [`${t}.10~${t}.19`],
        },
      ])
      await eventually('it is in force', async () => (await config()).entries === 3)
      expect(addressSet(await podsOf(kube, ns, 'db'))).toEqual(addressSet(before))
    },
    LIMIT_MS,
  )

  test(
    'a node gets an address of another node subnet: its pods keep theirs, new ones get addresses of that subnet, and a sticky pod waits for a node of its own',
    async () => {
      const { kube } = stage
      const ns = await namespace('renumbered')
      await kube.create(
        paths.statefulSets(ns),
        statefulSet('db', { stage: 'moving', replicas: 1, policy: 'immutable' }),
      )
      const before = await runningPod(kube, ns, 'db-0')
      const addresses = (await kube.get<KubeObject & { status: object }>(`${paths.nodes}/moving-0`)).status
      const other = stage.entry('target').nodeSubnets[0]?.replace('.0/24', '.200') ?? ''
      await kube.patch(`${paths.nodes}/moving-0/status`, { status: { addresses: internalIps(other) } })
      await Bun.sleep(500)
      await kube.create(paths.pods(ns), pod('new', { stage: 'moving' }))
      expect(addressOf(await runningPod(kube, ns, 'new'))).toStartWith(thirdOf(stage, 'target'))
      expect(addressOf(await runningPod(kube, ns, 'db-0'))).toBe(addressOf(before))
      await kube.delete(`${paths.pods(ns)}/db-0`)
      await said(kube, ns, 'it waits', `the pod keeps ${addressOf(before)}, which is not usable in`)
      await kube.patch(`${paths.nodes}/moving-0/status`, { status: addresses })
      expect(addressOf(await runningPod(kube, ns, 'db-0', before.metadata.uid))).toBe(addressOf(before))
    },
    LIMIT_MS,
  )
})

describe('what a person should look at', () => {
  test(
    'the gateway in ips, and an address that a node has or gets: an Event on the ConfigMap, /v1/config, the log; pods are served all the same',
    async () => {
      const { kube } = stage
      const ns = await namespace('warned')
      const t = thirdOf(stage, 'warned')
      const node = (n: number) => `${t}.${n} is the address of node`
      await setRanges(stage, 'warned', [`${t}.1`, `${t}.10~${t}.19`])
      await eventOnMap(`contains the gateway ${t}.1: pods may be given it`)
      const { status } = await kube.get<KubeObject & { status: object }>(`${paths.nodes}/warned-0`)
      const [own = ''] = stage.entry('warned').nodeSubnets
      const both = [own.replace('.0/24', '.10'), `${t}.12`]
      await kube.patch(`${paths.nodes}/warned-0/status`, { status: { addresses: internalIps(both) } })
      await eventOnMap(node(12))
      expect((await config()).warnings.filter(text => text.includes(t))).toEqual([
        expect.stringContaining(`contains the gateway ${t}.1`),
        expect.stringContaining(node(12)),
      ])
      expect(readFileSync(stage.floatip.logFile, 'utf8')).toContain(node(12))
      await kube.create(paths.pods(ns), pod('p', { stage: 'warned' }))
      await runningPod(kube, ns, 'p')
      await kube.patch(`${paths.nodes}/warned-0/status`, { status })
      await setRanges(stage, 'warned', [`${t}.10~${t}.19`])
      await eventually('nothing is left to warn of', async () => (await config()).warnings.length === 0)
    },
    LIMIT_MS,
  )
})
