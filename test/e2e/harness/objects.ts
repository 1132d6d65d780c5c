/** Owns the objects that the scenarios are made of, and the names by which users of galaxy know them. */
import type { KubeObject, Metadata } from './kube.ts'

export const RESOURCE = 'tke.cloud.tencent.com/eni-ip'
export const ARGS = 'k8s.v1.cni.galaxy.io/args'
export const POLICY = 'k8s.v1.cni.galaxy.io/release-policy'
export const POOL = 'tke.cloud.tencent.com/eni-ip-pool'
/** On a pod: the fake kubelet leaves it Terminating for ever. */
export const STUCK_TERMINATING = 'floatip.dev/stuck-terminating'
/** On a node and in a pod's nodeSelector: keeps the scenarios of one cluster apart. */
export const STAGE = 'floatip.dev/stage'

export interface Pod extends KubeObject {
  readonly spec: {
    readonly nodeName?: string
    readonly nodeSelector?: Readonly<Record<string, string>>
    readonly priorityClassName?: string
    readonly containers: readonly {
      readonly name: string
      readonly image: string
      readonly resources?: { readonly requests: Readonly<Record<string, string>>; readonly limits?: object }
    }[]
  }
  readonly status?: { readonly phase?: string; readonly podIP?: string }
}

export interface Workload extends KubeObject {
  readonly spec: {
    readonly replicas: number
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> }
    readonly template: { readonly metadata: Omit<Metadata, 'name'>; readonly spec: Pod['spec'] }
    readonly serviceName?: string
    readonly podManagementPolicy?: 'Parallel' | 'OrderedReady'
    readonly ordinals?: { readonly start: number }
    readonly strategy?: object
  }
}

export interface Node extends KubeObject {
  readonly spec?: { readonly unschedulable?: boolean }
  readonly status: {
    readonly addresses: readonly { readonly type: string; readonly address: string }[]
    readonly capacity: Readonly<Record<string, string>>
    readonly allocatable: Readonly<Record<string, string>>
  }
}

export interface FloatingIp extends KubeObject {
  readonly spec: {
    readonly key: string
    readonly policy: number
    readonly attribute: string
    readonly updateTime: string
  }
}

export interface Event extends KubeObject {
  readonly reason: string
  readonly message: string
  readonly type: string
}

export interface PodOptions {
  /** Value of the node label {@link STAGE}. */
  readonly stage: string
  /** False: a pod that asks for no address. */
  readonly asks?: boolean
  readonly policy?: string
  /** Value of the annotation {@link ARGS}. */
  readonly args?: string
  /** Value of the annotation {@link POOL}. */
  readonly pool?: string
  /** Requested beside the address, such as `4`. */
  readonly cpu?: string
  readonly priorityClass?: string
  readonly labels?: Readonly<Record<string, string>>
}

export interface WorkloadOptions extends PodOptions {
  readonly replicas: number
}

export const paths = {
  nodes: '/api/v1/nodes',
  namespaces: '/api/v1/namespaces',
  floatingIps: '/apis/galaxy.k8s.io/v1alpha1/floatingips',
  priorityClasses: '/apis/scheduling.k8s.io/v1/priorityclasses',
  pods: (namespace: string) => `/api/v1/namespaces/${namespace}/pods`,
  events: (namespace: string) => `/api/v1/namespaces/${namespace}/events`,
  configMaps: (namespace: string) => `/api/v1/namespaces/${namespace}/configmaps`,
  pools: (namespace: string) => `/apis/galaxy.k8s.io/v1alpha1/namespaces/${namespace}/pools`,
  jobs: (namespace: string) => `/apis/batch/v1/namespaces/${namespace}/jobs`,
  deployments: (namespace: string) => `/apis/apps/v1/namespaces/${namespace}/deployments`,
  statefulSets: (namespace: string) => `/apis/apps/v1/namespaces/${namespace}/statefulsets`,
}

export function internalIps(address: string | readonly string[]): Node['status']['addresses'] {
  return [address].flat().map(each => ({ type: 'InternalIP', address: each }))
}

/** With one InternalIP, or several in this order. */
export function node(name: string, address: string | readonly string[], stage: string): Node {
  const capacity = { cpu: '64', memory: '256Gi', pods: '1000', [RESOURCE]: '1000' }
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { [STAGE]: stage } },
    status: { addresses: internalIps(address), capacity, allocatable: capacity },
  }
}

export function pod(name: string, options: PodOptions): Pod {
  const { annotations, labels, spec } = templateOf(options)
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, annotations, labels }, spec }
}

export function deployment(name: string, options: WorkloadOptions): Workload {
  return workload('Deployment', name, options)
}

export function statefulSet(name: string, options: WorkloadOptions): Workload {
  const made = workload('StatefulSet', name, options)
  return { ...made, spec: { ...made.spec, serviceName: name, podManagementPolicy: 'Parallel' } }
}

function workload(kind: string, name: string, options: WorkloadOptions): Workload {
  const matchLabels = { app: name }
  const { annotations, labels, spec } = templateOf(options)
  const template = { metadata: { annotations, labels: { ...labels, ...matchLabels } }, spec }
  const metadata = { name }
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata,
    spec: { replicas: options.replicas, selector: { matchLabels }, template },
  }
}

function templateOf({ stage, asks = true, policy, args, pool, cpu, priorityClass, labels = {} }: PodOptions) {
  const amount = { ...(asks && { [RESOURCE]: '1' }), ...(cpu !== undefined && { cpu }) }
  const resources = Object.keys(amount).length > 0 ? { resources: { requests: amount, limits: amount } } : {}
  const annotations: Record<string, string> = {}
  if (policy !== undefined) annotations[POLICY] = policy
  if (args !== undefined) annotations[ARGS] = args
  if (pool !== undefined) annotations[POOL] = pool
  const spec: Pod['spec'] = {
    nodeSelector: { [STAGE]: stage },
    containers: [{ name: 'main', image: 'none', ...resources }],
    ...(priorityClass === undefined ? {} : { priorityClassName: priorityClass }),
  }
  return { annotations, labels, spec }
}
