/** Owns the scheduler's side of the extender protocol: its configuration file, and the three calls. */
import { parse } from 'yaml'
import { type Node, type Pod, RESOURCE } from './objects.ts'

export interface ExtenderConfig {
  readonly urlPrefix: string
  readonly filterVerb?: string
  readonly prioritizeVerb?: string
  readonly bindVerb?: string
  readonly weight: number
  readonly timeoutMs: number
  readonly nodeCacheCapable: boolean
  /** Pods that request one of these go to the extender. */
  readonly resources: readonly string[]
}

interface RawExtender {
  readonly urlPrefix?: string
  readonly filterVerb?: string
  readonly prioritizeVerb?: string
  readonly bindVerb?: string
  readonly weight?: number
  readonly httpTimeout?: string | number
  readonly nodeCacheCapable?: boolean
  readonly managedResources?: readonly { readonly name: string }[]
}

const TIMEOUT_DEFAULT_MS = 5_000

/** The first extender of a KubeSchedulerConfiguration (YAML or JSON); null: it has none. */
export function readSchedulerConfig(text: string): ExtenderConfig | null {
  const config = parse(text) as { extenders?: RawExtender[] } | null
  const raw = config?.extenders?.[0]
  if (raw?.urlPrefix === undefined) return null
  const { urlPrefix, filterVerb, prioritizeVerb, bindVerb, managedResources } = raw
  return {
    urlPrefix,
    ...(filterVerb && { filterVerb }),
    ...(prioritizeVerb && { prioritizeVerb }),
    ...(bindVerb && { bindVerb }),
    weight: raw.weight ?? 1,
    timeoutMs: millisecondsOf(raw.httpTimeout),
    nodeCacheCapable: raw.nodeCacheCapable ?? false,
    resources: managedResources?.map(({ name }) => name) ?? [RESOURCE],
  }
}

/** `10s`, `1m`, or nanoseconds as in the Policy files of old. */
function millisecondsOf(value: string | number | undefined): number {
  if (typeof value === 'number') return value / 1e6
  const [, count, unit] = /^([\d.]+)(ms|s|m)$/.exec(value ?? '') ?? []
  if (count === undefined) return TIMEOUT_DEFAULT_MS
  return Number(count) * (unit === 'ms' ? 1 : unit === 's' ? 1_000 : 60_000)
}

export interface Verdicts {
  readonly fitting: readonly Node[]
  /** Per refused node, why. */
  readonly refused: ReadonlyMap<string, string>
}

/** All throw when the extender errs or does not answer: the scheduler tries again later. */
export interface Extender {
  readonly resources: readonly string[]
  readonly binds: boolean
  filter(pod: Pod, nodes: readonly Node[]): Promise<Verdicts>
  /** Node name to score; errors count as no preference. */
  prioritize(pod: Pod, nodes: readonly Node[]): Promise<ReadonlyMap<string, number>>
  bind(pod: Pod, node: string): Promise<void>
}

interface FilterReply {
  readonly Nodes?: { readonly items?: readonly Node[] | null } | null
  readonly NodeNames?: readonly string[] | null
  readonly FailedNodes?: Readonly<Record<string, string>> | null
  readonly FailedAndUnresolvableNodes?: Readonly<Record<string, string>> | null
  readonly Error?: string
}

export function extenderOf(config: ExtenderConfig): Extender {
  async function call<T>(verb: string, body: object): Promise<T> {
    const url = `${config.urlPrefix.replace(/\/$/, '')}/${verb}`
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(config.timeoutMs),
    }).catch(cause => {
      const { code, name } = cause as { code?: string; name?: string }
      throw new Error(`Post "${url}": no answer: ${code || name}`, { cause })
    })
    if (response.status !== 200) throw new Error(`${verb} of extender ${config.urlPrefix}: HTTP ${response.status}`)
    return (await response.json()) as T
  }

  function question(pod: Pod, nodes: readonly Node[]): object {
    if (config.nodeCacheCapable) return { Pod: pod, Nodes: null, NodeNames: nodes.map(({ metadata }) => metadata.name) }
    return { Pod: pod, Nodes: { metadata: {}, items: nodes }, NodeNames: null }
  }

  return {
    resources: config.resources,
    binds: config.bindVerb !== undefined,

    async filter(pod, nodes) {
      if (config.filterVerb === undefined) return { fitting: nodes, refused: new Map() }
      const reply = await call<FilterReply>(config.filterVerb, question(pod, nodes))
      if (reply.Error) throw new Error(reply.Error)
      const names = reply.NodeNames ?? reply.Nodes?.items?.map(({ metadata }) => metadata.name) ?? []
      const fitting = names.map(name => {
        const node = nodes.find(({ metadata }) => metadata.name === name)
        if (node === undefined) throw new Error(`the extender returned a node that was not asked: ${name}`)
        return node
      })
      const refused = { ...reply.FailedNodes, ...reply.FailedAndUnresolvableNodes }
      return { fitting, refused: new Map(Object.entries(refused)) }
    },

    async prioritize(pod, nodes) {
      if (config.prioritizeVerb === undefined) return new Map()
      try {
        const scores = await call<{ Host: string; Score: number }[] | null>(config.prioritizeVerb, question(pod, nodes))
        return new Map((scores ?? []).map(({ Host, Score }) => [Host, Score * config.weight * 10]))
      } catch {
        return new Map()
      }
    },

    async bind({ metadata: { name, namespace, uid } }, node) {
      const body = { PodName: name, PodNamespace: namespace, PodUID: uid, Node: node }
      const { Error: error } = await call<{ Error?: string }>(config.bindVerb ?? 'bind', body)
      if (error) throw new Error(error)
    },
  }
}
