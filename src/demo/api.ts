/** Owns what the miniature API server does with an object: create, replace, patch, delete, bind, with the checks that clients rely on. */
import { ApiFailure, alreadyExists, badRequest, conflict, notFound, precondition } from './failure.ts'
import { type Draft, isFinished, type KubeObject, type Metadata, type Pod, withCondition } from './objects.ts'
import { CRDS, groupVersion, NAMESPACES, PODS, type Resource, type Resources, resourceId } from './resources.ts'
import { keyOf, objectKey, type Store } from './store.ts'

export interface Preconditions {
  readonly uid?: string
  readonly resourceVersion?: string
}

export interface DeleteOptions {
  readonly preconditions?: Preconditions | null
  readonly gracePeriodSeconds?: number | null
}

export interface Binding {
  readonly metadata?: Preconditions & { readonly annotations?: Readonly<Record<string, string>> }
  readonly target?: { readonly name?: string }
}

/** Which half of an object a write is about; custom resources without a status path are all `whole`. */
export type Part = 'whole' | 'status'

export interface Api {
  readonly store: Store
  get(resource: Resource, namespace: string | undefined, name: string): KubeObject
  find<T extends KubeObject>(resource: Resource, namespace: string | undefined, name: string): T | undefined
  list<T extends KubeObject>(resource: Resource, namespace?: string): readonly T[]
  create(resource: Resource, namespace: string | undefined, draft: Draft): KubeObject
  /** Reads, changes, writes. What `change` says of uid and resourceVersion are preconditions (409); saying the same again writes nothing. */
  update(
    resource: Resource,
    namespace: string | undefined,
    name: string,
    change: (current: KubeObject) => unknown,
    part?: Part,
  ): KubeObject
  /** Gives back the object as it went, or as it is going. */
  delete(resource: Resource, namespace: string | undefined, name: string, options?: DeleteOptions): KubeObject
  bind(namespace: string, name: string, binding: Binding): void
}

const GRACE_DEFAULT_SECONDS = 30

export function apiOf(store: Store, resources: Resources): Api {
  function get(resource: Resource, namespace: string | undefined, name: string): KubeObject {
    const object = store.get(resourceId(resource), keyOf(namespace, name))
    if (object === undefined) throw notFound(resource, name)
    return object
  }

  const put = (resource: Resource, object: KubeObject) => store.put(resourceId(resource), object)

  return {
    store,
    get,
    find: (resource, namespace, name) => store.get(resourceId(resource), keyOf(namespace, name)) as never,

    list(resource, namespace) {
      const objects = store.list(resourceId(resource))
      const chosen = namespace ? objects.filter(({ metadata }) => metadata.namespace === namespace) : objects
      return chosen as never
    },

    create(resource, namespace, draft) {
      if (namespace !== undefined && store.get(resourceId(NAMESPACES), namespace) === undefined) {
        throw notFound(NAMESPACES, namespace)
      }
      const name = draft.metadata?.name ?? generated(draft.metadata?.generateName)
      if (store.get(resourceId(resource), keyOf(namespace, name))) throw alreadyExists(resource, name)
      const metadata: Metadata = {
        ...draft.metadata,
        ...{ name, uid: crypto.randomUUID(), resourceVersion: '', creationTimestamp: new Date().toISOString() },
        ...(namespace !== undefined && { namespace }),
        generation: 1,
      }
      const object = withDefaults({ ...draft, apiVersion: groupVersion(resource), kind: resource.kind, metadata })
      if (resource === CRDS) resources.define(object)
      return put(resource, object)
    },

    update(resource, namespace, name, change, part = 'whole') {
      const current = get(resource, namespace, name)
      const wanted = change(current) as Partial<KubeObject> | null
      const { uid, resourceVersion } = wanted?.metadata ?? {}
      check(resource, current, { ...(uid !== undefined && { uid }) })
      if (resourceVersion && resourceVersion !== current.metadata.resourceVersion) {
        throw conflict(resource, name, 'the object has been modified; please apply your changes to the latest version')
      }
      const next = merged(resource, current, wanted ?? {}, part)
      return Bun.deepEquals(next, current) ? current : put(resource, next)
    },

    delete(resource, namespace, name, options = {}) {
      const current = get(resource, namespace, name)
      check(resource, current, options.preconditions ?? {})
      const grace = resource === PODS ? graceOf(current as Pod, options.gracePeriodSeconds ?? undefined) : 0
      if (grace > 0) {
        const { deletionTimestamp, deletionGracePeriodSeconds } = current.metadata
        if (deletionTimestamp !== undefined && (deletionGracePeriodSeconds ?? 0) <= grace) return current
        const going = {
          deletionTimestamp: new Date(Date.now() + grace * 1_000).toISOString(),
          deletionGracePeriodSeconds: grace,
        }
        return put(resource, { ...current, metadata: { ...current.metadata, ...going } })
      }
      store.remove(resourceId(resource), objectKey(current))
      if (resource === CRDS) resources.undefine(current)
      if (resource === NAMESPACES) emptyNamespace(name)
      return current
    },

    bind(namespace, name, { metadata = {}, target }) {
      const pod = get(PODS, namespace, name) as Pod
      const refuse = (why: string) => conflict({ group: '', plural: 'pods/binding' }, name, why)
      check(PODS, pod, metadata)
      if (!target?.name) throw badRequest('a binding needs target.name')
      if (pod.metadata.deletionTimestamp) throw refuse(`pod ${name} is being deleted, cannot be assigned to a host`)
      if (pod.spec.nodeName) throw refuse(`pod ${name} is already assigned to node "${pod.spec.nodeName}"`)
      // One write: a kubelet never sees the pod without its addresses.
      const annotations = { ...pod.metadata.annotations, ...metadata.annotations }
      const conditions = withCondition(pod.status?.conditions, { type: 'PodScheduled', status: 'True' })
      put(PODS, {
        ...pod,
        metadata: { ...pod.metadata, annotations },
        spec: { ...pod.spec, nodeName: target.name },
        status: { ...pod.status, conditions },
      })
    },
  }

  function emptyNamespace(namespace: string): void {
    for (const resource of resources.all()) {
      for (const object of store.list(resourceId(resource))) {
        if (object.metadata.namespace === namespace) store.remove(resourceId(resource), objectKey(object))
      }
    }
  }
}

