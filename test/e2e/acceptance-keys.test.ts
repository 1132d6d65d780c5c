/** Owns the proof of what is stored and told of an address, to the letter, for each kind of owner. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { HASH, type Hand, type HandOptions, ownedByDeployment, ownedBySet, startHand } from './harness/by-hand.ts'
import { kind } from './harness/cluster.ts'
import { eventually } from './harness/kube.ts'
import { ARGS, deployment, type Pod, paths, statefulSet } from './harness/objects.ts'
import { STAGE_LIMIT_MS, type Stage } from './harness/stage.ts'

const LIMIT_MS = 120_000
/** From the deletion of a pod to its address being free, seen from both ports. */
const FREED_WITHIN_MS = 2_000
let stage: Stage
let hand: Hand

beforeAll(async () => {
  ;({ stage, hand } = await startHand([{ name: 'any', nodes: 2 }], ['ns1']))
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), LIMIT_MS)

interface Row {
  readonly what: string
  readonly pod: string
  readonly options: HandOptions
  readonly key: string
  readonly policy: 0 | 1 | 2
  /** Of the API's item; empty fields are left out. */
  readonly item: object
  /** The key once the pod is gone; null: the address is free. */
  readonly kept: string | null
  readonly keptItem?: object
}

const custom = (kind: string, name: string) => ({ apiVersion: 'apps.example.com/v1', kind, name })

