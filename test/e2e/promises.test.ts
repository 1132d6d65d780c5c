/** Owns the proof of the Float IP document's own sentences about release policies, several addresses and the API, with its very examples. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  addressesOf,
  addressOf,
  addressSet,
  finishPod,
  podsOf,
  runningPod,
  runningPods,
  storedBecomes,
  storedUnder,
} from './harness/addresses.ts'
import { kind } from './harness/cluster.ts'
import { eventually, type KubeObject } from './harness/kube.ts'
import { ARGS, deployment, paths, pod, statefulSet } from './harness/objects.ts'
import { cordon, createNamespace, STAGE_LIMIT_MS, type Stage, startStage } from './harness/stage.ts'

const LIMIT_MS = 120_000
/** What the demo cluster does not have: evictions, Jobs, finalizers, owners deleted without what they own. */
const onlyReal = test.skipIf(kind === 'demo')
/** The network of the document's examples. */
const network = { subnet: '10.0.0.0/24', gateway: '10.0.0.1', vlan: 0 }
let stage: Stage

beforeAll(async () => {
  stage = await startStage([
    { name: 'any', nodes: 3 },
    { name: 'drain', nodes: 2 },
    {
      name: 'ranges',
      nodes: 1,
      network,
      ips: () => ['10.0.0.2~10.0.0.30', '10.0.0.60~10.0.0.80', '10.0.0.200~10.0.0.238'],
    },
    { name: 'curl', nodes: 1, network, ips: () => ['10.0.0.112', '10.0.0.174'] },
  ])
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), LIMIT_MS)

const namespace = (name: string) => createNamespace(stage.kube, name, stage.cluster.kind)

describe.concurrent('Usage', () => {
  test(
    'the resource in one of the containers is enough: the pod gets an address',
    async () => {
      const { kube } = stage
      const ns = await namespace('usage')
      const asking = pod('two-containers', { stage: 'any' })
      const [main] = asking.spec.containers
      const containers = [{ name: 'first', image: 'none' }, ...(main === undefined ? [] : [main])]
      await kube.create(paths.pods(ns), { ...asking, spec: { ...asking.spec, containers } })
      expect(addressesOf(await runningPod(kube, ns, 'two-containers'))).toHaveLength(1)
    },
    LIMIT_MS,
  )
})

