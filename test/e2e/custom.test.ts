/** Owns the proof for custom workloads: any kind with a scale sub-resource, found by group, version and kind. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { addressesOf, addressOf, recreated, runningPod, said, storedBecomes, storedUnder } from './harness/addresses.ts'
import { kind } from './harness/cluster.ts'
import { crewOf, defineScaledKind, memberOf, TAPP } from './harness/custom.ts'
import { eventually, type KubeObject } from './harness/kube.ts'
import { paths, pod } from './harness/objects.ts'
import { createNamespace, STAGE_LIMIT_MS, type Stage, startStage } from './harness/stage.ts'

const LIMIT_MS = 120_000
let stage: Stage

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const RBAC = '/apis/rbac.authorization.k8s.io/v1'
/** A kept address goes with its workload, and not only with the next resync, which is up to a minute away. */
const AT_ONCE = { withinMs: 10_000 }

beforeAll(async () => {
  stage = await startStage([{ name: 'custom', nodes: 2 }])
  await defineScaledKind(stage, TAPP)
  await define('apps.example.com')
  await define('again.example.com')
  await define('secret.example.com')
  await define('other.example.com', null)
  await permit('apps.example.com', 'again.example.com', 'other.example.com')
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), LIMIT_MS)

/** As an administrator does it for each kind: floatip may read no others. The demo cluster has no RBAC. */
async function permit(...apiGroups: string[]): Promise<void> {
  if (kind === 'demo') return
  const [name] = apiGroups
  const rules = [{ apiGroups, resources: ['gangs'], verbs: ['get', 'list', 'watch'] }]
  await stage.kube.create(`${RBAC}/clusterroles`, { metadata: { name }, rules } as KubeObject)
  await stage.kube.create(`${RBAC}/clusterrolebindings`, {
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
    subjects: [{ kind: 'ServiceAccount', name: 'floatip', namespace: 'kube-system' }],
  } as KubeObject)
}

const SCALE = { specReplicasPath: '.spec.size.replicas', statusReplicasPath: '.status.replicas' }

async function define(group: string, scale: object | null = SCALE): Promise<void> {
  await stage.kube.create(CRDS, definition(group, scale) as KubeObject)
  await eventually(`${group} is served`, () => stage.kube.find(`/apis/${group}/v1beta2/namespaces/default/gangs`))
}