const ROWS: readonly Row[] = [
  {
    what: 'a StatefulSet’s pod',
    pod: 'sts-0',
    options: { owner: ownedBySet('sts') },
    key: 'sts_ns1_sts_sts-0',
    policy: 0,
    item: { namespace: 'ns1', appName: 'sts', podName: 'sts-0', policy: 0, appType: 'statefulset' },
    kept: null,
  },
  {
    what: 'a Deployment’s pod',
    pod: 'dp-69fd8dbc5c-abcde',
    options: { owner: ownedByDeployment('dp'), labels: HASH },
    key: 'dp_ns1_dp_dp-69fd8dbc5c-abcde',
    policy: 0,
    item: { namespace: 'ns1', appName: 'dp', podName: 'dp-69fd8dbc5c-abcde', policy: 0, appType: 'deployment' },
    kept: null,
  },
  {
    what: 'a pod of a Deployment whose name has dashes',
    pod: 'my-dp-x-69fd8dbc5c-zzzzz',
    options: { owner: ownedByDeployment('my-dp-x'), labels: HASH },
    key: 'dp_ns1_my-dp-x_my-dp-x-69fd8dbc5c-zzzzz',
    policy: 0,
    item: { namespace: 'ns1', appName: 'my-dp-x', policy: 0, appType: 'deployment' },
    kept: null,
  },
  {
    what: 'a pod of a ReplicaSet of its own',
    pod: 'alone-1-abcde',
    options: { owner: { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'alone-1' } },
    key: 'replicaset_ns1_alone-1_alone-1-abcde',
    policy: 0,
    item: { namespace: 'ns1', appName: 'alone-1', podName: 'alone-1-abcde', policy: 0, appType: 'replicaset' },
    kept: null,
  },
  {
    what: 'a TApp’s pod, policy never',
    pod: 'tapp-3',
    options: { owner: custom('TApp', 'tapp'), policy: 'never' },
    key: 'tapp_ns1_tapp_tapp-3',
    policy: 2,
    item: { namespace: 'ns1', appName: 'tapp', podName: 'tapp-3', policy: 2, appType: 'tapp' },
    kept: 'tapp_ns1_tapp_tapp-3',
  },
  {
    what: 'a Job’s pod',
    pod: 'job-x7k2p',
    options: { owner: { apiVersion: 'batch/v1', kind: 'Job', name: 'job' } },
    key: 'job_ns1_job_job-x7k2p',
    policy: 0,
    item: { namespace: 'ns1', appName: 'job', podName: 'job-x7k2p', policy: 0, appType: 'job' },
    kept: null,
  },
  {
    what: 'a DaemonSet’s pod, of a kind in capitals',
    pod: 'ds-abcde',
    options: { owner: { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'ds' } },
    key: 'daemonset_ns1_ds_ds-abcde',
    policy: 0,
    item: { appName: 'ds', appType: 'daemonset', policy: 0 },
    kept: null,
  },
  {
    what: 'a pod without owner',
    pod: 'bare',
    options: {},
    key: 'NULL_ns1_NULL_bare',
    policy: 0,
    item: { namespace: 'ns1', podName: 'bare', policy: 0 },
    kept: null,
  },
  {
    what: 'a pod whose release-policy is empty',
    pod: 'empty',
    options: { policy: '' },
    key: 'NULL_ns1_NULL_empty',
    policy: 0,
    item: { policy: 0 },
    kept: null,
  },
  {
    what: 'a pod whose release-policy is unknown',
    pod: 'sometimes',
    options: { policy: 'sometimes' },
    key: 'NULL_ns1_NULL_sometimes',
    policy: 0,
    item: { policy: 0 },
    kept: null,
  },
  {
    what: 'a numbered pod without owner, policy never',
    pod: 'bare-7',
    options: { policy: 'never' },
    key: 'NULL_ns1_NULL_bare-7',
    policy: 2,
    item: { podName: 'bare-7', policy: 2 },
    kept: 'NULL_ns1_NULL_bare-7',
  },
  {
    what: 'a StatefulSet’s pod, policy never, the StatefulSet not there',
    pod: 'ever-0',
    options: { owner: ownedBySet('ever'), policy: 'never' },
    key: 'sts_ns1_ever_ever-0',
    policy: 2,
    item: { appType: 'statefulset', podName: 'ever-0', policy: 2 },
    kept: 'sts_ns1_ever_ever-0',
  },
  {
    what: 'a StatefulSet’s pod, policy immutable, within its replicas',
    pod: 'fix-1',
    options: { owner: ownedBySet('fix'), policy: 'immutable' },
    key: 'sts_ns1_fix_fix-1',
    policy: 1,
    item: { appType: 'statefulset', podName: 'fix-1', policy: 1 },
    kept: 'sts_ns1_fix_fix-1',
  },
  {
    what: '… beyond its replicas',
    pod: 'fix-5',
    options: { owner: ownedBySet('fix'), policy: 'immutable' },
    key: 'sts_ns1_fix_fix-5',
    policy: 1,
    item: { podName: 'fix-5', policy: 1 },
    kept: null,
  },
  {
    what: '… of one that is not there',
    pod: 'gone-0',
    options: { owner: ownedBySet('gone'), policy: 'immutable' },
    key: 'sts_ns1_gone_gone-0',
    policy: 1,
    item: { podName: 'gone-0', policy: 1 },
    kept: null,
  },
  {
    what: 'a Deployment’s pod, policy immutable',
    pod: 'web-69fd8dbc5c-aaaaa',
    options: { owner: ownedByDeployment('web'), labels: HASH, policy: 'immutable' },
    key: 'dp_ns1_web_web-69fd8dbc5c-aaaaa',
    policy: 1,
    item: { appName: 'web', appType: 'deployment', policy: 1 },
    kept: 'dp_ns1_web_',
    keptItem: { namespace: 'ns1', appName: 'web', appType: 'deployment', policy: 1, status: 'Deleted' },
  },
  {
    what: 'a Deployment’s pod, policy never',
    pod: 'api-69fd8dbc5c-aaaaa',
    options: { owner: ownedByDeployment('api'), labels: HASH, policy: 'never' },
    key: 'dp_ns1_api_api-69fd8dbc5c-aaaaa',
    policy: 2,
    item: { appName: 'api', appType: 'deployment', policy: 2 },
    kept: 'dp_ns1_api_',
    keptItem: { namespace: 'ns1', appName: 'api', appType: 'deployment', policy: 2, status: 'Deleted' },
  },
  {
    what: 'a Deployment’s pod in a pool: never, whatever release-policy says',
    pod: 'web-69fd8dbc5c-ppppp',
    options: { owner: ownedByDeployment('web'), labels: HASH, pool: 'sample-pool', policy: 'immutable' },
    key: 'pool__sample-pool_dp_ns1_web_web-69fd8dbc5c-ppppp',
    policy: 2,
    item: { poolName: 'sample-pool', appName: 'web', appType: 'deployment', policy: 2 },
    kept: 'pool__sample-pool_',
    keptItem: { poolName: 'sample-pool', policy: 2, status: 'Deleted' },
  },
  {
    what: 'a StatefulSet’s pod in a pool',
    pod: 'pooled-0',
    options: { owner: ownedBySet('pooled'), pool: 'sts-pool' },
    key: 'pool__sts-pool_sts_ns1_pooled_pooled-0',
    policy: 2,
    item: { poolName: 'sts-pool', appName: 'pooled', podName: 'pooled-0', appType: 'statefulset', policy: 2 },
    kept: 'pool__sts-pool_sts_ns1_pooled_pooled-0',
  },
]

