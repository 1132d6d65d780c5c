/** Owns the proof of a changing configuration on a living cluster: repaired, deleted, a range swapped under running pods. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  addressesOf,
  addressOf,
  addressSet,
  podsOf,
  runningPod,
  runningPods,
  said,
  storedBecomes,
  storedUnder,
} from './harness/addresses.ts'
import { type ConfigMap, MAP, setRanges, thirdOf, write, written } from './harness/config-map.ts'
import { eventually } from './harness/kube.ts'
import { deployment, paths, pod, statefulSet } from './harness/objects.ts'
import { createNamespace, STAGE_LIMIT_MS, type Stage, startStage } from './harness/stage.ts'

const LIMIT_MS = 120_000
let stage: Stage

// One entry for each scenario: they change the same ConfigMap, one after the other.
beforeAll(async () => {
  stage = await startStage([
    { name: 'swapped', nodes: 2, ips: third => [`${third}.10~${third}.19`] },
    { name: 'orphan', nodes: 1, ips: third => [`${third}.10~${third}.19`] },
    { name: 'still', nodes: 1 },
  ])
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), LIMIT_MS)

const namespace = (name: string) => createNamespace(stage.kube, name, stage.cluster.kind)

/** A pod of its own runs. */
async function serves(ns: string, name: string): Promise<void> {
  await stage.kube.create(paths.pods(ns), pod(name, { stage: 'still' }))
  expect(addressesOf(await runningPod(stage.kube, ns, name))).toHaveLength(1)
}

const eventOnMap = (text: string) => said(stage.kube, 'kube-system', `an Event says "${text}"`, text)

describe('a range is removed while it is in use', () => {
  test(
    'running pods keep their addresses as orphans; each replacement gets a new one, and a rollout goes through',
    async () => {
      const { kube } = stage
      const ns = await namespace('swapped')
      const t = thirdOf(stage, 'swapped')
      await kube.create(
        paths.deployments(ns),
        deployment('web', { stage: 'swapped', replicas: 3, policy: 'immutable' }),
      )
      await kube.create(
        paths.statefulSets(ns),
        statefulSet('db', { stage: 'swapped', replicas: 2, policy: 'immutable' }),
      )
      const before = [...(await runningPods(kube, ns, 'web', 3)), ...(await runningPods(kube, ns, 'db', 2))]
      await setRanges(stage, 'swapped', [`${t}.50~${t}.59`])
      await Bun.sleep(1500)
      const held = await storedUnder(kube, '')
      for (const address of addressSet(before)) expect(held.map(each => each.address)).toContain(address)
      expect(addressSet([...(await podsOf(kube, ns, 'web')), ...(await podsOf(kube, ns, 'db'))])).toEqual(
        addressSet(before),
      )

      for (const path of [`${paths.deployments(ns)}/web`, `${paths.statefulSets(ns)}/db`]) {
        await kube.patch(path, { spec: { template: { metadata: { labels: { rolled: 'out' } } } } })
      }
      const after = await eventually('all pods were replaced', async () => {
        const pods = [...(await runningPods(kube, ns, 'web', 3)), ...(await runningPods(kube, ns, 'db', 2))]
        return pods.every(({ metadata }) => metadata.labels?.rolled === 'out') && pods
      })
      const last = (address: string) => Number(address.split('.')[3])
      expect(
        addressSet(after)
          .map(last)
          .every(byte => byte >= 50 && byte <= 59),
      ).toBe(true)
      expect(new Set(addressSet(after)).size).toBe(5)
      const keys = Object.fromEntries(after.map(p => [addressOf(p), keyOf(ns, p.metadata)]))
      await eventually('the orphans are gone', async () => {
        const stored = [...(await storedUnder(kube, `dp_${ns}_`)), ...(await storedUnder(kube, `sts_${ns}_`))]
        return Bun.deepEquals(Object.fromEntries(stored.map(each => [each.address, each.key])), keys)
      })
    },
    LIMIT_MS,
  )

  test(
    'an orphan is handed to nobody while its pod lives, and is a free address again when the range comes back',
    async () => {
      const { kube } = stage
      const ns = await namespace('orphan')
      const t = thirdOf(stage, 'orphan')
      await kube.create(paths.pods(ns), pod('p', { stage: 'orphan' }))
      const address = addressOf(await runningPod(kube, ns, 'p'))
      await setRanges(stage, 'orphan', [`${t}.90`])
      const args = JSON.stringify({ request_ip_range: [[address]] })
      await kube.create(paths.pods(ns), pod('q', { stage: 'orphan', args }))
      await said(kube, ns, 'q waits', `request_ip_range[0] (${address}) has no address of the configuration`)
      await setRanges(stage, 'orphan', [`${t}.10~${t}.19`])
      await Bun.sleep(1000)
      await storedBecomes(kube, `NULL_${ns}_`, { [address]: `NULL_${ns}_NULL_p` })
      await kube.delete(`${paths.pods(ns)}/p`)
      expect(addressOf(await runningPod(kube, ns, 'q'))).toBe(address)
    },
    LIMIT_MS,
  )
})

