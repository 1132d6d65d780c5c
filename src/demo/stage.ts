/** Owns the composition of the miniature cluster: API server, controllers, scheduler and kubelets in one process. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Api, apiOf } from './api.ts'
import { garbageCollector } from './collector.ts'
import { deploymentController } from './deployment.ts'
import { type ExtenderConfig, extenderOf } from './extender.ts'
import { type KubeletTimes, kubelets } from './kubelet.ts'
import { deletePod, podsOn } from './pods.ts'
import { replicaSetController } from './replicaset.ts'
import { NAMESPACES, resourcesOf } from './resources.ts'
import { scheduler } from './scheduler.ts'
import { apiServer } from './server.ts'
import { statefulSetController } from './statefulset.ts'
import { storeOf } from './store.ts'

export interface StageOptions {
  /** The kubeconfig is written here. */
  readonly dir: string
  /** Null: pods are scheduled without asking anybody. */
  readonly extender: ExtenderConfig | null
  readonly times?: Partial<KubeletTimes>
  /** Events that a watch may have missed. */
  readonly history?: number
  readonly onFailure?: (thrown: unknown) => void
}

export interface Stage {
  readonly url: string
  readonly kubeconfig: string
  /** The cluster from inside; people and floatip come over HTTP. */
  readonly api: Api
  /** The node answers no more; its pods are deleted by force after a while, as an operator would. Resolves then. */
  failNode(node: string, operatorMs?: number): Promise<void>
  recoverNode(node: string): void
  stop(): Promise<void>
}

const TIMES: KubeletTimes = { startMs: 150, stopMs: 150 }
const OPERATOR_MS = 700

export async function startStage(options: StageOptions): Promise<Stage> {
  const onFailure = options.onFailure ?? (thrown => console.error('demo cluster:', thrown))
  const resources = resourcesOf()
  const store = storeOf(options.history === undefined ? {} : { history: options.history })
  const api = apiOf(store, resources)
  const server = apiServer(api, resources)
  const nodes = kubelets(api, { ...TIMES, ...options.times }, onFailure)
  const parts = [
    garbageCollector(api, onFailure),
    statefulSetController(api, onFailure),
    deploymentController(api, onFailure),
    replicaSetController(api, onFailure),
    scheduler(api, options.extender === null ? null : extenderOf(options.extender), onFailure),
    nodes,
  ]
  for (const name of ['default', 'kube-system']) api.create(NAMESPACES, undefined, { metadata: { name } })

  mkdirSync(options.dir, { recursive: true })
  const kubeconfig = join(options.dir, 'admin.kubeconfig')
  writeFileSync(kubeconfig, kubeconfigFor(server.url))

  return {
    url: server.url,
    kubeconfig,
    api,
    async failNode(node, operatorMs = OPERATOR_MS) {
      nodes.fail(node)
      await Bun.sleep(operatorMs)
      for (const pod of podsOn(api, node)) deletePod(api, pod, 0)
    },
    recoverNode: node => nodes.recover(node),
    async stop() {
      for (const part of parts) part.stop()
      await server.stop()
    },
  }
}

/** JSON is YAML. */
function kubeconfigFor(server: string): string {
  const name = 'floatip-demo'
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server } }],
    users: [{ name, user: {} }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  }
  return `${JSON.stringify(config, null, 2)}\n`
}