function definition(group: string, scale: object | null) {
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } }
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `gangs.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind: 'Gang', plural: 'gangs', singular: 'gang' },
      versions: [
        { name: 'v1alpha1', served: true, storage: false, schema },
        { name: 'v1beta2', served: true, storage: true, schema, ...(scale && { subresources: { scale } }) },
      ],
    },
  }
}

const gangs = (group: string, ns: string) => `/apis/${group}/v1beta2/namespaces/${ns}/gangs`

async function gang(group: string, ns: string, name: string, replicas: number): Promise<KubeObject> {
  return await stage.kube.create(gangs(group, ns), {
    ...{ apiVersion: `${group}/v1beta2`, kind: 'Gang', metadata: { name } },
    spec: { size: { replicas } },
  } as KubeObject)
}

/** The gang's controller is this test. */
function member(owner: KubeObject, name: string): KubeObject {
  const made = pod(name, { stage: 'custom', policy: 'immutable' })
  const { apiVersion, kind, metadata } = owner
  const reference = { apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true }
  return { ...made, metadata: { ...made.metadata, ownerReferences: [reference] } } as KubeObject
}

test(
  'immutable: a numbered pod made again has its address again; scaled below its number, it is released',
  async () => {
    const { kube } = stage
    const ns = await createNamespace(kube, 'gangs', stage.cluster.kind)
    const owner = await gang('apps.example.com', ns, 'crew', 2)
    await kube.create(paths.pods(ns), member(owner, 'crew-0') as never)
    await kube.create(paths.pods(ns), member(owner, 'crew-1') as never)
    const before = await runningPod(kube, ns, 'crew-1')
    await runningPod(kube, ns, 'crew-0')

    await kube.delete(`${paths.pods(ns)}/crew-1`)
    await eventually('it is gone', async () => (await kube.find(`${paths.pods(ns)}/crew-1`)) === null)
    const again = await recreated(kube, member(owner, 'crew-1') as never, ns)
    expect(addressesOf(again)).toEqual(addressesOf(before))

    await kube.patch(`${gangs('apps.example.com', ns)}/crew`, { spec: { size: { replicas: 1 } } })
    await kube.delete(`${paths.pods(ns)}/crew-1`)
    await eventually(
      'its address is released',
      async () => (await storedUnder(kube, `gang_${ns}_crew_crew-1`)).length === 0,
    )
    expect(await storedUnder(kube, `gang_${ns}_crew_crew-0`)).toHaveLength(1)
  },
  LIMIT_MS,
)

/** Pods 0 and 1 have run, and the address of 1 is kept. */
async function crewWithKept(group: string, namespace: string): Promise<{ ns: string; kept: () => Promise<number> }> {
  const { kube } = stage
  const ns = await createNamespace(kube, namespace, stage.cluster.kind)
  const owner = await gang(group, ns, 'crew', 2)
  for (const name of ['crew-0', 'crew-1']) await kube.create(paths.pods(ns), member(owner, name) as never)
  for (const name of ['crew-0', 'crew-1']) await runningPod(kube, ns, name)
  await kube.delete(`${paths.pods(ns)}/crew-1`)
  const stored = () => storedUnder(kube, `gang_${ns}_crew_crew-1`)
  const nobody = { NodeName: '', Uid: '' }
  await eventually('it is kept', async () => Bun.deepEquals((await stored())[0]?.attribute, nobody))
  return { ns, kept: async () => (await stored()).length }
}

test.each([
  ['scaled down', 'scaled', (crew: string) => stage.kube.patch(crew, { spec: { size: { replicas: 1 } } })],
  ['deleted', 'deleted', (crew: string) => stage.kube.delete(crew)],
] as const)(
  'immutable: the pod long gone, and then the workload is %s: released at once',
  async (_, namespace, change) => {
    const { ns, kept } = await crewWithKept('apps.example.com', namespace)
    await change(`${gangs('apps.example.com', ns)}/crew`)
    await eventually('its address is released', async () => (await kept()) === 0, AT_ONCE)
    expect(await storedUnder(stage.kube, `gang_${ns}_crew_crew-0`)).toHaveLength(1)
  },
  LIMIT_MS,
)

test(
  'the definition is deleted and made again: what was kept goes with the workloads, and new ones are served',
  async () => {
    const { kube } = stage
    const { ns, kept } = await crewWithKept('again.example.com', 'again')
    await kube.delete(`${CRDS}/gangs.again.example.com`)
    await eventually('it is gone', async () => (await kube.find(`${CRDS}/gangs.again.example.com`)) === null)
    await define('again.example.com')
    await eventually('its address is released', async () => (await kept()) === 0, AT_ONCE)
    const owner = await gang('again.example.com', ns, 'band', 1)
    await kube.create(paths.pods(ns), member(owner, 'band-0') as never)
    await runningPod(kube, ns, 'band-0')
  },
  LIMIT_MS,
)

test.skipIf(kind === 'demo')(
  'no right to read the kind: refused with that reason, others are served; once given, served within seconds',
  async () => {
    const { kube } = stage
    const ns = await createNamespace(kube, 'secret', stage.cluster.kind)
    const owner = await gang('secret.example.com', ns, 'crew', 1)
    await kube.create(paths.pods(ns), member(owner, 'crew-0') as never)
    await said(kube, ns, 'it is refused', 'needs the rights get, list and watch on gangs.secret.example.com')
    await kube.create(paths.pods(ns), pod('bare', { stage: 'custom' }))
    await runningPod(kube, ns, 'bare')

    await permit('secret.example.com')
    const given = performance.now()
    await runningPod(kube, ns, 'crew-0')
    const seconds = (performance.now() - given) / 1000
    console.error(`running ${seconds.toFixed(1)} s after the right was given`)
    expect(seconds).toBeLessThan(15)
  },
  LIMIT_MS,
)

test(
  'the same kind of another group, without a scale: immutable is refused with that reason',
  async () => {
    const { kube } = stage
    const ns = await createNamespace(kube, 'others', stage.cluster.kind)
    const owner = await gang('other.example.com', ns, 'crew', 2)
    await kube.create(paths.pods(ns), member(owner, 'crew-0') as never)
    await said(kube, ns, 'it is refused', 'gangs.other.example.com v1beta2 defines no subresources.scale')
  },
  LIMIT_MS,
)

describe.concurrent('tapp, the kind of the document', () => {
  test(
    'never: bound to the key kind_namespace_appName_podName, kept after the tapp is deleted',
    async () => {
      const { kube } = stage
      const ns = await createNamespace(stage.kube, 'tapp-never', stage.cluster.kind)
      const owner = await crewOf(stage, TAPP, ns, 'app', 2)
      for (const name of ['app-0', 'app-1'])
        await kube.create(paths.pods(ns), memberOf(owner, name, { stage: 'custom', policy: 'never' }))
      const [a, b] = [await runningPod(kube, ns, 'app-0'), await runningPod(kube, ns, 'app-1')].map(addressOf)
      const keys = { [a ?? '']: `tapp_${ns}_app_app-0`, [b ?? '']: `tapp_${ns}_app_app-1` }
      await storedBecomes(kube, `tapp_${ns}_`, keys)
      await kube.delete(`${TAPP.path(ns)}/app`)
      for (const name of ['app-0', 'app-1']) await kube.delete(`${paths.pods(ns)}/${name}`)
      await eventually('its pods are gone', async () => (await kube.list(paths.pods(ns))).length === 0)
      await storedBecomes(kube, `tapp_${ns}_`, keys)
      const reply = await fetch(`${stage.floatip.apiUrl}/v1/ip?appName=app&appType=tapp&namespace=${ns}`)
      const { content } = (await reply.json()) as { content: object[] }
      expect(content).toMatchObject([
        { appType: 'tapp', status: 'Deleted' },
        { podName: 'app-1', releasable: true },
      ])

      const again = await crewOf(stage, TAPP, ns, 'app', 2)
      const member = memberOf(again, 'app-1', { stage: 'custom', policy: 'never' })
      expect(addressOf(await recreated(kube, member, ns))).toBe(b ?? '')
    },
    LIMIT_MS,
  )

  test(
    'never: a pod whose name does not end in -<number> is refused',
    async () => {
      const { kube } = stage
      const ns = await createNamespace(stage.kube, 'tapp-unnumbered', stage.cluster.kind)
      const owner = await crewOf(stage, TAPP, ns, 'app', 2)
      await kube.create(paths.pods(ns), memberOf(owner, 'app-x', { stage: 'custom', policy: 'never' }))
      await said(kube, ns, 'it is refused', 'release policy never is not supported for pod app-x of kind tapp')
    },
    LIMIT_MS,
  )

  test(
    'immutable: kept while its number is below the replicas of the scale sub-resource, released when scaled down or deleted',
    async () => {
      const { kube } = stage
      const ns = await createNamespace(stage.kube, 'tapp-immutable', stage.cluster.kind)
      const owner = await crewOf(stage, TAPP, ns, 'app', 3)
      const options = { stage: 'custom', policy: 'immutable' }
      for (const n of [0, 1, 2]) await kube.create(paths.pods(ns), memberOf(owner, `app-${n}`, options))
      const [a = '', b = '', c = ''] = (await Promise.all([0, 1, 2].map(n => runningPod(kube, ns, `app-${n}`)))).map(
        addressOf,
      )
      await kube.delete(`${paths.pods(ns)}/app-1`)
      await eventually('it is gone', async () => (await kube.find(`${paths.pods(ns)}/app-1`)) === null)
      const key = (n: number) => `tapp_${ns}_app_app-${n}`
      await storedBecomes(kube, `tapp_${ns}_`, { [a]: key(0), [b]: key(1), [c]: key(2) })
      expect(addressOf(await recreated(kube, memberOf(owner, 'app-1', options), ns))).toBe(b)

      await kube.patch(`${TAPP.path(ns)}/app`, { spec: { replicas: 2 } })
      await kube.delete(`${paths.pods(ns)}/app-2`)
      await storedBecomes(kube, `tapp_${ns}_`, { [a]: key(0), [b]: key(1) })
      await kube.delete(`${TAPP.path(ns)}/app`)
      for (const name of ['app-0', 'app-1']) await kube.delete(`${paths.pods(ns)}/${name}`)
      await storedBecomes(kube, `tapp_${ns}_`, {})
    },
    LIMIT_MS,
  )
})
