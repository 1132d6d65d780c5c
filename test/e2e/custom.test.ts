/** Owns the proof for custom workloads: any kind with a scale sub-resource, found by group, version and kind. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { addressesOf, runningPod, said, storedUnder } from './harness/addresses.ts'
import { eventually, type KubeObject } from './harness/kube.ts'
import { paths, pod } from './harness/objects.ts'
import { createNamespace, STAGE_LIMIT_MS, type Stage, startStage } from './harness/stage.ts'

const LIMIT_MS = 120_000
let stage: Stage

beforeAll(async () => {
  stage = await startStage([{ name: 'custom', nodes: 2 }])
  for (const [group, scale] of [
    ['apps.example.com', { specReplicasPath: '.spec.size.replicas', statusReplicasPath: '.status.replicas' }],
    ['other.example.com', null],
  ] as const) {
    await stage.kube.create(
      '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
      definition(group, scale) as KubeObject,
    )
    await eventually(`${group} is served`, () => stage.kube.find(`/apis/${group}/v1beta2/namespaces/default/gangs`))
  }
  // As an administrator does it for each kind: floatip may read no others.
  await stage.kube
    .create('/apis/rbac.authorization.k8s.io/v1/clusterroles', {
      metadata: { name: 'floatip-gangs' },
      rules: [{ apiGroups: ['apps.example.com', 'other.example.com'], resources: ['gangs'], verbs: ['get'] }],
    } as KubeObject)
    .catch(onlyOnTheDemoCluster)
  await stage.kube
    .create('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name: 'floatip-gangs' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'floatip-gangs' },
      subjects: [{ kind: 'ServiceAccount', name: 'floatip', namespace: 'kube-system' }],
    } as KubeObject)
    .catch(onlyOnTheDemoCluster)
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), LIMIT_MS)

/** It has no RBAC. */
function onlyOnTheDemoCluster(error: unknown): void {
  if (stage.cluster.kind !== 'demo') throw error
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
    await kube.create(paths.pods(ns), member(owner, 'crew-1') as never)
    expect(addressesOf(await runningPod(kube, ns, 'crew-1'))).toEqual(addressesOf(before))

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
