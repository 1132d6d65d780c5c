/** Owns the scale sub-resource: a workload's size, as `kubectl scale` reads and writes it. */
import type { KubeObject, Workload } from './objects.ts'
import type { Resource } from './resources.ts'

export function isScalable({ group }: Resource): boolean {
  return group === 'apps'
}

export function scaleOf(object: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, uid, resourceVersion, creationTimestamp, ...(namespace !== undefined && { namespace }) },
    spec: { replicas: (object as Workload).spec.replicas ?? 1 },
    status: { replicas: (object.status as { replicas?: number } | undefined)?.replicas ?? 0 },
  }
}

/** The workload as the Scale wants it; the Scale's uid and version are its preconditions. */
export function scaledTo(workload: KubeObject, scale: unknown): unknown {
  const { metadata = {}, spec } = scale as { metadata?: { uid?: string; resourceVersion?: string }; spec?: object }
  const { resourceVersion = '' } = metadata
  return {
    ...workload,
    metadata: { ...workload.metadata, uid: metadata.uid ?? workload.metadata.uid, resourceVersion },
    spec: { ...(workload as Workload).spec, ...spec },
  }
}
