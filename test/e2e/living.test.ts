/** Owns the proof that floatip follows the living cluster: pools, a changed configuration, and what others do to its objects. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { addressesOf, runningPod, runningPods, said, storedUnder } from './harness/addresses.ts'
import { write, written } from './harness/config-map.ts'
import { eventually, type KubeObject } from './harness/kube.ts'
import { deployment, type FloatingIp, paths, pod, type Workload } from './harness/objects.ts'
import { createNamespace, STAGE_LIMIT_MS, type Stage, startStage } from './harness/stage.ts'

const LIMIT_MS = 120_000
const POOL = 'tke.cloud.tencent.com/eni-ip-pool'
let stage: Stage

beforeAll(async () => {
  stage = await startStage([
    { name: 'pool', nodes: 2 },
    { name: 'small', nodes: 1, ips: third => [`${third}.2`] },
    { name: 'edits', nodes: 1 },
  ])
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), LIMIT_MS)

const namespace = (name: string) => createNamespace(stage.kube, name, stage.cluster.kind)
const api = async (method: string, path: string, body?: object) => {
  const init = body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
  const reply = await fetch(`${stage.floatip.apiUrl}${path}`, { method, ...init })
  return { status: reply.status, body: (await reply.json()) as Record<string, unknown> }
}

function inPool(name: string, replicas: number, pool: string): Workload {
  const made = deployment(name, { stage: 'pool', replicas })
  const { template } = made.spec
  const annotations = { ...template.metadata.annotations, [POOL]: pool }
  return { ...made, spec: { ...made.spec, template: { ...template, metadata: { ...template.metadata, annotations } } } }
}

const poolPath = (name: string) => `/apis/galaxy.k8s.io/v1alpha1/namespaces/kube-system/pools/${name}`

describe('named pools', () => {
  test(
    'allocated ahead over HTTP, shared by two Deployments one after the other, limited by the size',
    async () => {
      const { kube } = stage
      const ns = await namespace('pools')
      expect(await api('POST', '/v1/pool', { name: 'blue-green', size: 3, preAllocateIP: true })).toEqual({
        status: 200,
        body: { code: 200, message: '', realPoolSize: 3 },
      })
      const kept = await eventually('three objects are stored', async () => {
        const stored = await storedUnder(kube, 'pool__blue-green_')
        return stored.length === 3 && stored
      })
      const ahead = kept.map(({ address }) => address)

      await kube.create(paths.deployments(ns), inPool('blue', 3, 'blue-green'))
      const blue = await runningPods(kube, ns, 'blue', 3)
      expect(blue.flatMap(addressesOf).toSorted()).toEqual(ahead.toSorted())

      await kube.create(paths.deployments(ns), inPool('green', 1, 'blue-green'))
      await said(kube, ns, 'the fourth pod is refused', 'reached pool blue-green size limit of 3')
      await kube.patch(`${paths.deployments(ns)}/blue`, { spec: { replicas: 0 } })
      await kube.patch(`${paths.deployments(ns)}/green`, { spec: { replicas: 3 } })
      const green = await runningPods(kube, ns, 'green', 3)
      expect(green.flatMap(addressesOf).toSorted()).toEqual(ahead.toSorted())

      const status = await eventually('the pool tells its state', async () => {
        const pool = await kube.get<KubeObject & { status?: { allocated: number; inUse: number } }>(
          poolPath('blue-green'),
        )
        return pool.status?.inUse === 3 && pool.status
      })
      expect(status).toMatchObject({ size: 3, allocated: 3, inUse: 3 })
      expect((await api('GET', '/v1/pool/blue-green')).body.pool).toEqual({
        name: 'blue-green',
        size: 3,
        preAllocateIP: true,
      })
    },
    LIMIT_MS,
  )

  test(
    'made by kubectl in any namespace, without preAllocateIP, as the document prints it',
    async () => {
      const { kube } = stage
      const ns = await namespace('pool-by-kubectl')
      await kube.create(`/apis/galaxy.k8s.io/v1alpha1/namespaces/${ns}/pools`, {
        ...{ apiVersion: 'galaxy.k8s.io/v1alpha1', kind: 'Pool', metadata: { name: 'example-pool' }, size: 2 },
      } as KubeObject)
      await kube.create(paths.deployments(ns), inPool('app', 3, 'example-pool'))
      await said(kube, ns, 'the third pod is refused', 'reached pool example-pool size limit of 2')
      await kube.patch(`/apis/galaxy.k8s.io/v1alpha1/namespaces/${ns}/pools/example-pool`, { size: 3 })
      await runningPods(kube, ns, 'app', 3)
    },
    LIMIT_MS,
  )
})

describe('the configuration', () => {
  test(
    'a range added while running serves the pod that waited for it; an invalid value changes nothing',
    async () => {
      const { kube } = stage
      const ns = await namespace('reload')
      await kube.create(paths.pods(ns), pod('one', { stage: 'small' }))
      await runningPod(kube, ns, 'one')
      await kube.create(paths.pods(ns), pod('two', { stage: 'small' }))
      await said(kube, ns, 'the second pod waits', 'NoFIPLeft')
      const before = await written(kube)
      await write(kube, '[{')
      await eventually('an Event on the ConfigMap says so', async () => {
        const events = await kube.list<KubeObject & { message: string; involvedObject: { kind: string } }>(
          paths.events('kube-system'),
        )
        return events.some(
          ({ message, involvedObject }) => involvedObject.kind === 'ConfigMap' && message.includes('is not JSON'),
        )
      })
      expect((await fetch(`${stage.floatip.apiUrl}/readyz`)).status).toBe(200)

      const entry = stage.entry('small')
      const third = entry.gateway.replace(/\.1$/, '')
      const wider = (JSON.parse(before) as { gateway: string; ips: string[] }[]).map(each =>
        each.gateway === entry.gateway ? { ...each, ips: [`${third}.2~${third}.9`] } : each,
      )
      await write(kube, JSON.stringify(wider))
      const [address = ''] = addressesOf(await runningPod(kube, ns, 'two'))
      expect(address).toStartWith(third)
    },
    LIMIT_MS,
  )
})

describe('objects in other hands', () => {
  test(
    'an object that is deleted or edited comes back; its pod keeps its address',
    async () => {
      const { kube } = stage
      const ns = await namespace('edits')
      await kube.create(paths.pods(ns), pod('p', { stage: 'edits' }))
      const [address = ''] = addressesOf(await runningPod(kube, ns, 'p'))
      const object = `${paths.floatingIps}/${address}`
      const right = async () => (await kube.find<FloatingIp>(object))?.spec.key === `NULL_${ns}_NULL_p`
      expect(await right()).toBe(true)
      await kube.delete(object)
      await eventually('it is written again', right)
      await kube.patch(object, { spec: { key: 'dp_default_other_' } })
      await eventually('it is repaired', right)
    },
    LIMIT_MS,
  )

  test(
    'an address that an administrator reserves is given to nobody until the object is deleted',
    async () => {
      const { kube } = stage
      const ns = await namespace('reserved')
      const entry = stage.entry('edits')
      const third = entry.gateway.replace(/\.1$/, '')
      const [wanted, args] = [`${third}.77`, JSON.stringify({ request_ip_range: [[`${third}.77`]] })]
      const spec = { key: '', policy: 0, attribute: '{}', updateTime: new Date().toISOString() }
      await kube.create(paths.floatingIps, {
        ...{
          apiVersion: 'galaxy.k8s.io/v1alpha1',
          kind: 'FloatingIP',
          metadata: { name: wanted, labels: { reserved: '' } },
        },
        spec,
      } as KubeObject)
      await Bun.sleep(500)
      await kube.create(paths.pods(ns), pod('q', { stage: 'edits', args }))
      await said(kube, ns, 'it waits', 'NoFIPLeft')
      await kube.delete(`${paths.floatingIps}/${wanted}`)
      expect(addressesOf(await runningPod(kube, ns, 'q'))).toEqual([wanted])
    },
    LIMIT_MS,
  )
})

test(
  'a policy that does not exist is said on the pod, and the pod is served',
  async () => {
    const { kube } = stage
    const ns = await namespace('policy')
    await kube.create(paths.pods(ns), pod('p', { stage: 'edits', policy: 'forever' }))
    expect(addressesOf(await runningPod(kube, ns, 'p'))).toHaveLength(1)
    await eventually('a Warning on the pod', async () => {
      const events = await kube.list<KubeObject & { message: string; type: string }>(paths.events(ns))
      return events.some(({ message, type }) => type === 'Warning' && message.includes('the unknown value "forever"'))
    })
  },
  LIMIT_MS,
)
