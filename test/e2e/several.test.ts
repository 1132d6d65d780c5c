/** Owns the proof of several addresses for one pod: every form of a range, exact matching, all or none, the same ones after a move. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { addressesOf, runningPod, runningPods, said, storedBecomes, storedUnder } from './harness/addresses.ts'
import { eventually } from './harness/kube.ts'
import { ARGS, deployment, paths, pod, statefulSet } from './harness/objects.ts'
import { cordon, createNamespace, STAGE_LIMIT_MS, type Stage, startStage } from './harness/stage.ts'

const LIMIT_MS = 120_000
let stage: Stage

const plans = ['forms', 'match', 'none', 'moved', 'one', 'two', 'changed', 'wide']

beforeAll(async () => {
  stage = await startStage(plans.map(name => ({ name, nodes: name === 'moved' ? 2 : 1 })))
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), LIMIT_MS)

const namespace = (name: string) => createNamespace(stage.kube, name, stage.cluster.kind)
/** `10.50.8` of the entry. */
const third = (entry: string) => stage.entry(entry).gateway.replace(/\.1$/, '')
const request = (...lists: string[][]) => JSON.stringify({ request_ip_range: lists })

describe.concurrent('several addresses', () => {
  test(
    'every form of a range is read: a~b, a-b, CIDR, a single address, several in one list',
    async () => {
      const { kube } = stage
      const ns = await namespace('forms')
      const t = third('forms')
      const lists = [
        [`${t}.10~${t}.11`],
        [`${t}.20-${t}.21`],
        [`${t}.32/31`],
        [`${t}.40`],
        [`${t}.50`, `${t}.60~${t}.69`],
      ]
      for (const name of ['a', 'b']) {
        const made = name === 'a' ? lists : lists.toSpliced(3, 1)
        await kube.create(paths.pods(ns), pod(name, { stage: 'forms', args: request(...made) }))
        await runningPod(kube, ns, name)
      }
      const [a, b] = [await runningPod(kube, ns, 'a'), await runningPod(kube, ns, 'b')].map(addressesOf)
      expect(a).toEqual([10, 20, 32, 40, 50].map(last => `${t}.${last}`))
      expect(b).toEqual([11, 21, 33, 60].map(last => `${t}.${last}`))
    },
    LIMIT_MS,
  )

  test(
    'overlapping lists are matched exactly, not first come: [[a~b],[a]] gets b and a',
    async () => {
      const { kube } = stage
      const ns = await namespace('match')
      const t = third('match')
      const args = request([`${t}.10~${t}.11`], [`${t}.10`])
      await kube.create(paths.pods(ns), pod('p', { stage: 'match', args }))
      expect(addressesOf(await runningPod(kube, ns, 'p'))).toEqual([`${t}.11`, `${t}.10`])
    },
    LIMIT_MS,
  )

  test(
    'all or none: while one list has nothing free the pod waits and takes nothing; then it gets all',
    async () => {
      const { kube } = stage
      const ns = await namespace('none')
      const t = third('none')
      await kube.create(paths.pods(ns), pod('first', { stage: 'none', args: request([`${t}.20`]) }))
      await runningPod(kube, ns, 'first')
      await kube.create(paths.pods(ns), pod('both', { stage: 'none', args: request([`${t}.10`], [`${t}.20`]) }))
      await said(kube, ns, 'it waits', 'FloatingIPPlugin:NoFIPLeft: no free address for the requested ranges')
      expect(await storedUnder(kube, `NULL_${ns}_NULL_both`)).toEqual([])
      await kube.delete(`${paths.pods(ns)}/first`)
      expect(addressesOf(await runningPod(kube, ns, 'both'))).toEqual([`${t}.10`, `${t}.20`])
    },
    LIMIT_MS,
  )

  test(
    'a node subnet qualifies only if the whole request fits there',
    async () => {
      const { kube } = stage
      const ns = await namespace('split')
      const args = request([`${third('one')}.10`], [`${third('two')}.10`])
      for (const entry of ['one', 'two']) {
        await kube.create(paths.pods(ns), pod(`on-${entry}`, { stage: entry, args }))
      }
      await eventually('both wait', async () =>
        ['one', 'two'].every(entry => stage.tap.about(ns, `on-${entry}`, 'filter').length > 0),
      )
      await said(kube, ns, 'they wait', 'NoFIPLeft')
      expect(await storedUnder(kube, `NULL_${ns}_`)).toEqual([])
    },
    LIMIT_MS,
  )

  test(
    'moved to another node, a pod has the same addresses in the same order',
    async () => {
      const { kube } = stage
      const ns = await namespace('moved')
      const t = third('moved')
      // Descending, and overlapping: neither numeric order nor a new matching would bring the same answer.
      const args = request([`${t}.30~${t}.39`], [`${t}.10~${t}.39`], [`${t}.10~${t}.19`])
      const options = { stage: 'moved', replicas: 3, policy: 'immutable', args }
      await kube.create(paths.statefulSets(ns), statefulSet('db', options))
      const before = await runningPods(kube, ns, 'db', 3)
      const all = before.flatMap(addressesOf)
      expect(new Set(all).size).toBe(9)
      // Whichever the scheduler liked better.
      const left = before[0]?.spec.nodeName === 'moved-1' ? 'moved-1' : 'moved-0'
      const reached = left === 'moved-0' ? 'moved-1' : 'moved-0'
      await cordon(kube, left)
      await cordon(kube, reached, false)
      const moving = before.filter(({ spec }) => spec.nodeName === left)
      expect(moving.length).toBeGreaterThan(0)
      for (const { metadata } of moving) await kube.delete(`${paths.pods(ns)}/${metadata.name}`)
      for (const old of moving) {
        const now = await runningPod(kube, ns, old.metadata.name, old.metadata.uid)
        expect(now.spec.nodeName).toBe(reached)
        expect(now.metadata.annotations?.[ARGS]).toBe(old.metadata.annotations?.[ARGS] ?? '')
      }
      await kube.delete(`${paths.statefulSets(ns)}/db`)
      await storedBecomes(kube, `sts_${ns}_`, {})
    },
    LIMIT_MS,
  )

  test(
    'R21 a changed request keeps what still fits and releases what does not',
    async () => {
      const { kube } = stage
      const ns = await namespace('changed')
      const t = third('changed')
      const args = request([`${t}.10~${t}.19`], [`${t}.20~${t}.29`])
      await kube.create(
        paths.statefulSets(ns),
        statefulSet('db', { stage: 'changed', replicas: 1, policy: 'never', args }),
      )
      const before = await runningPod(kube, ns, 'db-0')
      expect(addressesOf(before)).toEqual([`${t}.10`, `${t}.20`])
      const changed = request([`${t}.10~${t}.19`], [`${t}.30~${t}.39`], [`${t}.40`])
      const template = { metadata: { annotations: { [ARGS]: changed } } }
      await kube.patch(`${paths.statefulSets(ns)}/db`, { spec: { template } })
      const after = await runningPod(kube, ns, 'db-0', before.metadata.uid)
      expect(addressesOf(after)).toEqual([`${t}.10`, `${t}.30`, `${t}.40`])
      const key = `sts_${ns}_db_db-0`
      await storedBecomes(kube, key, { [`${t}.10`]: key, [`${t}.30`]: key, [`${t}.40`]: key })
    },
    LIMIT_MS,
  )

  test(
    'what cannot be is refused with the element that is wrong',
    async () => {
      const { kube } = stage
      const ns = await namespace('wrong')
      const t = third('wide')
      const wrong: [string, string, string][] = [
        ['not-json', '{"request_ip_range":', 'is not JSON'],
        ['no-range', request([`${t}.10`], ['ten']), 'request_ip_range[1][0]'],
        [
          'outside',
          request([`${t}.10`], ['192.0.2.1~192.0.2.9']),
          'request_ip_range[1] (192.0.2.1~192.0.2.9) has no address of the configuration',
        ],
        ['too-many', request(...Array.from({ length: 65 }, (_, i) => [`${t}.${i + 10}`])), 'at most 64'],
      ]
      for (const [name, args] of wrong) await kube.create(paths.pods(ns), pod(name, { stage: 'wide', args }))
      for (const [name, , text] of wrong) await said(kube, ns, `${name} is refused`, text)
      expect(await storedUnder(kube, `NULL_${ns}_`)).toEqual([])
    },
    LIMIT_MS,
  )

  test(
    'a Deployment with policy immutable or never may not ask for ranges; with none it may',
    async () => {
      const { kube } = stage
      const ns = await namespace('deployments')
      const t = third('wide')
      const args = request([`${t}.100~${t}.109`], [`${t}.110~${t}.119`])
      for (const policy of ['immutable', 'never']) {
        await kube.create(paths.deployments(ns), deployment(policy, { stage: 'wide', replicas: 1, policy, args }))
        const text = `request_ip_range is not supported for a Deployment with policy ${policy}`
        await said(kube, ns, `${policy} is refused`, text)
      }
      await kube.create(paths.deployments(ns), deployment('plain', { stage: 'wide', replicas: 2, args }))
      const all = (await runningPods(kube, ns, 'plain', 2)).flatMap(addressesOf)
      expect(new Set(all).size).toBe(4)
    },
    LIMIT_MS,
  )
})
