/** Owns the proof of named pools beyond one Deployment: kubectl, namespaces, StatefulSets, renamed pools, deletion, shrinking. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { addressOf, addressSet, podsOf, runningPods, said, storedBecomes, storedUnder } from './harness/addresses.ts'
import { eventually, type KubeObject } from './harness/kube.ts'
import { kubectl } from './harness/kubectl.ts'
import { deployment, POOL, paths, pod, statefulSet } from './harness/objects.ts'
import { createNamespace, STAGE_LIMIT_MS, type Stage, startStage } from './harness/stage.ts'

const LIMIT_MS = 120_000
let stage: Stage

beforeAll(async () => {
  stage = await startStage([{ name: 'any', nodes: 3, ips: third => [`${third}.2~${third}.99`] }])
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), LIMIT_MS)

const namespace = (name: string) => createNamespace(stage.kube, name, stage.cluster.kind)

interface Pool extends KubeObject {
  readonly size: number
  readonly status?: {
    readonly observedGeneration?: number
    readonly size: number
    readonly allocated: number
    readonly inUse: number
    readonly conditions: readonly { readonly type: string; readonly status: string; readonly message: string }[]
  }
}

async function createPool(ns: string, name: string, more: object): Promise<void> {
  await stage.kube.create(paths.pools(ns), {
    ...{ apiVersion: 'galaxy.k8s.io/v1alpha1', kind: 'Pool', metadata: { name } },
    ...more,
  } as Pool)
}

async function statusBecomes(ns: string, name: string, counts: object, message: string): Promise<void> {
  let last: unknown
  await eventually(`pool ${name} says "${message}"`, async () => {
    const { status } = await stage.kube.get<Pool>(`${paths.pools(ns)}/${name}`)
    last = status
    const { conditions = [], observedGeneration: _, ...numbers } = status ?? {}
    return Bun.deepEquals(numbers, counts) && conditions.some(each => each.message === message)
  }).catch(error => {
    throw new Error(`${error.message}; it says ${JSON.stringify(last)}`)
  })
}

const inPool = (name: string, replicas: number, pool: string, policy?: string) =>
  deployment(name, { stage: 'any', replicas, pool, ...(policy !== undefined && { policy }) })

async function scale(ns: string, name: string, replicas: number): Promise<void> {
  await stage.kube.patch(`${paths.deployments(ns)}/${name}`, { spec: { replicas } })
}

/** Without kubectl’s own validation of the demo cluster, which publishes no schema. */
const apply = (yaml: string, ...more: string[]) =>
  kubectl(stage.cluster.adminKubeconfig, ['apply', ...more, '-f', '-'], yaml)