describe.concurrent('Release Policy', () => {
  for (const [what, policy] of [
    ['not specified', undefined],
    ['empty', ''],
  ] as const) {
    test(
      `the annotation ${what}: released once the pod is deleted`,
      async () => {
        const { kube } = stage
        const ns = await namespace(`deleted-${what.slice(0, 3)}`)
        await kube.create(
          paths.statefulSets(ns),
          statefulSet('db', { stage: 'any', replicas: 1, ...(policy === '' && { policy }) }),
        )
        await runningPod(kube, ns, 'db-0')
        await kube.delete(`${paths.statefulSets(ns)}/db`)
        await storedBecomes(kube, `sts_${ns}_`, {})
      },
      LIMIT_MS,
    )
  }

  test(
    'the annotation not specified: released once the pod is finished, though its object stays',
    async () => {
      const { kube } = stage
      const ns = await namespace('finished')
      for (const phase of ['Succeeded', 'Failed'] as const) {
        const name = phase.toLowerCase()
        await kube.create(paths.pods(ns), pod(name, { stage: 'any' }))
        await runningPod(kube, ns, name)
        await finishPod(kube, ns, name, phase)
      }
      await storedBecomes(kube, `NULL_${ns}_`, {})
      expect(await kube.list(paths.pods(ns))).toHaveLength(2)
    },
    LIMIT_MS,
  )

  test(
    'immutable Deployment: kept while pods come and go, released when scaled down, released when deleted',
    async () => {
      const { kube } = stage
      const ns = await namespace('immutable-dp')
      await kube.create(paths.deployments(ns), deployment('web', { stage: 'any', replicas: 3, policy: 'immutable' }))
      const before = await runningPods(kube, ns, 'web', 3)
      for (const { metadata } of before) await kube.delete(`${paths.pods(ns)}/${metadata.name}`)
      const renewed = await eventually('three others run', async () => {
        const pods = await runningPods(kube, ns, 'web', 3)
        const old = new Set(before.map(({ metadata }) => metadata.uid))
        return pods.every(({ metadata }) => !old.has(metadata.uid)) && pods
      })
      expect(addressSet(renewed)).toEqual(addressSet(before))

      await kube.patch(`${paths.deployments(ns)}/web`, { spec: { replicas: 1 } })
      const [left] = await runningPods(kube, ns, 'web', 1)
      if (left === undefined) throw new Error('none is left')
      await storedBecomes(kube, `dp_${ns}_`, { [addressOf(left)]: `dp_${ns}_web_${left.metadata.name}` })
      await kube.delete(`${paths.deployments(ns)}/web`)
      await storedBecomes(kube, `dp_${ns}_`, {})
    },
    LIMIT_MS,
  )

  test(
    'immutable StatefulSet: released when deleted',
    async () => {
      const { kube } = stage
      const ns = await namespace('immutable-sts')
      await kube.create(paths.statefulSets(ns), statefulSet('db', { stage: 'any', replicas: 2, policy: 'immutable' }))
      await runningPods(kube, ns, 'db', 2)
      await kube.delete(`${paths.statefulSets(ns)}/db`)
      await storedBecomes(kube, `sts_${ns}_`, {})
    },
    LIMIT_MS,
  )

  onlyReal(
    'immutable: pods of a drained node float onto a new node with the previous IP',
    async () => {
      const { kube } = stage
      const ns = await namespace('drained')
      await kube.create(paths.statefulSets(ns), statefulSet('db', { stage: 'drain', replicas: 3, policy: 'immutable' }))
      await kube.create(paths.deployments(ns), deployment('web', { stage: 'drain', replicas: 3, policy: 'immutable' }))
      const before = [...(await runningPods(kube, ns, 'db', 3)), ...(await runningPods(kube, ns, 'web', 3))]
      await cordon(kube, 'drain-0')
      for (const { metadata, spec } of before) {
        if (spec.nodeName !== 'drain-0') continue
        await kube.create(`${paths.pods(ns)}/${metadata.name}/eviction`, {
          ...{ apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: metadata.name } },
        })
      }
      const after = await eventually('all run on the other node', async () => {
        const pods = [...(await runningPods(kube, ns, 'db', 3)), ...(await runningPods(kube, ns, 'web', 3))]
        return pods.every(({ spec }) => spec.nodeName === 'drain-1') && pods
      })
      for (const app of ['db', 'web']) {
        const of = (pods: typeof before) => addressSet(pods.filter(({ metadata }) => metadata.labels?.app === app))
        expect(of(after)).toEqual(of(before))
      }
      const byName = (pods: typeof before) =>
        Object.fromEntries(pods.filter(p => p.metadata.labels?.app === 'db').map(p => [p.metadata.name, addressOf(p)]))
      expect(byName(after)).toEqual(byName(before))
    },
    LIMIT_MS,
  )

  test(
    'never: a StatefulSet deleted and submitted again under the same name reuses each address',
    async () => {
      const { kube } = stage
      const ns = await namespace('never-sts')
      const make = () =>
        kube.create(paths.statefulSets(ns), statefulSet('db', { stage: 'any', replicas: 2, policy: 'never' }))
      await make()
      const before = Object.fromEntries(
        (await runningPods(kube, ns, 'db', 2)).map(p => [p.metadata.name, addressOf(p)]),
      )
      await kube.delete(`${paths.statefulSets(ns)}/db`)
      await eventually('its pods are gone', async () => (await podsOf(kube, ns, 'db')).length === 0)
      expect(await storedUnder(kube, `sts_${ns}_`)).toHaveLength(2)
      await make()
      const after = Object.fromEntries((await runningPods(kube, ns, 'db', 2)).map(p => [p.metadata.name, addressOf(p)]))
      expect(after).toEqual(before)
    },
    LIMIT_MS,
  )

  test(
    'never: a Deployment deleted and submitted again under the same name reuses its addresses',
    async () => {
      const { kube } = stage
      const ns = await namespace('never-dp')
      const make = () =>
        kube.create(paths.deployments(ns), deployment('web', { stage: 'any', replicas: 3, policy: 'never' }))
      await make()
      const before = addressSet(await runningPods(kube, ns, 'web', 3))
      await kube.delete(`${paths.deployments(ns)}/web`)
      await storedBecomes(kube, `dp_${ns}_`, Object.fromEntries(before.map(address => [address, `dp_${ns}_web_`])))
      await make()
      expect(addressSet(await runningPods(kube, ns, 'web', 3))).toEqual(before)
    },
    LIMIT_MS,
  )
})

