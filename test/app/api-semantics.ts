/** Owns what a real API server decides about a write: preconditions, merge patches, Bindings, and its way to say no. */
import type { Kube } from './objects.ts'

export interface Refused {
  readonly refused: true
  readonly status: number
  readonly reason: string
  readonly name: string
  readonly message: string
}

export function refused(status: number, reason: string, name: string, message = `${name}: ${reason}`): Refused {
  return { refused: true, status, reason, name, message }
}

export function isRefused(answer: Kube | Refused): answer is Refused {
  return answer.refused === true
}

export function failure(code: number, reason: string, key: string, message = `${key}: ${reason}`): Response {
  const details = { name: key.split('/').at(-1) }
  const body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', message, reason, details, code }
  return Response.json(body, { status: code })
}

/** UID and resourceVersion as preconditions, as far as given. */
export function conflictOf({ metadata }: Kube, asked: Partial<Kube['metadata']>): Refused | null {
  const { name, uid, resourceVersion } = metadata
  if (asked.uid !== undefined && asked.uid !== uid) {
    return refused(
      409,
      'Conflict',
      name,
      `Precondition failed: UID in precondition: ${asked.uid}, UID in object meta: ${uid}`,
    )
  }
  if (asked.resourceVersion !== undefined && asked.resourceVersion !== resourceVersion) {
    const text = `Precondition failed: ResourceVersion in precondition: ${asked.resourceVersion}, ResourceVersion in object meta: ${resourceVersion}`
    return refused(409, 'Conflict', name, text)
  }
  return null
}

/** RFC 7386; `metadata.uid` and `metadata.resourceVersion` are preconditions and no values. */
export function applyPatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key]
    else result[key] = applyPatch(result[key], value)
  }
  return result
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

interface RawBinding {
  metadata?: { uid?: string; resourceVersion?: string; annotations?: Record<string, string> }
  target?: { name?: string }
}

/** One write sets `nodeName` and merges the annotations. */
export function bindPod(pod: Kube, body: object): Kube | Refused {
  const { metadata = {}, target } = body as RawBinding
  const { name } = pod.metadata
  const conflict = conflictOf(pod, { ...(metadata as Partial<Kube['metadata']>) })
  if (conflict !== null) return conflict
  if (pod.metadata.deletionTimestamp)
    return refused(409, 'Conflict', name, `pod ${name} is being deleted, cannot be assigned to a host`)
  if (pod.spec?.nodeName)
    return refused(409, 'Conflict', name, `pod ${name} is already assigned to node "${pod.spec.nodeName}"`)
  return {
    ...pod,
    metadata: { ...pod.metadata, annotations: { ...pod.metadata.annotations, ...metadata.annotations } },
    spec: { ...pod.spec, nodeName: target?.name },
  }
}

/** With its version; a pool's generation counts the changes of all but metadata and status. */
export function storedAs(collection: string, before: Kube | undefined, after: Kube, resourceVersion: string): Kube {
  if (collection !== 'pools') return { ...after, metadata: { ...after.metadata, resourceVersion } }
  const spec = ({ metadata: _, status: __, ...rest }: Kube) => rest
  const changed = before !== undefined && !Bun.deepEquals(spec(before), spec(after))
  const generation = (before?.metadata.generation ?? 1) + (changed ? 1 : 0)
  return { ...after, metadata: { ...after.metadata, generation, resourceVersion } }
}

/** True when the definition, if it says anything, has the sub-resource status in one of its versions. */
export function hasStatus(definition: Kube | undefined): boolean {
  const versions = (definition?.spec?.versions ?? []) as readonly { subresources?: { status?: object } }[]
  return versions.some(({ subresources }) => subresources?.status !== undefined)
}