describe.concurrent('a pool', () => {
  test(
    'of the document’s example, applied by kubectl as printed, limits the pool to 4 addresses',
    async () => {
      const { kube, cluster } = stage
      const ns = await namespace('example')
      if (cluster.kind === 'control-plane') {
        await apply('apiVersion: galaxy.k8s.io/v1alpha1\nkind: Pool\nmetadata:\n  name: example-pool\nsize: 4\n')
      } else await createPool('default', 'example-pool', { size: 4 })
      await kube.create(paths.deployments(ns), inPool('web', 5, 'example-pool'))
      await said(kube, ns, 'the fifth pod is refused', 'reached pool example-pool size limit of 4')
      await statusBecomes(
        'default',
        'example-pool',
        { size: 4, allocated: 4, inUse: 4 },
        '4 of 4 addresses are allocated',
      )
      const running = async () => (await podsOf(kube, ns, 'web')).filter(({ status }) => status?.phase === 'Running')
      await eventually('four run', async () => (await running()).length === 4)
      expect(await running()).toHaveLength(4)
    },
    LIMIT_MS,
  )

  test(
    'is always policy never, whatever release-policy says: deleted Deployments leave their addresses in the pool',
    async () => {
      const { kube } = stage
      const ns = await namespace('always-never')
      await kube.create(paths.deployments(ns), inPool('web', 2, 'keeps', 'immutable'))
      const before = addressSet(await runningPods(kube, ns, 'web', 2))
      await kube.delete(`${paths.deployments(ns)}/web`)
      await storedBecomes(kube, 'pool__keeps_', Object.fromEntries(before.map(address => [address, 'pool__keeps_'])))
      await kube.create(paths.deployments(ns), inPool('other', 2, 'keeps'))
      expect(addressSet(await runningPods(kube, ns, 'other', 2))).toEqual(before)
    },
    LIMIT_MS,
  )

  test(
    'without a size grows as the replicas grow, and each Deployment is limited by its own',
    async () => {
      const { kube } = stage
      const ns = await namespace('grows')
      await kube.create(paths.deployments(ns), inPool('a', 1, 'unsized'))
      await kube.create(paths.deployments(ns), inPool('b', 1, 'unsized'))
      await runningPods(kube, ns, 'a', 1)
      await runningPods(kube, ns, 'b', 1)
      await scale(ns, 'a', 3)
      await runningPods(kube, ns, 'a', 3)
      await eventually('four are stored', async () => (await storedUnder(kube, 'pool__unsized_')).length === 4)
    },
    LIMIT_MS,
  )

  test(
    'is shared by Deployments of two namespaces, together within its size; what one leaves the other takes',
    async () => {
      const { kube } = stage
      const [one, two] = [await namespace('shared-one'), await namespace('shared-two')]
      await createPool('kube-system', 'shared', { size: 3, preAllocateIP: false })
      await kube.create(paths.deployments(one), inPool('web', 2, 'shared'))
      const first = addressSet(await runningPods(kube, one, 'web', 2))
      await kube.create(paths.deployments(two), inPool('web', 2, 'shared'))
      await said(kube, two, 'the fourth pod is refused', 'reached pool shared size limit of 3')
      await scale(one, 'web', 1)
      const second = addressSet(await runningPods(kube, two, 'web', 2))
      expect(second.filter(address => first.includes(address))).toHaveLength(1)
      const [left] = await runningPods(kube, one, 'web', 1)
      expect(left && first.includes(addressOf(left)) && !second.includes(addressOf(left))).toBe(true)
    },
    LIMIT_MS,
  )

  test(
    'holds StatefulSets: each pod keeps its own address in it, counted in the size while its pod is away',
    async () => {
      const { kube } = stage
      const ns = await namespace('sets')
      await createPool('kube-system', 'sets', { size: 2, preAllocateIP: false })
      await kube.create(paths.statefulSets(ns), statefulSet('db', { stage: 'any', replicas: 2, pool: 'sets' }))
      const before = await runningPods(kube, ns, 'db', 2)
      const keys = Object.fromEntries(before.map(p => [addressOf(p), `pool__sets_sts_${ns}_db_${p.metadata.name}`]))
      await storedBecomes(kube, 'pool__sets_', keys)
      await kube.delete(`${paths.statefulSets(ns)}/db`)
      await eventually('its pods are gone', async () => (await podsOf(kube, ns, 'db')).length === 0)
      await storedBecomes(kube, 'pool__sets_', keys)
      await kube.create(paths.pods(ns), pod('stranger', { stage: 'any', pool: 'sets' }))
      await said(kube, ns, 'another pod is refused', 'reached pool sets size limit of 2')
      await kube.create(paths.statefulSets(ns), statefulSet('db', { stage: 'any', replicas: 2, pool: 'sets' }))
      const after = await runningPods(kube, ns, 'db', 2)
      expect(Object.fromEntries(after.map(p => [addressOf(p), `pool__sets_sts_${ns}_db_${p.metadata.name}`]))).toEqual(
        keys,
      )
    },
    LIMIT_MS,
  )

  test(
    'changed for another on a Deployment: the new pods take from the new one, the old addresses stay in the old one',
    async () => {
      const { kube } = stage
      const ns = await namespace('renamed')
      await kube.create(paths.deployments(ns), inPool('web', 2, 'before'))
      const before = addressSet(await runningPods(kube, ns, 'web', 2))
      const template = { metadata: { annotations: { [POOL]: 'after' } } }
      await kube.patch(`${paths.deployments(ns)}/web`, { spec: { template } })
      await storedBecomes(kube, 'pool__before_', Object.fromEntries(before.map(address => [address, 'pool__before_'])))
      const after = await runningPods(kube, ns, 'web', 2)
      const keys = Object.fromEntries(after.map(p => [addressOf(p), `pool__after_dp_${ns}_web_${p.metadata.name}`]))
      await storedBecomes(kube, 'pool__after_', keys)
      expect(addressSet(after).filter(address => before.includes(address))).toEqual([])
    },
    LIMIT_MS,
  )

  test(
    'shrunk below what is in use says what it waits for, and releases as soon as pods end',
    async () => {
      const { kube } = stage
      const ns = await namespace('shrinks')
      await createPool('kube-system', 'shrinks', { size: 4, preAllocateIP: true })
      await kube.create(paths.deployments(ns), inPool('web', 3, 'shrinks'))
      await runningPods(kube, ns, 'web', 3)
      await statusBecomes(
        'kube-system',
        'shrinks',
        { size: 4, allocated: 4, inUse: 3 },
        '4 of 4 addresses are allocated',
      )
      await kube.patch(`${paths.pools('kube-system')}/shrinks`, { size: 2 })
      const waits = '1 more addresses than its size are in use: waits for their pods to end'
      await statusBecomes('kube-system', 'shrinks', { size: 2, allocated: 3, inUse: 3 }, waits)
      await scale(ns, 'web', 1)
      await statusBecomes(
        'kube-system',
        'shrinks',
        { size: 2, allocated: 2, inUse: 1 },
        '2 of 2 addresses are allocated',
      )
    },
    LIMIT_MS,
  )

  test(
    'whose object is deleted, over HTTP or by kubectl, leaves its addresses and its size no longer counts',
    async () => {
      const { kube, floatip } = stage
      const ns = await namespace('deleted')
      await createPool('kube-system', 'deleted', { size: 2, preAllocateIP: true })
      await eventually('two are allocated ahead', async () => (await storedUnder(kube, 'pool__deleted_')).length === 2)
      const gone = await fetch(`${floatip.apiUrl}/v1/pool/deleted`, { method: 'DELETE' })
      expect({ status: gone.status, body: await gone.json() }).toEqual({
        status: 200,
        body: { code: 200, message: '' },
      })
      const unknown = await fetch(`${floatip.apiUrl}/v1/pool/deleted`)
      expect(unknown.status).toBe(404)
      const ahead = (await storedUnder(kube, 'pool__deleted_')).map(({ address }) => address)
      expect(ahead).toHaveLength(2)
      await kube.create(paths.deployments(ns), inPool('web', 3, 'deleted'))
      const used = addressSet(await runningPods(kube, ns, 'web', 3))
      expect(used.filter(address => ahead.includes(address))).toHaveLength(2)
    },
    LIMIT_MS,
  )

  test(
    'of two objects of one name that of kube-system is in force; the other says that it is not',
    async () => {
      const { kube } = stage
      const ns = await namespace('twice')
      await createPool(ns, 'twice', { size: 9 })
      await createPool('kube-system', 'twice', { size: 1, preAllocateIP: false })
      await kube.create(paths.deployments(ns), inPool('web', 2, 'twice'))
      await said(kube, ns, 'the second pod is refused', 'reached pool twice size limit of 1')
      const counts = { size: 1, allocated: 1, inUse: 1 }
      await statusBecomes(ns, 'twice', counts, 'the pool of namespace kube-system is in force')
      await statusBecomes('kube-system', 'twice', counts, 'its size limits the pods of the pool')
    },
    LIMIT_MS,
  )
})

test(
  'a pool for which there are not enough addresses answers 202 and how many it got; grown by kubectl it asks again',
  async () => {
    const { kube, floatip } = stage
    const free = await freeAddresses()
    const reply = await fetch(`${floatip.apiUrl}/v1/pool`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'short', size: free + 1, preAllocateIP: true }),
    })
    const expected = { code: 202, message: 'No enough IPs', realPoolSize: free }
    expect({ status: reply.status, body: await reply.json() }).toEqual({ status: 202, body: expected })
    await kube.patch(`${paths.pools('kube-system')}/short`, { size: 2 })
    await eventually('two are left', async () => (await storedUnder(kube, 'pool__short_')).length === 2)
    await kube.patch(`${paths.pools('kube-system')}/short`, { size: 5 })
    await eventually('five are allocated ahead', async () => (await storedUnder(kube, 'pool__short_')).length === 5)
  },
  LIMIT_MS,
)

async function freeAddresses(): Promise<number> {
  const reply = await fetch(`${stage.floatip.apiUrl}/v1/ip?size=9999`)
  const { content } = (await reply.json()) as { content: { namespace?: string; poolName?: string }[] }
  return content.filter(item => item.namespace === undefined && item.poolName === undefined).length
}
