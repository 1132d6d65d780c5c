/** Owns the load on a real API server: the pods, the two ways to write for them, and the measuring of a pass. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { handNamespace, stopEverybody } from '../../test/e2e/harness/by-hand.ts'
import { type Cluster, startCluster } from '../../test/e2e/harness/cluster.ts'
import { type Floatip, freePorts, startFloatip } from '../../test/e2e/harness/floatip.ts'
import { connect, type Kube, KubeError, type KubeObject } from '../../test/e2e/harness/kube.ts'
import { ARGS, node, paths, RESOURCE } from '../../test/e2e/harness/objects.ts'
import { median } from './median.ts'

const NODES = 40
export const SUBNETS = 4
export const NAMESPACE = 'bench'
/** Pods before each pass that are not measured: floatip starts anew for each, and no process runs as it will in its first seconds. */
const WARM_UP = 300
const WARM_UP_WORKERS = 16

export interface Way {
  readonly name: string
  /** Outside of what is measured. */
  before(): Promise<void>
  after(): Promise<void>
  run(pod: KubeObject, at: number): Promise<void>
}

export interface Pass {
  readonly perSecond: number
  readonly p50Ms: number
  /** CPU milliseconds for each pod, by process. */
  readonly cpu: Readonly<Record<string, number>>
}

export interface Stage {
  readonly kind: Cluster['kind']
  readonly kube: Kube
  readonly floatip: Floatip
  /** Whose CPU is told. */
  pids(): Record<string, number>
}

/** A control plane, nodes, addresses and floatip, for as long as `work` takes. */
export async function onStage<T>(addresses: number, work: (stage: Stage) => Promise<T>): Promise<T> {
  const [port = 0, apiPort = 0] = await freePorts(2)
  const schedulerConfig = 'apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n'
  const cluster = await startCluster({ schedulerConfig })
  const folder = mkdtempSync(join(tmpdir(), 'floatip-bench-'))
  try {
    // What they do about a bound pod is none of the two writes, and comes late: in another way's pass.
    await stopEverybody({ cluster })
    const kube = await connect(cluster.adminKubeconfig)
    await prepare({ cluster, kube }, addresses)
    // Events are a third write (a fifth of them at this rate: 20 a second), and here two are compared with two.
    const flags = ['--log-level=warn', '--events=false']
    const floatip = await startFloatip({ kubeconfig: cluster.adminKubeconfig, folder, port, apiPort, flags })
    try {
      const pids = () => ({ floatip: floatip.pid, ...componentPids(cluster), 'load generator': process.pid })
      return await work({ kind: cluster.kind, kube, floatip, pids })
    } finally {
      await floatip.stop()
    }
  } finally {
    await cluster.stop()
    rmSync(folder, { recursive: true })
  }
}

/** Of those that are left. */
function componentPids({ components }: Cluster): Record<string, number> {
  const left = Object.entries(components).filter(([name]) => name === 'apiserver' || name === 'etcd')
  return Object.fromEntries(left.map(([name, { pid }]) => [name, pid]))
}

/** Nodes, and `addresses` for their pods in {@link SUBNETS} equal parts. */
async function prepare(stage: { readonly cluster: Cluster; readonly kube: Kube }, addresses: number): Promise<void> {
  const { kube } = stage
  await handNamespace(stage, NAMESPACE)
  const each = addresses / SUBNETS
  const entries = Array.from({ length: SUBNETS }, (_, at) => ({
    nodeSubnets: [`10.49.${at}.0/24`],
    ips: [`10.${60 + at}.0.2~10.${60 + at}.${(each + 1) >> 8}.${(each + 1) & 255}`],
    subnet: `10.${60 + at}.0.0/16`,
    gateway: `10.${60 + at}.0.1`,
  }))
  const data = { floatingips: JSON.stringify(entries) }
  await kube.create(paths.configMaps('kube-system'), { metadata: { name: 'floatingip-config' }, data } as KubeObject)
  for (let at = 0; at < NODES; at++)
    await kube.create(paths.nodes, node(nodeName(at), `10.49.${at % SUBNETS}.${at + 1}`, 'bench'))
}

const nodeName = (at: number) => `bench-node-${at % NODES}`

let serial = 0

/** One pass of one way over new pods, after a warm-up. */
export async function passOf(way: Way, { kube, pids }: Stage, count: number, workers: number): Promise<Pass> {
  const all = await createPods(kube, `p${serial++}`, WARM_UP + count)
  await way.before()
  await measure(way, all.slice(0, WARM_UP), WARM_UP_WORKERS, {})
  const pass = await measure(way, all.slice(WARM_UP), workers, pids())
  await way.after()
  return pass
}

