/** Owns the pod that a StatefulSet or Deployment would make next, read from its template. */
import { DEPLOYMENT, type Owner } from '../domain/owner.ts'
import { isWorkloadKind } from '../domain/workload.ts'
import { type PodFact, podFact, type RawPod } from './pod.ts'
import type { RawObject } from './raw.ts'
import { isNotFound, type Transport } from './transport.ts'
import { WORKLOAD_PLURALS } from './workload.ts'

interface RawTemplated extends RawObject {
  readonly spec?: {
    readonly template?: { readonly metadata?: RawPod['metadata'] | null; readonly spec?: RawPod['spec'] } | null
  } | null
}

/** A name that no ReplicaSet controller gives: its hashes have no vowels. */
const PLANNED = 'planned'

/** Null: there is no such workload, or its kind has no template that we know. By a quorum read. */
export async function templatePod(transport: Transport, owner: Owner): Promise<PodFact | null> {
  const { kind, namespace, workload: name } = owner
  if (!isWorkloadKind(kind)) return null
  const path = `/apis/apps/v1/namespaces/${encodeURIComponent(namespace)}/${WORKLOAD_PLURALS[kind]}/${encodeURIComponent(name)}`
  try {
    const { body } = await transport.request<RawTemplated>({ method: 'GET', path })
    return podFact(podLike(body, kind === DEPLOYMENT))
  } catch (error) {
    if (isNotFound(error, name)) return null
    throw error
  }
}

function podLike({ metadata, spec }: RawTemplated, deployment: boolean): RawPod {
  const { labels, annotations } = spec?.template?.metadata ?? {}
  const name = deployment ? `${metadata.name}-${PLANNED}` : metadata.name
  return {
    metadata: {
      name,
      ...(metadata.namespace !== undefined && { namespace: metadata.namespace }),
      uid: PLANNED,
      resourceVersion: '',
      annotations: annotations ?? null,
      labels: deployment ? { ...labels, 'pod-template-hash': PLANNED } : (labels ?? null),
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: deployment ? 'ReplicaSet' : 'StatefulSet', name, controller: true },
      ],
    },
    spec: spec?.template?.spec ?? null,
  }
}