function keyOf(ns: string, { name, labels }: { name: string; labels?: Readonly<Record<string, string>> }): string {
  return labels?.app === 'db' ? `sts_${ns}_db_${name}` : `dp_${ns}_web_${name}`
}

describe('a value that cannot be used', () => {
  for (const [what, value, because] of [
    ['not JSON', '[{', 'is not JSON'],
    ['an empty list', '[]', 'floatingips is empty'],
    ['empty', '', 'is not JSON'],
  ] as const) {
    test(
      `${what}: the last one stays in force, an Event on the ConfigMap says why, repaired it is in force`,
      async () => {
        const ns = await namespace(`invalid-${what.toLowerCase().replaceAll(' ', '-')}`)
        const before = await written(stage.kube)
        await write(stage.kube, value)
        await eventOnMap(because)
        await serves(ns, 'meanwhile')
        await write(stage.kube, before)
        await serves(ns, 'afterwards')
      },
      LIMIT_MS,
    )
  }

  test(
    'R29 the ConfigMap deleted: the last one stays in force, over a restart and on another machine too, until it is made again',
    async () => {
      const { kube, floatip } = stage
      const ns = await namespace('deleted')
      const before = await kube.get<ConfigMap>(MAP)
      await kube.delete(MAP)
      await eventOnMap('floatingip-config, key floatingips does not exist: create it with the address ranges')
      await serves(ns, 'meanwhile')
      await floatip.kill()
      await floatip.restart()
      await serves(ns, 'restarted')
      // As on another machine: the object remembers it.
      await floatip.kill()
      await floatip.restart({ emptied: true })
      await serves(ns, 'elsewhere')
      const { name } = before.metadata
      await kube.create(paths.configMaps('kube-system'), { ...before, metadata: { name } } as ConfigMap)
      const t = thirdOf(stage, 'orphan')
      await setRanges(stage, 'orphan', [`${t}.10~${t}.19`, `${t}.70`])
      const args = JSON.stringify({ request_ip_range: [[`${t}.70`]] })
      await kube.create(paths.pods(ns), pod('new-range', { stage: 'orphan', args }))
      expect(addressOf(await runningPod(kube, ns, 'new-range'))).toBe(`${t}.70`)
    },
    LIMIT_MS,
  )

  test(
    'missing at the start, and nobody remembers one: not ready, saying why, and serving within seconds of the repair',
    async () => {
      const { kube, floatip } = stage
      const ns = await namespace('missing')
      const before = await kube.get<ConfigMap>(MAP)
      await floatip.kill()
      await kube.delete(MAP)
      await kube.delete(`${MAP}-last-good`)
      const restarting = floatip.restart({ emptied: true })
      const why = await eventually('it says why it is not ready', async () => {
        const reply = await fetch(`${floatip.apiUrl}/readyz`)
        const text = await reply.text()
        return reply.status === 503 && text.includes('floatingip-config') && text
      })
      expect(why).toContain('does not exist: create it with the address ranges')
      const { name } = before.metadata
      await kube.create(paths.configMaps('kube-system'), { ...before, metadata: { name } } as ConfigMap)
      const began = performance.now()
      await restarting
      expect(performance.now() - began).toBeLessThan(5_000)
      await serves(ns, 'repaired')
    },
    LIMIT_MS,
  )
})
