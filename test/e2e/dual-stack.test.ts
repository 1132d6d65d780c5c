/** Owns the proof of IPv6 and dual stack on a living cluster: one request over both families, kept in order, stored, listed and released like IPv4. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  addressesOf,
  ipInfosOf,
  runningPod,
  runningPods,
  said,
  storedBecomes,
  storedUnder,
} from './harness/addresses.ts'
import { rewrite } from './harness/config-map.ts'
import { ENTRIES, NODES, objectName } from './harness/dual-stack.ts'
import { eventually, type KubeObject } from './harness/kube.ts'
import { kubectl } from './harness/kubectl.ts'
import { ARGS, type FloatingIp, type Pod, paths, pod, statefulSet } from './harness/objects.ts'
import { cordon, createNamespace, createNode, STAGE_LIMIT_MS, type Stage, startStage } from './harness/stage.ts'

const LIMIT_MS = 120_000
let stage: Stage

beforeAll(async () => {
  stage = await startStage([{ name: 'plain', nodes: 1 }])
  const { kube } = stage
  await rewrite(kube, entries => [...entries, ...ENTRIES])
  for (const [name, addresses, label] of NODES) await createNode(kube, name, addresses, label)
  await eventually('it is in force', async () => (await api<{ entries: number }>('/v1/config')).entries === 7)
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), LIMIT_MS)

const namespace = (name: string) => createNamespace(stage.kube, name, stage.cluster.kind)
const request = (...lists: string[][]) => JSON.stringify({ request_ip_range: lists })
const BOTH = request(['10.61.0.10~10.61.0.19'], ['2001:db8:61::/64'])
const SIX_FIRST = request(['2001:db8:61::20-2001:db8:61::2f'], ['10.61.0.20~10.61.0.29'])

async function api<T>(path: string, body?: object): Promise<T> {
  const init =
    body === undefined
      ? {}
      : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  return (await (await fetch(`${stage.floatip.apiUrl}${path}`, init)).json()) as T
}

const isSix = (address: string) => address.includes(':')

describe.concurrent('one IPv4 and one IPv6 address in one request', () => {
  test(
    'are written to the pod in the order of the request, each with the mask, gateway and VLAN of its entry',
    async () => {
      const { kube } = stage
      const ns = await namespace('order')
      await kube.create(paths.pods(ns), pod('four-first', { stage: 'both', args: BOTH }))
      await kube.create(
        paths.pods(ns),
        pod('six-first', {
          stage: 'both',
          args: request(['2001:db8:61::30-2001:db8:61::3f'], ['10.61.0.30~10.61.0.39']),
        }),
      )
      const [four, six] = [await runningPod(kube, ns, 'four-first'), await runningPod(kube, ns, 'six-first')]
      expect(ipInfosOf(four)).toEqual([
        { ip: expect.stringMatching(/^10\.61\.0\.\d+\/24$/), vlan: 4, gateway: '10.61.0.1' },
        { ip: expect.stringMatching(/^2001:db8:61::[0-9a-f]+\/64$/), vlan: 6, gateway: '2001:db8:61::1' },
      ])
      expect(ipInfosOf(six)).toEqual([
        { ip: '2001:db8:61::30/64', vlan: 6, gateway: '2001:db8:61::1' },
        { ip: '10.61.0.30/24', vlan: 4, gateway: '10.61.0.1' },
      ])
    },
    LIMIT_MS,
  )

  test(
    'are two objects, named so that Kubernetes takes them; kubectl shows both',
    async () => {
      const { kube } = stage
      const ns = await namespace('objects')
      await kube.create(paths.pods(ns), pod('p', { stage: 'both', args: BOTH }))
      const running = await runningPod(kube, ns, 'p')
      const names = addressesOf(running).map(objectName)
      expect(names[1]).toMatch(/^2001-0db8-0061-0000-0000-0000-0000-00[0-9a-f]{2}$/)
      for (const name of names) {
        const { spec } = await kube.get<FloatingIp>(`${paths.floatingIps}/${name}`)
        expect(spec.key).toBe(`NULL_${ns}_NULL_p`)
        expect(JSON.parse(spec.attribute)).toMatchObject({ NodeName: running.spec.nodeName, Uid: running.metadata.uid })
      }
      if (stage.cluster.kind !== 'control-plane') return
      const shown = await kubectl(stage.cluster.adminKubeconfig, ['get', 'fip', ...names])
      for (const name of names) expect(shown).toContain(name)
    },
    LIMIT_MS,
  )

  test(
    'come back both, in order, when the pod moves to another node',
    async () => {
      const { kube } = stage
      const ns = await namespace('moved')
      await kube.create(
        paths.statefulSets(ns),
        statefulSet('db', { stage: 'both', replicas: 2, policy: 'immutable', args: SIX_FIRST }),
      )
      const before = await runningPods(kube, ns, 'db', 2)
      for (const each of before) expect(addressesOf(each).map(isSix)).toEqual([true, false])
      const moving = before[0] as Pod
      const left = moving.spec.nodeName ?? ''
      await cordon(kube, left)
      await kube.delete(`${paths.pods(ns)}/${moving.metadata.name}`)
      const now = await runningPod(kube, ns, moving.metadata.name, moving.metadata.uid)
      expect(now.spec.nodeName).not.toBe(left)
      expect(now.metadata.annotations?.[ARGS]).toBe(moving.metadata.annotations?.[ARGS] ?? 'none')
      await cordon(kube, left, false)
      await kube.delete(`${paths.statefulSets(ns)}/db`)
      await eventually('all are released', async () => (await storedUnder(kube, `sts_${ns}_`)).length === 0)
    },
    LIMIT_MS,
  )

  test(
    'on nodes that can have one of them only, the pod is refused and takes nothing',
    async () => {
      const { kube } = stage
      const ns = await namespace('one-family')
      const args = request(['10.61.0.0/24', '10.61.1.0/24'], ['2001:db8:61::/64', '2001:db8:62::/64'])
      for (const label of ['four', 'six']) await kube.create(paths.pods(ns), pod(`on-${label}`, { stage: label, args }))
      await said(
        kube,
        ns,
        'IPv4 alone is not enough',
        'no free address for the requested ranges for nodes in 10.60.1.0/24',
      )
      await said(
        kube,
        ns,
        'IPv6 alone is not enough',
        'no free address for the requested ranges for nodes in fd60:0:0:1::/64',
      )
      expect(await storedUnder(kube, `NULL_${ns}_`)).toEqual([])
      await kube.create(paths.pods(ns), pod('on-both', { stage: 'both', args }))
      expect(addressesOf(await runningPod(kube, ns, 'on-both')).map(isSix)).toEqual([false, true])
    },
    LIMIT_MS,
  )

  test(
    'on nodes that have IPv4 only, where both entries name their subnet',
    async () => {
      const { kube } = stage
      const ns = await namespace('mixed')
      const args = request(['10.61.2.0/24'], ['2001:db8:63::/64'])
      await kube.create(paths.pods(ns), pod('p', { stage: 'mixed', args }))
      expect(addressesOf(await runningPod(kube, ns, 'p'))).toEqual(['10.61.2.10', '2001:db8:63::10'])
    },
    LIMIT_MS,
  )
})

test(
  'a pod that asks for nothing in particular has one address: IPv4 where there is one, else IPv6',
  async () => {
    const { kube } = stage
    const ns = await namespace('plain')
    for (const label of ['both', 'four', 'six', 'mixed'])
      await kube.create(paths.pods(ns), pod(`on-${label}`, { stage: label }))
    const families: Record<string, boolean[]> = {}
    for (const label of ['both', 'four', 'six', 'mixed'])
      families[label] = addressesOf(await runningPod(kube, ns, `on-${label}`)).map(isSix)
    expect(families).toEqual({ both: [false], four: [false], six: [true], mixed: [false] })
  },
  LIMIT_MS,
)

test(
  'the API shows, sorts, finds and releases IPv6 addresses, in whatever form they are written',
  async () => {
    const { kube } = stage
    const ns = await namespace('listed')
    const args = request(['2001:db8:61::a0-2001:db8:61::af'], ['10.61.0.90~10.61.0.94'])
    await kube.create(paths.statefulSets(ns), statefulSet('web', { stage: 'both', replicas: 3, policy: 'never', args }))
    await runningPods(kube, ns, 'web', 3)
    interface Item {
      readonly ip: string
      readonly podName: string
      readonly status: string
    }
    const list = async (query: string) => (await api<{ content: Item[] }>(`/v1/ip?${query}`)).content
    expect((await list(`namespace=${ns}&sort=ip%20asc`)).map(({ ip }) => ip)).toEqual([
      ...['10.61.0.90', '10.61.0.91', '10.61.0.92'],
      ...['2001:db8:61::a0', '2001:db8:61::a1', '2001:db8:61::a2'],
    ])
    const ofPod = await list(`namespace=${ns}&podName=web-0&appName=web`)
    expect(ofPod.map(({ ip, status }) => [isSix(ip), status])).toEqual([
      [false, 'Running'],
      [true, 'Running'],
    ])
    const [, six = { ip: '' }] = ofPod
    for (const form of [six.ip, six.ip.toUpperCase(), objectName(six.ip).replaceAll('-', ':')])
      expect(await api<Item>(`/v1/ip/${encodeURIComponent(form)}`)).toMatchObject({ ip: six.ip })

    await kube.delete(`${paths.statefulSets(ns)}/web`)
    await eventually('they are kept', async () =>
      (await list(`namespace=${ns}`)).every(({ status }) => status === 'Deleted'),
    )
    const item = { appName: 'web', appType: 'statefulset', podName: 'web-0', namespace: ns }
    const ips = [{ ...item, ip: objectName(six.ip).replaceAll('-', ':') }]
    expect(await api<object>('/v1/ip', { ips })).toEqual({ code: 200, message: '' })
    await eventually(
      'its object is gone',
      async () => (await kube.find(`${paths.floatingIps}/${objectName(six.ip)}`)) === null,
    )
    expect((await list(`namespace=${ns}`)).length).toBe(5)
  },
  LIMIT_MS,
)

test(
  'an administrator reserves an IPv6 address by an object of its name; nobody gets it until that is deleted',
  async () => {
    const { kube } = stage
    const ns = await namespace('reserved')
    const name = objectName('2001:db8:61::e0')
    const spec = { key: '', policy: 0, attribute: '{}', updateTime: new Date().toISOString() }
    await kube.create(paths.floatingIps, {
      ...{ apiVersion: 'galaxy.k8s.io/v1alpha1', kind: 'FloatingIP', metadata: { name, labels: { reserved: '' } } },
      spec,
    } as KubeObject)
    await eventually('it is out of circulation', async () =>
      (await api<{ content: { id: string }[] }>('/v1/reservations?size=100')).content.some(
        ({ id }) => id === '2001:db8:61::e0',
      ),
    )
    await kube.create(paths.pods(ns), pod('p', { stage: 'both', args: request(['2001:db8:61::e0']) }))
    await said(kube, ns, 'it waits', 'NoFIPLeft')
    await kube.delete(`${paths.floatingIps}/${name}`)
    expect(addressesOf(await runningPod(kube, ns, 'p'))).toEqual(['2001:db8:61::e0'])
  },
  LIMIT_MS,
)

test(
  'killed, the ledger lost: the objects and the pods bring both families back, and a pod made again has its own',
  async () => {
    const { kube, floatip } = stage
    const ns = await namespace('lost')
    const args = request(['10.61.0.50~10.61.0.59'], ['2001:db8:61::50-2001:db8:61::59'])
    await kube.create(
      paths.statefulSets(ns),
      statefulSet('db', { stage: 'both', replicas: 2, policy: 'immutable', args }),
    )
    const before = await runningPods(kube, ns, 'db', 2)
    const stored = Object.fromEntries((await storedUnder(kube, `sts_${ns}_`)).map(each => [each.address, each.key]))
    await floatip.kill()
    await floatip.restart({ emptied: true })
    await storedBecomes(kube, `sts_${ns}_`, stored)
    const old = before[0] as Pod
    await kube.delete(`${paths.pods(ns)}/${old.metadata.name}`)
    const now = await runningPod(kube, ns, old.metadata.name, old.metadata.uid)
    expect(addressesOf(now)).toEqual(addressesOf(old))
  },
  LIMIT_MS,
)
