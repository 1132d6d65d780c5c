/** Owns what the workload controllers have in common: their pods, and making one from a template. */
import type { Api } from './api.ts'
import { isFailure } from './failure.ts'
import { controllerOf, type KubeObject, type OwnerReference, type Pod, type Template, type Texts } from './objects.ts'
import { PODS, type Resource } from './resources.ts'

/** Changes when the template does: names revisions. */
export function hashOf(template: Template): string {
  return Bun.hash.wyhash(JSON.stringify(template)).toString(36).padStart(10, '0').slice(0, 10)
}

export function ownedBy(owner: KubeObject): OwnerReference {
  const { apiVersion, kind, metadata } = owner
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true }
}

export function podsOf(api: Api, owner: KubeObject): readonly Pod[] {
  const pods = api.list<Pod>(PODS, owner.metadata.namespace)
  return pods.filter(pod => controllerOf(pod)?.uid === owner.metadata.uid)
}

export function podsOn(api: Api, node: string): readonly Pod[] {
  return api.list<Pod>(PODS).filter(({ spec }) => spec.nodeName === node)
}

export function createPod(
  api: Api,
  owner: KubeObject,
  template: Template,
  { labels, ...name }: { labels: Texts } & ({ name: string } | { generateName: string }),
): void {
  const { metadata, spec } = template
  api.create(PODS, owner.metadata.namespace, {
    metadata: {
      ...name,
      labels: { ...metadata?.labels, ...labels },
      annotations: { ...metadata?.annotations },
      ownerReferences: [ownedBy(owner)],
    },
    spec: structuredClone(spec),
  })
}

/** Exactly this pod, not another one that took its name; without complaint when it went already. */
export function deletePod(api: Api, { metadata }: KubeObject, gracePeriodSeconds?: number): void {
  const grace = gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }
  try {
    api.delete(PODS, metadata.namespace, metadata.name, { preconditions: { uid: metadata.uid }, ...grace })
  } catch (thrown) {
    if (!isFailure(thrown, 'NotFound') && !isFailure(thrown, 'Conflict')) throw thrown
  }
}

export function setStatus(api: Api, object: KubeObject, resource: Resource, status: object): void {
  const { namespace, name } = object.metadata
  api.update(resource, namespace, name, () => ({ status: { ...(object.status as object), ...status } }), 'status')
}
