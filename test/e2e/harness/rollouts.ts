/** Owns rolling upgrades as scenarios: a Deployment of each kind, its new template, and what is seen of it while it goes. */
import { addressesOf, isRunning } from './addresses.ts'
import { eventually, type Kube, type KubeObject } from './kube.ts'
import { deployment, type Event, type FloatingIp, type Pod, paths, type Workload } from './objects.ts'

export const SURGE = 'k8s.v1.cni.galaxy.io/rollout-surge'
const POOL = 'tke.cloud.tencent.com/eni-ip-pool'
const VERSION = 'floatip.dev/version'
const LIMIT_MS = 100_000

export type Policy = 'none' | 'immutable' | 'never' | 'pool' | 'sized pool'
export const STRATEGIES = {
  default: { type: 'RollingUpdate' },
  'maxSurge 0': { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: '25%' } },
  Recreate: { type: 'Recreate', rollingUpdate: null },
} as const
export type Strategy = keyof typeof STRATEGIES

export interface Scenario {
  readonly policy: Policy
  readonly strategy: Strategy
  readonly replicas: number
  readonly surge: boolean
}

export function nameOf({ policy, strategy, replicas, surge }: Scenario): string {
  return `${policy}-${strategy}-${replicas}${surge ? '-surge' : ''}`.toLowerCase().replaceAll(' ', '-')
}

interface Rolled extends Workload {
  readonly metadata: Workload['metadata'] & { readonly generation?: number }
  readonly status?: {
    readonly observedGeneration?: number
    readonly replicas?: number
    readonly updatedReplicas?: number
    readonly availableReplicas?: number
  }
}

interface ScheduledPod extends Pod {
  readonly status?: Pod['status'] & {
    readonly conditions?: readonly { readonly type: string; readonly message?: string }[]
  }
}

/** The namespace at one moment, asked once for all scenarios. */
export interface Seen {
  readonly deployments: readonly Rolled[]
  readonly pods: readonly ScheduledPod[]
  readonly events: readonly (Event & { readonly involvedObject: { readonly kind: string; readonly name: string } })[]
  readonly objects: readonly FloatingIp[]
}

export interface Outcome {
  readonly scenario: Scenario
  readonly ended: 'completed' | 'deadlock'
  readonly before: readonly string[]
  readonly after: readonly string[]
  /** The most addresses that the Deployment was seen with. */
  readonly most: number
  readonly tookMs: number
  /** What the waiting pod, and the Deployment's Event, say; empty when it completed. */
  readonly podSays: string
  readonly deploymentSays: readonly string[]
}