function check(resource: Resource, { metadata }: KubeObject, { uid, resourceVersion }: Preconditions): void {
  const { name } = metadata
  if (uid !== undefined && uid !== metadata.uid) throw precondition(resource, name, 'UID', uid, metadata.uid)
  if (resourceVersion !== undefined && resourceVersion !== '' && resourceVersion !== metadata.resourceVersion) {
    throw precondition(resource, name, 'ResourceVersion', resourceVersion, metadata.resourceVersion)
  }
}

/** What clients may not change stays; a write of one half leaves the other alone. */
function merged(resource: Resource, current: KubeObject, wanted: Partial<KubeObject>, part: Part): KubeObject {
  if (part === 'status') return { ...current, ...('status' in wanted && { status: wanted.status }) }
  const { uid, resourceVersion, creationTimestamp, generation, name, namespace } = current.metadata
  const { deletionTimestamp, deletionGracePeriodSeconds, ...metadata } = { ...wanted.metadata }
  const going = {
    ...(current.metadata.deletionTimestamp !== undefined && {
      deletionTimestamp: current.metadata.deletionTimestamp,
      deletionGracePeriodSeconds: current.metadata.deletionGracePeriodSeconds ?? 0,
    }),
  }
  const specChanged = !Bun.deepEquals(specOf(wanted), specOf(current))
  const { status, ...rest } = wanted
  const keptStatus = resource.hasStatus ? current.status : status
  return {
    ...rest,
    apiVersion: current.apiVersion,
    kind: current.kind,
    metadata: {
      ...metadata,
      ...going,
      ...{ name, uid, resourceVersion, creationTimestamp },
      ...(namespace !== undefined && { namespace }),
      generation: (generation ?? 1) + (specChanged ? 1 : 0),
    },
    ...(keptStatus !== undefined && { status: keptStatus }),
  }
}

/** All that the generation counts: a Pool has its fields at the top. */
function specOf({ metadata: _, status: __, apiVersion: ___, kind: ____, ...rest }: Partial<KubeObject>): object {
  return rest
}

/** Seconds that the kubelet gets; 0: the object goes at once. */
function graceOf(pod: Pod, asked: number | undefined): number {
  if (pod.spec.nodeName === undefined || isFinished(pod)) return 0
  return asked ?? pod.spec.terminationGracePeriodSeconds ?? GRACE_DEFAULT_SECONDS
}

function withDefaults(object: KubeObject): KubeObject {
  switch (object.kind) {
    case 'Pod': {
      const pod = object as Pod
      if (!Array.isArray(pod.spec?.containers)) throw badRequest('Pod: spec.containers: Required value')
      return { ...object, status: { phase: 'Pending' } }
    }
    case 'StatefulSet':
    case 'Deployment':
    case 'ReplicaSet': {
      const updates = object.kind === 'StatefulSet' ? { updateStrategy: { type: 'RollingUpdate' } } : {}
      return { ...object, spec: { replicas: 1, ...updates, ...(object.spec as object) }, status: { replicas: 0 } }
    }
    case 'CustomResourceDefinition': {
      const conditions = ['NamesAccepted', 'Established'].map(type => ({ type, status: 'True' }))
      return { ...object, status: { conditions } }
    }
    case 'Namespace':
      return { ...object, status: { phase: 'Active' } }
    default:
      return object
  }
}

function generated(prefix: string | undefined): string {
  if (!prefix) throw new ApiFailure(422, 'Invalid', 'name or generateName is required')
  return prefix + randomSuffix()
}

/** As Kubernetes: no vowels, nothing that looks like something else. */
function randomSuffix(): string {
  const letters = 'bcdfghjklmnpqrstvwxz2456789'
  return Array.from(crypto.getRandomValues(new Uint8Array(5)), byte => letters[byte % letters.length]).join('')
}