async function measure(
  way: Way,
  pods: readonly KubeObject[],
  workers: number,
  pids: Record<string, number>,
): Promise<Pass> {
  const before = cpuOf(pids)
  const latencies: number[] = []
  const began = performance.now()
  let next = 0
  async function worker(): Promise<void> {
    for (let at = next++; at < pods.length; at = next++) {
      const from = performance.now()
      await way.run(pods[at] as KubeObject, at)
      latencies.push(performance.now() - from)
    }
  }
  await Promise.all(Array.from({ length: workers }, worker))
  const seconds = (performance.now() - began) / 1000
  const after = cpuOf(pids)
  const cpu = Object.fromEntries(
    Object.keys(pids).map(name => [name, ((after[name] ?? 0) - (before[name] ?? 0)) / pods.length]),
  )
  return { perSecond: pods.length / seconds, p50Ms: median(latencies), cpu }
}

/** CPU milliseconds that each process has used, 0 for one that is away: utime + stime of /proc/<pid>/stat, in clock ticks of 10 ms. */
function cpuOf(pids: Record<string, number>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(pids).map(([name, pid]) => {
      const stat = `/proc/${pid}/stat`
      if (!existsSync(stat)) return [name, 0]
      const fields = readFileSync(stat, 'utf8').split(') ')[1]?.split(' ') ?? []
      return [name, (Number(fields[11]) + Number(fields[12])) * 10]
    }),
  )
}

async function createPods(kube: Kube, prefix: string, count: number): Promise<KubeObject[]> {
  const pods: KubeObject[] = []
  for (let from = 0; from < count; from += 16) {
    const batch = Array.from({ length: Math.min(16, count - from) }, (_, at) =>
      kube.create(paths.pods(NAMESPACE), podOf(`${prefix}-${from + at}`)),
    )
    pods.push(...(await Promise.all(batch)))
  }
  return pods
}

/** No scheduler of the cluster feels called: the load generator is the scheduler. */
function podOf(name: string): KubeObject {
  const resources = { requests: { [RESOURCE]: '1' }, limits: { [RESOURCE]: '1' } }
  const spec = { schedulerName: 'bench', containers: [{ name: 'c', image: 'example/c', resources }] }
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: NAMESPACE }, spec } as KubeObject
}

const names = Array.from({ length: NODES }, (_, at) => nodeName(at))

export function through({ url }: Floatip): Way {
  async function ask<T extends { Error: string }>(verb: string, body: unknown): Promise<T> {
    const response = await fetch(`${url}/v1/${verb}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    const answer = (await response.json()) as T
    if (answer.Error !== '') throw new Error(`${verb}: ${answer.Error}`)
    return answer
  }
  return {
    name: 'filter + bind through floatip',
    before: async () => {},
    after: async () => {},
    async run(pod, at) {
      const { NodeNames } = await ask<{ Error: string; NodeNames: string[] }>('filter', {
        Pod: pod,
        Nodes: null,
        NodeNames: names,
      })
      const { name: PodName, namespace: PodNamespace, uid: PodUID } = pod.metadata
      await ask('bind', { PodName, PodNamespace, PodUID, Node: NodeNames[at % NodeNames.length] })
    },
  }
}

/** floatip is away meanwhile: it would look into every object that it did not write. */
export function straight(kube: Kube, floatip: Floatip): Way {
  let serial = 0
  return {
    name: 'the same two writes, straight',
    before: async () => void (await floatip.stop()),
    after: () => floatip.restart(),
    async run({ metadata }, at) {
      const ip = `10.99.${serial >> 8}.${serial++ & 255}`
      const { name, namespace, uid } = metadata
      const target = nodeName(at)
      await kube.create(paths.floatingIps, {
        apiVersion: 'galaxy.k8s.io/v1alpha1',
        kind: 'FloatingIP',
        metadata: {
          name: ip,
          labels: { ipType: 'internalIP' },
          annotations: { 'floatip.galaxy.k8s.io/request-index': '0' },
        },
        spec: {
          key: `NULL_${namespace}_NULL_${name}`,
          policy: 0,
          attribute: JSON.stringify({ NodeName: target, Uid: uid }),
          updateTime: new Date().toISOString(),
        },
      } as KubeObject)
      const args = JSON.stringify({ common: { ipinfos: [{ ip: `${ip}/20`, vlan: 0, gateway: '10.99.0.1' }] } })
      await kube
        .create(`${paths.pods(NAMESPACE)}/${name}/binding`, {
          apiVersion: 'v1',
          kind: 'Binding',
          metadata: { name, namespace, uid, annotations: { [ARGS]: args } },
          target: { apiVersion: 'v1', kind: 'Node', name: target },
        } as KubeObject)
        .catch(error => {
          if (!(error instanceof KubeError)) throw error
          throw new Error(`straight binding: ${error.message}`)
        })
    },
  }
}