test(
  'the workloads that the rows name',
  async () => {
    await stage.kube.create(paths.statefulSets('ns1'), statefulSet('fix', { stage: 'any', replicas: 2 }))
    for (const name of ['web', 'api']) {
      await stage.kube.create(paths.deployments('ns1'), deployment(name, { stage: 'any', replicas: 2 }))
    }
  },
  LIMIT_MS,
)

describe.skipIf(kind === 'demo')('an address of', () => {
  test.each(ROWS.map(row => [row.what, row] as const))(
    '%s',
    async (_, row) => {
      const made = await hand.pod('ns1', row.pod, row.options)
      const began = Date.now()
      const [address = '', ...more] = await hand.place(made, ['any-0'])
      expect(more).toEqual([])
      const bound = await stage.kube.get<Pod>(`${paths.pods('ns1')}/${row.pod}`)
      expect(bound.spec.nodeName).toBe('any-0')
      const ipinfos = [{ ip: `${address}/22`, vlan: 0, gateway: '10.50.0.1' }]
      expect(bound.metadata.annotations?.[ARGS]).toBe(JSON.stringify({ common: { ipinfos } }))
      // Before the Binding, so at once.
      const object = await hand.stored(address)
      expect(object).toMatchObject({
        apiVersion: 'galaxy.k8s.io/v1alpha1',
        kind: 'FloatingIP',
        metadata: { name: address, labels: { ipType: 'internalIP' } },
        spec: { key: row.key, policy: row.policy, attribute: `{"NodeName":"any-0","Uid":"${made.metadata.uid}"}` },
      })
      const time = object?.spec.updateTime ?? ''
      expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/)
      expect(Math.abs(Date.parse(time) - began)).toBeLessThan(30_000)
      const { content } = await hand.list(`keyword=${row.key}`)
      expect(content).toHaveLength(1)
      expect(content[0]).toMatchObject({ ip: address, ...row.item })
      expect(content[0]?.releasable).toBeUndefined()
      expect(['Pending', 'Running']).toContain(content[0]?.status ?? '')

      await hand.remove(made)
      const removed = performance.now()
      const attribute = '{"NodeName":"","Uid":""}'
      const expected = row.kept === null ? null : { key: row.kept, policy: row.policy, attribute }
      let last: unknown
      await eventually(`${address} is with ${row.kept}`, async () => {
        const spec = (await hand.stored(address))?.spec
        last = spec === undefined ? null : { key: spec.key, policy: spec.policy, attribute: spec.attribute }
        return Bun.deepEquals(last, expected)
      }).catch(() => expect(last).toEqual(expected))
      expect(performance.now() - removed).toBeLessThan(FREED_WITHIN_MS)
      if (row.kept === null) return expect((await hand.list(`keyword=${row.key}`)).totalElements).toBe(0)
      const left = (await hand.list(`keyword=${row.kept}`)).content.find(({ ip }) => ip === address)
      expect(left).toMatchObject({ ...(row.keptItem ?? row.item), status: 'Deleted', releasable: true })
      if (row.keptItem !== undefined) expect(left?.podName).toBeUndefined()
    },
    LIMIT_MS,
  )
})
