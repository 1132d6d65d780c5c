/** Owns the proof that only the holder of the Lease answers, and that a successor knows what the dead one gave out. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { addressesOf, runningPod } from './harness/addresses.ts'
import { type Cluster, FLOATIP, startCluster } from './harness/cluster.ts'
import { accountKubeconfig, install } from './harness/deploy.ts'
import { schedulerConfig } from './harness/extenderTap.ts'
import { freePorts } from './harness/floatip.ts'
import { connect, eventually, type Kube, type KubeObject } from './harness/kube.ts'
import { node, paths, pod } from './harness/objects.ts'
import { createNamespace, STAGE_LIMIT_MS } from './harness/stage.ts'

const LIMIT_MS = 120_000
const ELECTION = [
  ...['--leader-elect-lease-duration=3s', '--leader-elect-renew-deadline=2s', '--leader-elect-retry-period=500ms'],
]
const FLOATINGIPS = JSON.stringify([
  { nodeSubnets: ['10.49.0.0/24'], ips: ['10.50.0.2~10.50.0.99'], subnet: '10.50.0.0/24', gateway: '10.50.0.1' },
])

let cluster: Cluster
let kube: Kube
let kubeconfig: string
let ports: number[]
const running = new Set<Bun.Subprocess>()

beforeAll(async () => {
  ports = await freePorts(4)
  cluster = await startCluster({ schedulerConfig: schedulerConfig(`http://127.0.0.1:${ports[0]}`) })
  kube = await connect(cluster.adminKubeconfig)
  if (cluster.kind === 'control-plane') {
    await install(kube, FLOATINGIPS)
    kubeconfig = await accountKubeconfig(kube, cluster.adminKubeconfig, cluster.folder)
  } else {
    const object = { metadata: { name: 'floatingip-config' }, data: { floatingips: FLOATINGIPS } }
    await kube.create(paths.configMaps('kube-system'), object as KubeObject)
    kubeconfig = cluster.adminKubeconfig
  }
  await kube.create(paths.nodes, node('n1', '10.49.0.11', 'lead'))
}, STAGE_LIMIT_MS)

afterAll(async () => {
  for (const child of running) {
    child.kill('SIGTERM')
    await child.exited
  }
  await cluster?.stop()
}, LIMIT_MS)

/** A process with a ledger of its own. */
function start(name: string, port: number, apiPort: number) {
  const folder = join(cluster.folder, name)
  mkdirSync(folder)
  const at = ['--bind', '127.0.0.1', '--port', `${port}`, '--api-port', `${apiPort}`, '--data-dir', folder]
  const child = Bun.spawn([FLOATIP, 'serve', '--kubeconfig', kubeconfig, ...at, ...ELECTION], { stderr: 'ignore' })
  running.add(child)
  const readyz = async () => {
    const reply = await fetch(`http://127.0.0.1:${apiPort}/readyz`)
    return { status: reply.status, text: await reply.text() }
  }
  return {
    child,
    readyz,
    ready: () => eventually(`${name} is ready`, async () => (await readyz().catch(() => null))?.status === 200),
    filter: async (object: KubeObject) => {
      const body = JSON.stringify({ Pod: object, Nodes: null, NodeNames: ['n1'] })
      const reply = await fetch(`http://127.0.0.1:${port}/v1/filter`, { method: 'POST', body })
      return (await reply.json()) as { Error: string; NodeNames: string[] | null }
    },
  }
}

test(
  'the second process waits and says who leads; the first one killed, it takes over and knows every address',
  async () => {
    const [portA = 0, apiA = 0, portB = 0, apiB = 0] = ports
    const a = start('a', portA, apiA)
    await a.ready()
    const b = start('b', portB, apiB)
    await eventually('b says who leads', async () => {
      const { status, text } = await b.readyz()
      return status === 503 && /leads \(.*galaxy-ipam/.test(text)
    })
    const ns = await createNamespace(kube, 'lead', cluster.kind)
    await kube.create(paths.pods(ns), pod('p', { stage: 'lead' }))
    const bound = await runningPod(kube, ns, 'p')
    const [address = ''] = addressesOf(bound)
    const other = { ...bound, metadata: { ...bound.metadata, name: 'q', uid: 'another' } }
    expect((await b.filter(other)).Error).toStartWith('floatip is not ready: waiting for leadership: ')

    a.child.kill('SIGKILL')
    await a.child.exited
    running.delete(a.child)
    await b.ready()
    const reply = await fetch(`http://127.0.0.1:${apiB}/v1/ip?namespace=${ns}`)
    const { content } = (await reply.json()) as { content: { ip: string; podName: string; status: string }[] }
    expect(content).toMatchObject([{ ip: address, podName: 'p', status: 'Running' }])
    expect((await b.filter(other)).NodeNames).toEqual(['n1'])
  },
  LIMIT_MS,
)

test(
  'ended by SIGTERM, it lets go of the Lease at once',
  async () => {
    const [portA = 0, apiA = 0] = ports
    const successor = start('c', portA, apiA)
    await eventually('c waits', async () => (await successor.readyz()).text.includes('leads'))
    const [leader] = [...running]
    leader?.kill('SIGTERM')
    expect(await leader?.exited).toBe(0)
    if (leader !== undefined) running.delete(leader)
    await successor.ready()
    const lease = await kube.get<KubeObject & { spec: { holderIdentity: string; leaseTransitions: number } }>(
      '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/galaxy-ipam',
    )
    expect(lease.spec.leaseTransitions).toBe(2)
  },
  LIMIT_MS,
)
