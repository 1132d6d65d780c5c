/** Owns the shapes of the miniature cluster's objects, and the questions that everybody asks about them. */

export const RESOURCE = 'tke.cloud.tencent.com/eni-ip'
export const ARGS_ANNOTATION = 'k8s.v1.cni.galaxy.io/args'
export const POLICY_ANNOTATION = 'k8s.v1.cni.galaxy.io/release-policy'
/** A pod with this label stays Terminating for ever, as one whose kubelet hangs. */
export const STUCK_LABEL = 'floatip.dev/stuck-terminating'

export type Texts = Readonly<Record<string, string>>

export interface OwnerReference {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly controller?: boolean
}

export interface Metadata {
  readonly name: string
  readonly generateName?: string
  readonly namespace?: string
  readonly uid: string
  readonly resourceVersion: string
  readonly generation?: number
  readonly creationTimestamp: string
  readonly deletionTimestamp?: string
  readonly deletionGracePeriodSeconds?: number
  readonly labels?: Texts
  readonly annotations?: Texts
  readonly ownerReferences?: readonly OwnerReference[]
}

/** Objects are values: a change makes a new one. */
export interface KubeObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: Metadata
  readonly [field: string]: unknown
}

/** What somebody wants to exist: the server adds the rest. */
export interface Draft {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata: Partial<Metadata>
  readonly [field: string]: unknown
}

export interface Condition {
  readonly type: string
  readonly status: string
  readonly reason?: string
  readonly message?: string
  readonly lastTransitionTime?: string
}

export interface Container {
  readonly name: string
  readonly image: string
  readonly resources?: { readonly requests?: Texts; readonly limits?: Texts }
}

export interface PodSpec {
  readonly nodeName?: string
  readonly nodeSelector?: Texts
  /** Another name: somebody else schedules it. */
  readonly schedulerName?: string
  readonly terminationGracePeriodSeconds?: number
  readonly containers: readonly Container[]
  readonly initContainers?: readonly Container[]
}

export interface Pod extends KubeObject {
  readonly spec: PodSpec
  readonly status?: {
    readonly phase?: string
    readonly podIP?: string
    readonly conditions?: readonly Condition[]
  }
}

export interface Template {
  readonly metadata?: { readonly labels?: Texts; readonly annotations?: Texts }
  readonly spec: PodSpec
}

export interface Workload extends KubeObject {
  readonly spec: {
    readonly replicas?: number
    readonly template: Template
    readonly ordinals?: { readonly start?: number }
    readonly podManagementPolicy?: string
    readonly updateStrategy?: { readonly type?: string }
    readonly strategy?: {
      readonly type?: string
      readonly rollingUpdate?: { readonly maxSurge?: number | string; readonly maxUnavailable?: number | string }
    }
  }
}

export interface Node extends KubeObject {
  readonly spec?: { readonly unschedulable?: boolean; readonly taints?: readonly { readonly effect?: string }[] }
  readonly status?: {
    readonly addresses?: readonly { readonly type: string; readonly address: string }[]
    readonly conditions?: readonly Condition[]
  }
}

export function requests(pod: Pod, resources: readonly string[]): boolean {
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]
  return containers.some(({ resources: asked }) => resources.some(name => asked?.requests?.[name] !== undefined))
}

export function isFinished(pod: Pod): boolean {
  return pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded'
}

export function isDeleting(object: KubeObject): boolean {
  return object.metadata.deletionTimestamp !== undefined
}

export function condition(object: Pod | Node, type: string): Condition | undefined {
  return object.status?.conditions?.find(each => each.type === type)
}

export function isReady(pod: Pod): boolean {
  return !isDeleting(pod) && pod.status?.phase === 'Running' && condition(pod, 'Ready')?.status === 'True'
}

/** The conditions with this one set; its time moves only when its status does. */
export function withCondition(conditions: readonly Condition[] | undefined, next: Condition): Condition[] {
  const before = conditions?.find(({ type }) => type === next.type)
  const since = before?.status === next.status ? before.lastTransitionTime : undefined
  const others = (conditions ?? []).filter(({ type }) => type !== next.type)
  return [...others, { ...next, lastTransitionTime: since ?? new Date().toISOString() }]
}

export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find(reference => reference.controller === true)
}

/** The addresses that the CNI plugin would find on the pod, without their masks. */
export function addressesOf(pod: KubeObject): string[] {
  const text = pod.metadata.annotations?.[ARGS_ANNOTATION]
  if (text === undefined) return []
  try {
    const args = JSON.parse(text) as { common?: { ipinfos?: { ip?: string }[] } } | null
    return (args?.common?.ipinfos ?? []).flatMap(({ ip }) => ip?.split('/')[0] ?? [])
  } catch {
    return []
  }
}