export function stageOf(kube: Kube, namespace: string, nodes: string) {
  let seen: Seen = { deployments: [], pods: [], events: [], objects: [] }
  let watching = true
  const most = new Map<string, number>()

  async function look(): Promise<void> {
    const [deployments, pods, events, objects] = await Promise.all([
      kube.list<never>(paths.deployments(namespace)),
      kube.list<never>(paths.pods(namespace)),
      kube.list<never>(paths.events(namespace)),
      kube.list<never>(paths.floatingIps),
    ])
    seen = { deployments, pods, events, objects }
    for (const { metadata } of seen.deployments) {
      most.set(metadata.name, Math.max(most.get(metadata.name) ?? 0, objectsOf(metadata.name).length))
    }
  }

  async function watch(): Promise<void> {
    while (watching) {
      // One failed look shows in what the scenarios wait for.
      await look().catch(() => null)
      await Bun.sleep(200)
    }
  }

  /** Under the Deployment's own keys, or those of the pool that has its name. */
  function objectsOf(name: string): readonly FloatingIp[] {
    const keys = [`dp_${namespace}_${name}_`, `pool__${name}_`]
    return seen.objects.filter(({ spec }) => keys.some(key => spec.key.startsWith(key)))
  }

  const podsOf = (name: string) => seen.pods.filter(({ metadata }) => metadata.labels?.app === name)
  const running = (name: string) => {
    const pods = podsOf(name)
    return pods.every(isRunning) ? pods : []
  }

  /** No old pod is left, and the addresses are back at their number. */
  function completed({ policy, replicas }: Scenario, name: string): boolean {
    const found = seen.deployments.find(({ metadata }) => metadata.name === name)
    const { observedGeneration, replicas: all, updatedReplicas, availableReplicas } = found?.status ?? {}
    const counts = [all, updatedReplicas, availableReplicas, running(name).length]
    const isDone = observedGeneration === found?.metadata.generation && counts.every(count => count === replicas)
    return isDone && (policy === 'none' || objectsOf(name).length === replicas)
  }

  function waits(name: string): { readonly podSays: string; readonly deploymentSays: readonly string[] } {
    const conditions = podsOf(name).flatMap(pod => pod.status?.conditions ?? [])
    const podSays = conditions.find(({ message }) => message?.includes('rolling update'))?.message ?? ''
    const about = seen.events.filter(({ involvedObject: of }) => of.kind === 'Deployment' && of.name === name)
    return { podSays, deploymentSays: about.filter(({ type }) => type === 'Warning').map(({ message }) => message) }
  }

  async function create(scenario: Scenario): Promise<readonly string[]> {
    const { policy, strategy, replicas, surge } = scenario
    const name = nameOf(scenario)
    if (policy === 'sized pool') {
      const pool = { apiVersion: 'galaxy.k8s.io/v1alpha1', kind: 'Pool', metadata: { name }, size: replicas }
      await kube.create('/apis/galaxy.k8s.io/v1alpha1/namespaces/kube-system/pools', pool as KubeObject)
    }
    const sticky = policy === 'immutable' || policy === 'never' ? { policy } : {}
    const made = deployment(name, { stage: nodes, replicas, ...sticky })
    const { template } = made.spec
    const annotations = {
      ...template.metadata.annotations,
      ...(policy.endsWith('pool') && { [POOL]: name }),
      ...(surge && { [SURGE]: 'allow' }),
    }
    const spec = {
      ...made.spec,
      strategy: STRATEGIES[strategy],
      template: { ...template, metadata: { ...template.metadata, annotations } },
    }
    await kube.create(paths.deployments(namespace), { ...made, spec } as Workload)
    await eventually(`${name} runs`, async () => running(name).length === replicas, { withinMs: LIMIT_MS })
    return running(name).flatMap(addressesOf)
  }

  /** Creates it, and gives its pods another template. */
  async function upgrade(scenario: Scenario): Promise<Outcome> {
    const before = await create(scenario)
    return await roll(scenario, before, { template: { metadata: { annotations: { [VERSION]: '2' } } } })
  }

  /** Changes the Deployment, and waits until its rollout is through or (if it may) is told to wait for itself. */
  async function roll(scenario: Scenario, before: readonly string[], spec: object, mayWait = true): Promise<Outcome> {
    const name = nameOf(scenario)
    const start = performance.now()
    const { metadata } = await kube.patch<Rolled>(`${paths.deployments(namespace)}/${name}`, { spec })
    const isSeen = (each: Rolled) =>
      each.metadata.name === name && (each.metadata.generation ?? 0) >= (metadata.generation ?? 0)
    const ended = await eventually(
      `the rollout of ${name}`,
      async () => {
        // What was seen before the change is not its outcome.
        if (!seen.deployments.some(isSeen)) return false
        const { podSays, deploymentSays } = waits(name)
        if (mayWait && podSays !== '' && deploymentSays.length > 0) return 'deadlock' as const
        return completed(scenario, name) && ('completed' as const)
      },
      { withinMs: LIMIT_MS },
    )
    const tookMs = Math.round(performance.now() - start)
    const after = ended === 'completed' ? running(name).flatMap(addressesOf) : []
    const says = ended === 'completed' ? { podSays: '', deploymentSays: [] } : waits(name)
    return { scenario, ended, before, after, most: most.get(name) ?? 0, tookMs, ...says }
  }

  return {
    watch,
    upgrade,
    roll,
    /** The pods of a Deployment that wait. */
    pending: (name: string) => podsOf(name).filter(pod => pod.spec.nodeName === undefined),
    stop(): void {
      watching = false
    },
  }
}
