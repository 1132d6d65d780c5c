/** Owns what the demo's tests share: a stage, a plain HTTP client, and an extender that hands out addresses naively. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readSchedulerConfig } from '../../src/demo/extender.ts'
import { ARGS_ANNOTATION, isReady, type KubeObject, type Pod, RESOURCE, type Texts } from '../../src/demo/objects.ts'
import { NODES, PODS } from '../../src/demo/resources.ts'
import { type Stage, startStage } from '../../src/demo/stage.ts'

/** What the tests look at in answers: objects, lists and Status alike. */
export interface Body extends KubeObject {
  readonly metadata: KubeObject['metadata'] & { readonly continue?: string }
  readonly items: readonly KubeObject[]
  readonly resources: readonly object[]
  readonly message: string
  readonly details: { readonly name?: string }
  readonly data?: Texts
  readonly spec: object
  readonly status: { readonly conditions?: readonly object[]; readonly capacity?: Texts }
}

export interface Reply {
  readonly status: number
  readonly body: Body
}

export interface World extends AsyncDisposable {
  readonly stage: Stage
  readonly failures: unknown[]
  call(method: string, path: string, body?: unknown, contentType?: string): Promise<Reply>
  addNode(name: string, labels?: Texts): void
  pod(name: string): Pod | undefined
  /** The pods with this label app, by name. */
  pods(app: string): readonly Pod[]
  ready(app: string, count: number): Promise<readonly Pod[]>
}

export async function world(options: { extender?: StubExtender; history?: number } = {}): Promise<World> {
  const dir = mkdtempSync(join(tmpdir(), 'floatip-stage-test-'))
  const failures: unknown[] = []
  const stage = await startStage({
    dir,
    extender: options.extender === undefined ? null : readSchedulerConfig(options.extender.config),
    times: { startMs: 5, stopMs: 5 },
    onFailure: thrown => failures.push(thrown),
    ...(options.history !== undefined && { history: options.history }),
  })
  const pods = (app: string) => {
    return stage.api.list<Pod>(PODS, 'default').filter(({ metadata }) => metadata.labels?.app === app)
  }
  return {
    stage,
    failures,
    pods,
    async call(method, path, body, contentType = 'application/json') {
      const response = await fetch(stage.url + path, {
        method,
        headers: { 'content-type': contentType },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      return { status: response.status, body: (await response.json()) as Body }
    },
    addNode(name, labels = {}) {
      stage.api.create(NODES, undefined, {
        metadata: { name, labels },
        status: { addresses: [{ type: 'InternalIP', address: '10.0.0.1' }] },
      })
    },
    pod: name => stage.api.find<Pod>(PODS, 'default', name),
    async ready(app, count) {
      await until(`${count} pods of ${app}`, () => pods(app).length === count && pods(app).every(isReady))
      return pods(app)
    },
    async [Symbol.asyncDispose]() {
      await stage.stop()
      rmSync(dir, { recursive: true })
    },
  }
}

export async function until(what: string, condition: () => boolean, withinMs = 5_000): Promise<void> {
  const began = performance.now()
  while (!condition()) {
    if (performance.now() - began > withinMs) throw new Error(`not within ${withinMs} ms: ${what}`)
    await Bun.sleep(2)
  }
}

export function podBody(app: string, options: { asks?: boolean; annotations?: Texts; labels?: Texts } = {}) {
  const resources = options.asks ? { resources: { requests: { [RESOURCE]: '1' } } } : {}
  return {
    metadata: { name: app, labels: { app, ...options.labels }, annotations: options.annotations ?? {} },
    spec: { containers: [{ name: 'main', image: 'one', ...resources }] },
  }
}

export function workloadBody(app: string, replicas: number, more: object = {}, options: { asks?: boolean } = {}) {
  const { metadata, spec } = podBody(app, options)
  return {
    metadata: { name: app },
    spec: { replicas, template: { metadata: { labels: metadata.labels }, spec }, ...more },
  }
}

export const newImage = { spec: { template: { spec: { containers: [{ name: 'main', image: 'two' }] } } } }

export const mergePatch = 'application/merge-patch+json'

export interface StubExtender extends Disposable {
  readonly config: string
  /** Each call in order, such as `filter web-0`. */
  readonly calls: string[]
  /** Texts per node, or an error for the whole call; null: every node fits. */
  answer: (pod: KubeObject, nodes: readonly string[]) => Record<string, string> | Error | null
  /** Where it binds; without one, binds fail. */
  world: World | null
}

interface FilterQuestion {
  readonly Pod: KubeObject
  readonly NodeNames: string[] | null
  readonly Nodes: { items: KubeObject[] } | null
}

interface BindQuestion {
  readonly PodName: string
  readonly PodNamespace: string
  readonly PodUID: string
  readonly Node: string
}

/** Gives each pod the next address; it keeps nothing. */
export function stubExtender(options: { nodeCacheCapable?: boolean } = {}): StubExtender {
  let addresses = 0
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      const verb = new URL(request.url).pathname.slice('/v1/'.length)
      const body = await request.json()
      if (verb === 'bind') return Response.json(await bind(body as BindQuestion))
      const question = body as FilterQuestion
      return Response.json(verb === 'filter' ? filter(question) : prioritize(question))
    },
  })

  function names({ Nodes, NodeNames }: FilterQuestion): string[] {
    return NodeNames ?? Nodes?.items.map(({ metadata }) => metadata.name) ?? []
  }

  function filter(question: FilterQuestion): object {
    stub.calls.push(`filter ${question.Pod.metadata.name}`)
    const asked = names(question)
    const answer = stub.answer(question.Pod, asked)
    if (answer instanceof Error) return { Error: answer.message }
    const fitting = asked.filter(name => answer?.[name] === undefined)
    const items = question.Nodes?.items.filter(({ metadata }) => fitting.includes(metadata.name))
    const nodes = items === undefined ? { NodeNames: fitting } : { Nodes: { items } }
    return { ...nodes, FailedNodes: {}, FailedAndUnresolvableNodes: answer ?? {}, Error: '' }
  }

  function prioritize(question: FilterQuestion): object {
    stub.calls.push(`priority ${question.Pod.metadata.name}`)
    return names(question).map((Host, Score) => ({ Host, Score }))
  }

  async function bind(body: BindQuestion): Promise<object> {
    stub.calls.push(`bind ${body.PodName} ${body.Node}`)
    const ipinfos = [{ ip: `10.1.0.${++addresses}/24`, vlan: 0, gateway: '10.1.0.254' }]
    const path = `/api/v1/namespaces/${body.PodNamespace}/pods/${body.PodName}/binding`
    const reply = await stub.world?.call('POST', path, {
      metadata: { uid: body.PodUID, annotations: { [ARGS_ANNOTATION]: JSON.stringify({ common: { ipinfos } }) } },
      target: { name: body.Node },
    })
    return { Error: reply?.status === 201 ? '' : (reply?.body.message ?? 'nowhere to bind') }
  }

  const extender = {
    urlPrefix: `http://127.0.0.1:${server.port}/v1`,
    ...{ filterVerb: 'filter', prioritizeVerb: 'priority', bindVerb: 'bind', weight: 1, httpTimeout: '2s' },
    nodeCacheCapable: options.nodeCacheCapable ?? true,
    managedResources: [{ name: RESOURCE, ignoredByScheduler: true }],
  }
  const stub: StubExtender = {
    config: JSON.stringify({ kind: 'KubeSchedulerConfiguration', extenders: [extender] }),
    calls: [],
    answer: () => null,
    world: null,
    [Symbol.dispose]: () => void server.stop(true),
  }
  return stub
}
