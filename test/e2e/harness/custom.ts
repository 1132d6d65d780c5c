/** Owns custom workloads of a scenario: a kind with a scale sub-resource, floatip's right to read it, objects and pods of it. */
import { eventually, type KubeObject } from './kube.ts'
import { type Pod, type PodOptions, pod } from './objects.ts'
import type { Stage } from './stage.ts'

export interface ScaledKind {
  readonly group: string
  readonly kind: string
  readonly plural: string
  path(namespace: string): string
}

/** The kind that the Float IP document names: github.com/tkestack/tapp. */
export const TAPP: ScaledKind = {
  group: 'apps.tkestack.io',
  kind: 'TApp',
  plural: 'tapps',
  path: namespace => `/apis/apps.tkestack.io/v1/namespaces/${namespace}/tapps`,
}

/** The definition, with replicas at `.spec.replicas`, and what an administrator grants for each such kind. */
export async function defineScaledKind({ kube, cluster }: Stage, { group, kind, plural, path }: ScaledKind) {
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } }
  const scale = { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' }
  const versions = [{ name: 'v1', served: true, storage: true, schema, subresources: { scale } }]
  await kube.create('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    ...{
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `${plural}.${group}` },
    },
    spec: { group, scope: 'Namespaced', names: { kind, plural, singular: kind.toLowerCase() }, versions },
  } as KubeObject)
  await eventually(`${plural} are served`, () => kube.find(path('default')))
  if (cluster.kind === 'demo') return // It has no RBAC.
  const name = `floatip-${plural}`
  await kube.create('/apis/rbac.authorization.k8s.io/v1/clusterroles', {
    metadata: { name },
    rules: [{ apiGroups: [group], resources: [plural], verbs: ['get', 'list', 'watch'] }],
  } as KubeObject)
  await kube.create('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
    subjects: [{ kind: 'ServiceAccount', name: 'floatip', namespace: 'kube-system' }],
  } as KubeObject)
}

export async function crewOf(
  { kube }: Stage,
  { group, kind, path }: ScaledKind,
  ns: string,
  name: string,
  replicas: number,
) {
  const object = { apiVersion: `${group}/v1`, kind, metadata: { name }, spec: { replicas } }
  return await kube.create<KubeObject>(path(ns), object)
}

/** The kind's controller is the scenario itself. */
export function memberOf(owner: KubeObject, name: string, options: PodOptions): Pod {
  const made = pod(name, options)
  const { apiVersion, kind, metadata } = owner
  const reference = { apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true }
  return { ...made, metadata: { ...made.metadata, ownerReferences: [reference] } } as Pod
}
