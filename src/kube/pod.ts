/** Owns what we keep of a pod: a few facts, read once from its JSON. */
import { DEPLOYMENT, NO_CONTROLLER, type Owner, STATEFUL_SET } from '../domain/owner.ts'
import { NEVER, parsePolicy, type ReleasePolicy } from '../domain/policy.ts'
import type { Address } from '../ip/address.ts'
import { quoted } from '../lib/quoted.ts'
import { type AddressRequest, readAnswer, readRequest } from './args.ts'
import { listAll } from './list.ts'
import { ARGS_ANNOTATION, POLICY_ANNOTATION, POOL_ANNOTATION, RESOURCE } from './names.ts'
import { type Known, knownOr, type RawMetadata, type RawObject } from './raw.ts'
import type { Transport } from './transport.ts'

export interface PodFact {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly resourceVersion: string
  /** Null: not bound. */
  readonly node: string | null
  readonly phase: string
  /** Succeeded or Failed: it runs no more. */
  readonly finished: boolean
  /** A container of it was running when its kubelet last told: whoever took the object away, or wrote Failed, it may run on. Succeeded says that all have ended. */
  readonly running: boolean
  readonly deleting: boolean
  /** True when a container requests the resource. */
  readonly asks: boolean
  readonly owner: Owner
  /** The controller's owner reference, or empty. */
  readonly apiVersion: string
  /** The same reference: its kind as written, and whose it is. */
  readonly controller: { readonly kind: string; readonly uid: string } | null
  readonly policy: ReleasePolicy
  /** The args annotation as written. */
  readonly args: string | undefined
  /** What it asks for. */
  readonly request: AddressRequest
  /** The addresses that it carries, in order; on an unbound pod that is somebody's input and means nothing. */
  readonly addresses: readonly Address[] | null
  /** What its author should know, although the pod is served. */
  readonly warnings: readonly string[]
  /** Milliseconds since the epoch. */
  readonly createdAt: number
}

interface RawContainer {
  readonly resources?: { readonly requests?: Readonly<Record<string, unknown>> | null } | null
}

interface RawContainerStatus {
  readonly state?: { readonly running?: object | null } | null
}

interface RawOwnerReference {
  readonly apiVersion?: string
  readonly kind?: string
  readonly name?: string
  readonly uid?: string
  readonly controller?: boolean
}

export interface RawPod extends RawObject {
  readonly metadata: RawMetadata & {
    readonly annotations?: Readonly<Record<string, string>> | null
    readonly labels?: Readonly<Record<string, string>> | null
    readonly ownerReferences?: readonly RawOwnerReference[] | null
    readonly creationTimestamp?: string | null
    readonly deletionTimestamp?: string | null
  }
  readonly spec?: {
    readonly nodeName?: string
    readonly hostNetwork?: boolean
    readonly containers?: readonly RawContainer[] | null
    readonly initContainers?: readonly RawContainer[] | null
  } | null
  readonly status?: {
    readonly phase?: string
    readonly containerStatuses?: readonly RawContainerStatus[] | null
    readonly initContainerStatuses?: readonly RawContainerStatus[] | null
    readonly ephemeralContainerStatuses?: readonly RawContainerStatus[] | null
  } | null
}

export function podFact(raw: RawPod): PodFact {
  const { metadata, spec, status } = raw
  const annotations = metadata.annotations ?? {}
  const controller = (metadata.ownerReferences ?? []).find(reference => reference.controller === true)
  const pool = annotations[POOL_ANNOTATION] ?? ''
  const phase = status?.phase ?? 'Pending'
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    node: spec?.nodeName ? spec.nodeName : null,
    phase,
    finished: phase === 'Succeeded' || phase === 'Failed',
    running: phase !== 'Succeeded' && isRunning(status),
    deleting: Boolean(metadata.deletionTimestamp),
    asks: asksForAddress(raw),
    owner: { pool, ...workloadOf(metadata, controller), namespace: metadata.namespace ?? '', pod: metadata.name },
    apiVersion: controller?.apiVersion ?? '',
    controller: controller === undefined ? null : { kind: controller.kind ?? '', uid: controller.uid ?? '' },
    policy: pool === '' ? parsePolicy(annotations[POLICY_ANNOTATION]) : NEVER,
    args: annotations[ARGS_ANNOTATION],
    request: readRequest(annotations[ARGS_ANNOTATION]),
    addresses: readAnswer(annotations[ARGS_ANNOTATION]),
    warnings: warningsOf(raw),
    createdAt: Date.parse(metadata.creationTimestamp ?? '') || 0,
  }
}

function warningsOf({ metadata, spec }: RawPod): readonly string[] {
  const policy = metadata.annotations?.[POLICY_ANNOTATION] ?? ''
  const warnings: string[] = []
  if (!['', 'immutable', 'never'].includes(policy)) {
    warnings.push(
      `annotation ${POLICY_ANNOTATION} has the unknown value ${quoted(policy)}: the address goes with the pod; use immutable or never`,
    )
  }
  if (spec?.hostNetwork) warnings.push('a pod with hostNetwork cannot use the address that it asks for')
  return warnings
}

function isRunning(status: RawPod['status']): boolean {
  const { containerStatuses, initContainerStatuses, ephemeralContainerStatuses } = status ?? {}
  return [containerStatuses, initContainerStatuses, ephemeralContainerStatuses].some(statuses =>
    statuses?.some(({ state }) => state?.running != null),
  )
}

function asksForAddress({ spec }: RawPod): boolean {
  return (spec?.containers?.some(requestsAddress) ?? false) || (spec?.initContainers?.some(requestsAddress) ?? false)
}

function requestsAddress(container: RawContainer): boolean {
  return container.resources?.requests?.[RESOURCE] !== undefined
}

/** Only the controller's owner reference counts. */
function workloadOf(
  metadata: RawPod['metadata'],
  controller: RawOwnerReference | undefined,
): Pick<Owner, 'kind' | 'workload'> {
  const name = controller?.name ?? ''
  switch (controller?.kind) {
    case undefined:
      return { kind: NO_CONTROLLER, workload: NO_CONTROLLER }
    case 'StatefulSet':
      return { kind: STATEFUL_SET, workload: name }
    case 'ReplicaSet': {
      // A Deployment names its ReplicaSets `<deployment>-<pod-template-hash>`; any other one stands for itself.
      const hash = metadata.labels?.['pod-template-hash']
      const ours = hash !== undefined && name.endsWith(`-${hash}`) && name.length > hash.length + 1
      return ours
        ? { kind: DEPLOYMENT, workload: name.slice(0, -hash.length - 1) }
        : { kind: 'replicaset', workload: name }
    }
    default:
      return { kind: (controller?.kind ?? '').toLowerCase(), workload: name }
  }
}

/** For the mirror: pods that ask, and nothing of the others, which are most: they are not read any further. */
export function pickPod(raw: RawObject): PodFact | null {
  return asksForAddress(raw as RawPod) ? podFact(raw as RawPod) : null
}

/** A fresh, paged quorum list of the pods that ask; of those that did not change since, the facts that `known` has. */
export async function listPods(transport: Transport, known: Known<PodFact>): Promise<readonly PodFact[]> {
  const { items } = await listAll(transport, '/api/v1/pods', {
    quorum: true,
    pick: raw => knownOr(known, raw, pickPod),
  })
  return items
}
