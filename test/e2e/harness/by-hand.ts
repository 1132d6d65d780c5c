/** Owns the scheduler that a scenario plays itself: pods that no other takes, and both ports of floatip by plain HTTP. */
import type { KubeObject } from './kube.ts'
import { ARGS, type FloatingIp, type Pod, type PodOptions, paths, pod } from './objects.ts'
import { type EntryPlan, type Stage, startStage } from './stage.ts'

export interface Reply {
  readonly status: number
  readonly type: string
  readonly body: Answer
  readonly text: string
}

/** Every field that an answer of either port may have. */
export interface Answer {
  readonly Nodes: { readonly items: readonly KubeObject[] } | null
  readonly NodeNames: readonly string[] | null
  readonly FailedNodes: Readonly<Record<string, string>>
  readonly FailedAndUnresolvableNodes: Readonly<Record<string, string>>
  readonly Error: string
  readonly code: number
  readonly message: string
  readonly pool: object
  readonly realPoolSize: number
  readonly unreleased: readonly string[]
  readonly reasons: readonly string[]
  readonly totalElements: number
  readonly totalPages: number
  readonly content: readonly Item[]
}

export interface Item {
  readonly ip: string
  readonly namespace?: string
  readonly appName?: string
  readonly podName?: string
  readonly poolName?: string
  readonly policy?: number
  readonly appType?: string
  readonly updateTime?: string
  readonly status?: string
  readonly releasable?: boolean
}

/** An owner reference as the API server wants it; the owner itself need not exist. */
export interface OwnedBy {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid?: string
  readonly controller?: boolean
}

export interface HandOptions extends Omit<PodOptions, 'stage'> {
  readonly owner?: OwnedBy
}

