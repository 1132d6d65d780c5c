/** Owns the stage of a file of scenarios: one cluster, one floatip behind a tap, and for each scenario nodes and addresses of its own. */
import { join } from 'node:path'
import { type Cluster, startCluster, startDemoCluster } from './cluster.ts'
import { accountKubeconfig, install } from './deploy.ts'
import { schedulerConfig, type Tap, tap } from './extenderTap.ts'
import { type Floatip, freePorts, startFloatip } from './floatip.ts'
import { connect, eventually, type Kube, type Metadata } from './kube.ts'
import { node, paths, STAGE } from './objects.ts'

/** One element of `floatingips` with nodes of its own: pods come there by the name, through their nodeSelector. */
export interface EntryPlan {
  readonly name: string
  readonly nodes: number
  /** Instead of the whole /22; made from its first two octets and a third, `10.50.8`. */
  readonly ips?: (third: string) => string[]
  /** Instead of a network of its own. */
  readonly network?: { readonly subnet: string; readonly gateway: string; readonly vlan: number }
}

export interface Entry {
  readonly name: string
  readonly nodeSubnets: readonly string[]
  readonly ips: readonly string[]
  readonly subnet: string
  readonly gateway: string
  readonly vlan: number
}

export interface Stage {
  readonly cluster: Cluster
  readonly kube: Kube
  readonly tap: Tap
  readonly floatip: Floatip
  /** By the plan's name. */
  entry(name: string): Entry
  stop(): Promise<void>
}

/** Generous: the machine may be slow, and the cluster's first build takes minutes. */
export const STAGE_LIMIT_MS = 20 * 60_000

export interface StageOptions {
  /** Of the scheduler's client. */
  readonly qps?: number
  /** The demo cluster in any case. */
  readonly onDemo?: boolean
  /** For floatip, after those that every scenario has. */
  readonly flags?: readonly string[]
  /** Of the file's `schedule_plugin`. */
  readonly settings?: Readonly<Record<string, unknown>>
  /** What is there before floatip starts. */
  readonly beforehand?: (cluster: Cluster, kube: Kube) => Promise<void>
}

export async function startStage(plans: readonly EntryPlan[], options: StageOptions = {}): Promise<Stage> {
  const [port = 0, apiPort = 0] = await freePorts(2)
  const between = tap(`http://127.0.0.1:${port}`)
  const start = options.onDemo ? startDemoCluster : startCluster
  const cluster = await start({ schedulerConfig: schedulerConfig(between.url, options) })
  const entries = plans.map((plan, at) => entryAt(at, plan))
  try {
    const kube = await connect(cluster.adminKubeconfig)
    const kubeconfig = await configure(kube, cluster, entries)
    for (const [at, plan] of plans.entries()) await createNodes(kube, at, plan)
    await options.beforehand?.(cluster, kube)
    const folder = join(cluster.folder, 'floatip')
    const { flags = [], settings = {} } = options
    const floatip = await startFloatip({ kubeconfig, folder, port, apiPort, flags, settings })
    return {
      cluster,
      kube,
      tap: between,
      floatip,
      entry(name) {
        const found = entries.find(entry => entry.name === name)
        if (found === undefined) throw new Error(`no entry ${name} on this stage`)
        return found
      },
      async stop() {
        await floatip.kill()
        await cluster.stop()
        await between.stop()
      },
    }
  } catch (error) {
    await cluster.stop()
    await between.stop()
    throw error
  }
}

/** The at-th /22 of 10.50.0.0/16, for nodes of the at-th /24 of 10.49.0.0/16. */
function entryAt(at: number, { name, ips, network }: EntryPlan): Entry {
  const third = `10.50.${at * 4}`
  return {
    name,
    nodeSubnets: [`10.49.${at}.0/24`],
    ips: ips?.(third) ?? [`${third}.2~10.50.${at * 4 + 3}.254`],
    subnet: `${third}.0/22`,
    gateway: `${third}.1`,
    vlan: at,
    ...network,
  }
}

/** Answers the kubeconfig for floatip: that of its own service account, which the demo cluster does not have. */
async function configure(kube: Kube, cluster: Cluster, entries: readonly Entry[]): Promise<string> {
  const floatingips = JSON.stringify(entries.map(({ name: _, ...entry }) => entry))
  if (cluster.kind === 'control-plane') {
    await install(kube, floatingips)
    return await accountKubeconfig(kube, cluster.adminKubeconfig, cluster.folder)
  }
  const metadata = { name: 'floatingip-config' }
  await eventually('namespace kube-system', () => kube.find('/api/v1/namespaces/kube-system'))
  await kube.create(paths.configMaps('kube-system'), {
    ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata },
    ...{ data: { floatingips } },
  })
  return cluster.adminKubeconfig
}

async function createNodes(kube: Kube, at: number, { name, nodes }: EntryPlan): Promise<void> {
  const create = (i: number) => createNode(kube, `${name}-${i}`, `10.49.${at}.${10 + i}`, name)
  await Promise.all(Array.from({ length: nodes }, (_, i) => create(i)))
}

export async function createNode(
  kube: Kube,
  name: string,
  address: string | readonly string[],
  stage: string,
): Promise<void> {
  await kube.create(paths.nodes, node(name, address, stage))
}

export async function cordon(kube: Kube, name: string, unschedulable = true): Promise<void> {
  await kube.patch(`${paths.nodes}/${name}`, { spec: { unschedulable } })
}

/** With the service account without which its pods would be refused; the demo cluster has none. */
export async function createNamespace(kube: Kube, name: string, kind: Cluster['kind']): Promise<string> {
  const metadata: Metadata = { name, labels: { [STAGE]: 'e2e' } }
  await kube.create(paths.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata })
  if (kind === 'control-plane') {
    const account = `/api/v1/namespaces/${name}/serviceaccounts/default`
    await eventually(`service account of namespace ${name}`, () => kube.find(account))
  }
  return name
}
