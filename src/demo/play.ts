/** Owns what a scene may do and ask: change the cluster, look at it and at floatip's API, and insist that something is so. */
import type { Api } from './api.ts'
import { NAMESPACE } from './cast.ts'
import { addressesOf, controllerOf, isReady, type KubeObject, type Pod } from './objects.ts'
import type { Program } from './program.ts'
import { EVENTS, PODS } from './resources.ts'
import type { Stage } from './stage.ts'
import type { Theatre } from './theatre.ts'

/** An element of floatip's `GET /v1/ip`. */
export interface IpItem {
  readonly ip: string
  readonly podName?: string
  readonly appName?: string
  readonly status?: string
  readonly releasable?: boolean
}

export interface Play {
  readonly stage: Stage
  readonly api: Api
  readonly floatip: Program
  readonly theatre: Theatre
  /** The pods with this label app, by name. */
  pods(app: string): readonly Pod[]
  /** Waits until `count` pods of the app are ready, none of them being one of `not` (UIDs). */
  ready(app: string, count: number, not?: readonly string[]): Promise<readonly Pod[]>
  /** What floatip says of the addresses that match. */
  listed(query: string): Promise<readonly IpItem[]>
  /** The names of the FloatingIP objects, as the API server gives them to anybody. */
  objects(): Promise<readonly string[]>
  /** The newest FailedScheduling message of the pod. */
  refusal(pod: string): string
  /** Fails the scene unless it is so. */
  insist(condition: boolean, what: string): Promise<void>
  /** Waits until it is so, and fails the scene when it does not become so. */
  until(what: string, condition: () => boolean | Promise<boolean>, withinMs?: number): Promise<number>
  /** Pods with their node and addresses. */
  show(pods: readonly Pod[]): Promise<void>
}

/** Something that a scene insisted on was not so. */
export class SceneFailed extends Error {}

const WITHIN_MS = 15_000
const LOOK_MS = 20

export function playOn(stage: Stage, floatip: Program, theatre: Theatre): Play {
  const { api } = stage

  async function until(
    what: string,
    condition: () => boolean | Promise<boolean>,
    withinMs = WITHIN_MS,
  ): Promise<number> {
    const began = performance.now()
    while (!(await condition())) {
      if (performance.now() - began > withinMs) throw new SceneFailed(`within ${withinMs / 1000} s: ${what}`)
      await Bun.sleep(LOOK_MS)
    }
    return performance.now() - began
  }

  const pods = (app: string) =>
    api
      .list<Pod>(PODS, NAMESPACE)
      .filter(({ metadata }) => metadata.labels?.app === app)
      .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))

  return {
    stage,
    api,
    floatip,
    theatre,
    pods,
    async ready(app, count, not = []) {
      const found = () => pods(app).filter(pod => isReady(pod) && !not.includes(pod.metadata.uid))
      await until(
        `${count} pods of ${app} are ready`,
        () => found().length === count && pods(app).length === count,
      ).catch(error => {
        const states = pods(app).map(
          ({ metadata: { name }, status, spec }) => `${name} ${status?.phase} on ${spec.nodeName}`,
        )
        throw new SceneFailed(`${error.message}; there are: ${states.join(', ')}`)
      })
      return found()
    },
    async listed(query) {
      const reply = await fetch(`${floatip.apiUrl}/v1/ip?size=1000&${query}`)
      return ((await reply.json()) as { content: IpItem[] }).content
    },
    async objects() {
      const reply = await fetch(`${stage.url}/apis/galaxy.k8s.io/v1alpha1/floatingips`)
      return ((await reply.json()) as { items: KubeObject[] }).items.map(({ metadata }) => metadata.name)
    },
    refusal(pod) {
      interface Event {
        readonly reason: string
        readonly message: string
        readonly involvedObject: { readonly name: string }
      }
      const events = api.list(EVENTS, NAMESPACE) as unknown as readonly Event[]
      const ours = events.filter(
        ({ reason, involvedObject }) => reason === 'FailedScheduling' && involvedObject.name === pod,
      )
      return ours.at(-1)?.message ?? ''
    },
    async insist(condition, what) {
      if (!condition) throw new SceneFailed(what)
      await theatre.tick(what)
    },
    until,
    async show(list) {
      const rows = list.map(pod => {
        const { name, annotations } = pod.metadata
        const policy = annotations?.['k8s.v1.cni.galaxy.io/release-policy'] ?? 'with its pod'
        return [name, controllerOf(pod)?.kind ?? 'none', pod.spec.nodeName ?? '', addressesOf(pod).join(' '), policy]
      })
      await theatre.table(['POD', 'OWNER', 'NODE', 'ADDRESS', 'RELEASED'], rows)
    },
  }
}