export interface Hand {
  /** Waits for a scheduler that never comes. */
  pod(namespace: string, name: string, options?: HandOptions): Promise<Pod>
  filter(pod: Pod, nodes: readonly string[]): Promise<Answer>
  /** Empty: bound. */
  bind(pod: Pod, node: string): Promise<string>
  /** Filter, then bind to the first node that passed; answers the pod's addresses. */
  place(pod: Pod, nodes: readonly string[]): Promise<readonly string[]>
  extender(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>
  api(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>
  list(query: string): Promise<Answer>
  /** Null: the address has no object. */
  stored(address: string): Promise<FloatingIp | null>
  /** Gone from the API server at once. */
  remove(pod: Pod): Promise<void>
}

const SCHEDULER = 'by-hand'
const JSON_TYPE = { 'content-type': 'application/json' }

export function byHand({ kube, floatip }: Stage): Hand {
  async function call(base: string, method: string, path: string, body?: unknown, headers = JSON_TYPE as object) {
    const sent = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }
    const reply = await fetch(base + path, { method, headers: { ...headers }, ...sent })
    const text = await reply.text()
    let parsed: unknown = null
    try {
      parsed = JSON.parse(text)
    } catch {
      // Metrics, probes and pages are no JSON: their reader takes the text.
    }
    return { status: reply.status, type: reply.headers.get('content-type') ?? '', body: parsed as Answer, text }
  }

  const hand: Hand = {
    pod: (namespace, name, options = {}) => kube.create(paths.pods(namespace), handPod(name, options)),
    filter: async (Pod, NodeNames) => (await hand.extender('POST', '/v1/filter', { Pod, Nodes: null, NodeNames })).body,
    bind: async ({ metadata }, Node) => {
      const { name: PodName, namespace: PodNamespace, uid: PodUID } = metadata
      const { body, text } = await hand.extender('POST', '/v1/bind', { PodName, PodNamespace, PodUID, Node })
      return body?.Error ?? text
    },
    place: async (made, nodes) => {
      const asked = await hand.filter(made, nodes)
      const [node] = asked.NodeNames ?? []
      if (node === undefined) throw new Error(`no node passed: ${JSON.stringify(asked)}`)
      const failed = await hand.bind(made, node)
      if (failed !== '') throw new Error(failed)
      const { metadata } = await kube.get<Pod>(`${paths.pods(made.metadata.namespace ?? '')}/${made.metadata.name}`)
      const { common } = JSON.parse(metadata.annotations?.[ARGS] ?? '{}') as { common: { ipinfos: { ip: string }[] } }
      return common.ipinfos.map(({ ip }) => ip.split('/')[0] ?? '')
    },
    extender: (method, path, body, headers) => call(floatip.url, method, path, body, headers),
    api: (method, path, body, headers) => call(floatip.apiUrl, method, path, body, headers),
    list: async query => (await hand.api('GET', `/v1/ip?${query}`)).body,
    stored: address => kube.find(`${paths.floatingIps}/${address}`),
    remove: ({ metadata }) =>
      kube.delete(`${paths.pods(metadata.namespace ?? '')}/${metadata.name}`, { graceSeconds: 0 }),
  }
  return hand
}

export function handPod(name: string, { owner, ...options }: HandOptions = {}): Pod {
  const made = pod(name, { ...options, stage: 'nowhere' })
  const { nodeSelector: _, ...spec } = made.spec
  const reference = owner === undefined ? [] : [{ uid: `uid-of-${owner.name}`, controller: true, ...owner }]
  return {
    ...made,
    metadata: { ...made.metadata, ...(owner !== undefined && { ownerReferences: reference }) },
    spec: { ...spec, schedulerName: SCHEDULER },
  } as Pod
}

/** One that the API server does not have (yet). */
export function unseen(namespace: string, name: string, options: HandOptions = {}): Pod {
  const made = handPod(name, options)
  return { ...made, metadata: { ...made.metadata, namespace, uid: `uid-of-${name}` } } as Pod
}

export const ownedBySet = (name: string): OwnedBy => ({ apiVersion: 'apps/v1', kind: 'StatefulSet', name })
/** With the label that a Deployment puts on its pods: see {@link HASH}. */
export const ownedByDeployment = (name: string): OwnedBy => ({
  ...{ apiVersion: 'apps/v1', kind: 'ReplicaSet' },
  name: `${name}-${HASH['pod-template-hash']}`,
})
export const HASH = { 'pod-template-hash': '69fd8dbc5c' } as const

/** Subnets of which some are soon full. */
export const NARROW: readonly EntryPlan[] = [
  { name: 'wide', nodes: 2 },
  { name: 'two', nodes: 1, ips: third => [`${third}.2~${third}.3`] },
  { name: 'few', nodes: 1, ips: third => [`${third}.10~${third}.14`] },
  { name: 'one', nodes: 1, ips: third => [`${third}.77`] },
]

/** 20 addresses; 10.50.0.9 and 10.50.0.10 stand where numbers and texts differ. */
export const TWENTY: readonly EntryPlan[] = [
  { name: 'a', nodes: 1, ips: third => [`${third}.5~${third}.18`] },
  { name: 'b', nodes: 1, ips: third => [`${third}.2~${third}.7`] },
]

/** A stage on which only the scenario moves, with these namespaces. */
export async function startHand(
  plans: readonly EntryPlan[],
  namespaces: readonly string[],
): Promise<{ stage: Stage; hand: Hand }> {
  const stage = await startStage(plans)
  try {
    await stopEverybody(stage)
    for (const name of namespaces) await handNamespace(stage, name)
    return { stage, hand: byHand(stage) }
  } catch (error) {
    await stage.stop()
    throw error
  }
}

/** Nobody starts pods, nobody makes or collects them: what is there is what the scenario made. */
export async function stopEverybody({ cluster }: Pick<Stage, 'cluster'>): Promise<void> {
  if (cluster.kind === 'demo') return
  for (const part of ['scheduler', 'controller-manager', 'kwok']) await cluster.tell('stop', part)
}

/** A namespace that needs no controller: its service account is made here, without which its pods would be refused. */
export async function handNamespace({ kube, cluster }: Pick<Stage, 'cluster' | 'kube'>, name: string): Promise<string> {
  await kube.create(paths.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  if (cluster.kind === 'demo') return name
  const path = `/api/v1/namespaces/${name}/serviceaccounts`
  await kube.create(path, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } })
  return name
}