describe.concurrent('Allocate multiple IPs', () => {
  test(
    'the annotation of the document gives three IPs, written back to it as the document prints it',
    async () => {
      const { kube } = stage
      const ns = await namespace('multiple')
      const args = '{"request_ip_range":[["10.0.0.200~10.0.0.238"],["10.0.0.2~10.0.0.30"],["10.0.0.60~10.0.0.80"]]}'
      await kube.create(paths.pods(ns), pod('three', { stage: 'ranges', args }))
      const { metadata } = await runningPod(kube, ns, 'three')
      const info = (ip: string) => ({ ip, vlan: 0, gateway: '10.0.0.1' })
      expect(JSON.parse(metadata.annotations?.[ARGS] ?? '')).toEqual({
        request_ip_range: [['10.0.0.200~10.0.0.238'], ['10.0.0.2~10.0.0.30'], ['10.0.0.60~10.0.0.80']],
        common: { ipinfos: ['10.0.0.200/24', '10.0.0.2/24', '10.0.0.60/24'].map(info) },
      })
    },
    LIMIT_MS,
  )
})

describe.concurrent('API examples', () => {
  test(
    '1. query ips allocated to a given statefulset, 2. release them: requests and answers of the document',
    async () => {
      const { kube, floatip } = stage
      const sets = paths.statefulSets('default')
      const account = '/api/v1/namespaces/default/serviceaccounts/default'
      if (kind === 'control-plane') await eventually('the default service account', () => kube.find(account))
      await kube.create(sets, { ...statefulSet('sts', { stage: 'curl', replicas: 2, policy: 'never' }) } as KubeObject)
      await runningPods(kube, 'default', 'sts', 2)
      await kube.delete(`${sets}/sts`)
      await eventually('its pods are gone', async () => (await podsOf(kube, 'default', 'sts')).length === 0)

      const query = `${floatip.apiUrl}/v1/ip?appName=sts&appType=statefulsets&namespace=default`
      const ask = async () =>
        (await (await fetch(query)).json()) as { content: { ip: string; podName: string; updateTime: string }[] }
      const listed = await eventually('both are deleted', async () => {
        const answer = await ask()
        return answer.content.every(item => (item as { status?: string }).status === 'Deleted') && answer
      })
      const whose = listed.content.map(({ podName }) => podName)
      const item = (ip: string, podName = '') => ({
        ...{ ip, namespace: 'default', appName: 'sts', podName, policy: 2, appType: 'statefulset' },
        ...{
          updateTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/),
          status: 'Deleted',
          releasable: true,
        },
      })
      expect(listed as unknown).toEqual({
        ...{ last: true, totalElements: 2, totalPages: 1, first: true, numberOfElements: 2, size: 10, number: 0 },
        content: [item('10.0.0.112', whose[0]), item('10.0.0.174', whose[1])],
      })
      expect(whose.toSorted()).toEqual(['sts-0', 'sts-1'])

      const ips = listed.content.map(({ ip, podName }) => ({
        ip,
        appName: 'sts',
        appType: 'statefulset',
        podName,
        namespace: 'default',
      }))
      const reply = await fetch(`${floatip.apiUrl}/v1/ip`, {
        method: 'POST',
        headers: { 'Content-type': 'application/json' },
        body: JSON.stringify({ ips }),
      })
      expect({ status: reply.status, body: await reply.json() }).toEqual({
        status: 200,
        body: { code: 200, message: '' },
      })
      expect((await ask()).content).toEqual([])
      await storedBecomes(kube, 'sts_default_sts_', {})
    },
    LIMIT_MS,
  )
})
