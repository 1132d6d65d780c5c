/** Owns the rehearsal of taking over from galaxy-ipam: 500 running pods and its objects; nothing changes, and life goes on. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  addressesOf,
  addressOf,
  podsOf,
  runningPod,
  runningPods,
  type Stored,
  storedBecomes,
  storedUnder,
} from './harness/addresses.ts'
import { type Cluster, kind, startCluster } from './harness/cluster.ts'
import { accountKubeconfig, install } from './harness/deploy.ts'
import { schedulerConfig } from './harness/extenderTap.ts'
import { type Floatip, freePorts, startFloatip } from './harness/floatip.ts'
import { holdAnnotation, holdLease, installGalaxysDefinitions, type Renewed } from './harness/galaxy.ts'
import { connect, eventually, type Kube } from './harness/kube.ts'
import { ENTRY, type Legacy, NODES, NS, PODS, POOL_SIZE, populate, SIZES } from './harness/legacy.ts'
import { ARGS, node, type Pod, paths, pod, statefulSet } from './harness/objects.ts'
import { createNamespace, STAGE_LIMIT_MS } from './harness/stage.ts'

const LIMIT_MS = 180_000
const LEASE_SECONDS = 3
const ELECTION = [
  '--leader-elect=true',
  `--leader-elect-lease-duration=${LEASE_SECONDS}s`,
  '--leader-elect-renew-deadline=2s',
  '--leader-elect-retry-period=500ms',
]
let cluster: Cluster
let kube: Kube
let ports: number[]
let floatip: Floatip
let locks: Renewed[] = []
let legacy: Legacy

beforeAll(async () => {
  if (kind === 'demo') return
  ports = await freePorts(2)
  cluster = await startCluster({ schedulerConfig: schedulerConfig(`http://127.0.0.1:${ports[0]}`) })
  kube = await connect(cluster.adminKubeconfig)
  await installGalaxysDefinitions(kube)
  await install(kube, JSON.stringify([ENTRY]), { definitions: false })
  for (let at = 0; at < NODES; at++) await kube.create(paths.nodes, node(`n${at}`, `10.49.0.${at + 10}`, NS))
  await createNamespace(kube, NS, cluster.kind)
  legacy = await populate(kube, cluster)
}, STAGE_LIMIT_MS)

afterAll(async () => {
  for (const lock of locks) lock.stop()
  await floatip?.kill()
  await cluster?.stop()
}, LIMIT_MS)

const lines = (ips: readonly { address: string; key: string }[]) =>
  ips.map(({ address, key }) => `${address} ${key}`).toSorted()
const readyz = async () => await (await fetch(`http://127.0.0.1:${ports[1]}/readyz`)).text()

async function listed(query: string): Promise<{ total: number; content: Record<string, unknown>[] }> {
  const reply = await fetch(`${floatip.apiUrl}/v1/ip?size=9999&${query}`)
  const { totalElements, content } = (await reply.json()) as {
    totalElements: number
    content: Record<string, unknown>[]
  }
  return { total: totalElements, content }
}

describe.skipIf(kind === 'demo')('taking over', () => {
  test(
    'while galaxy-ipam holds its Lease, or its older annotation, floatip waits, says who leads and answers Error',
    async () => {
      const lease = await holdLease(kube, 'galaxy-0_new', LEASE_SECONDS)
      const elder = await holdAnnotation(kube, 'galaxy-0_old', LEASE_SECONDS)
      locks = [lease, elder]
      const kubeconfig = await accountKubeconfig(kube, cluster.adminKubeconfig, cluster.folder)
      const [port = 0, apiPort = 0] = ports
      const starting = startFloatip({ kubeconfig, folder: `${cluster.folder}/floatip`, port, apiPort, flags: ELECTION })
      starting.catch(() => {})
      await eventually('it says that galaxy leads', async () => (await readyz()).includes('galaxy-0_new leads'))
      const body = JSON.stringify({ Pod: pod('any', { stage: NS }), Nodes: null, NodeNames: ['n0'] })
      const uid = { namespace: NS, uid: 'any' }
      const asked = { ...JSON.parse(body), Pod: { ...JSON.parse(body).Pod, metadata: { name: 'any', ...uid } } }
      const reply = await fetch(`http://127.0.0.1:${port}/v1/filter`, { method: 'POST', body: JSON.stringify(asked) })
      expect(((await reply.json()) as { Error: string }).Error).toContain('galaxy-0_new leads')
      await Bun.sleep(2 * LEASE_SECONDS * 1000)
      expect(await readyz()).toContain('galaxy-0_new leads')

      lease.stop()
      await eventually('the older lock still counts', async () => (await readyz()).includes('galaxy-0_old leads'))
      elder.stop()
      floatip = await starting
    },
    LIMIT_MS,
  )

  test(
    `of ${PODS} running pods no address changed and none is doubled; nothing kept was lost`,
    async () => {
      const pods = await kube.list<Pod>(paths.pods(NS))
      expect(Object.fromEntries(pods.map(({ metadata }) => [metadata.name, metadata.annotations?.[ARGS]]))).toEqual(
        Object.fromEntries(legacy.annotations),
      )
      expect(new Set(pods.flatMap(addressesOf)).size).toBe(PODS)
      const now: readonly Stored[] = await storedUnder(kube, '')
      expect(lines(now.filter(({ key }) => key !== ''))).toEqual(lines(legacy.stored.filter(({ key }) => key !== '')))

      const { total, content } = await listed(`namespace=${NS}`)
      expect(total).toBe(PODS + 3 + 2)
      const running = content.filter(({ status }) => status === 'Running')
      expect(running).toHaveLength(PODS)
      expect(running.some(({ releasable }) => releasable === true)).toBe(false)
      expect((await listed('poolName=shared')).total).toBe(SIZES.pooled + 5)
    },
    LIMIT_MS,
  )

  test(
    'then normal life goes on: replaced pods get their addresses, scaled-down ones are released, the pool has its limit',
    async () => {
      const db = await runningPod(kube, NS, 'db-9')
      await kube.delete(`${paths.pods(NS)}/db-9`)
      expect(addressOf(await runningPod(kube, NS, 'db-9', db.metadata.uid))).toBe(addressOf(db))

      const [web] = await podsOf(kube, NS, 'web')
      if (web === undefined) throw new Error('no pod of web')
      await kube.delete(`${paths.pods(NS)}/${web.metadata.name}`)
      const all = await eventually('web is whole again', async () => {
        const pods = await runningPods(kube, NS, 'web', SIZES.web)
        return pods.every(({ metadata }) => metadata.uid !== web.metadata.uid) && pods
      })
      expect(all.flatMap(addressesOf)).toContain(addressOf(web))

      await kube.patch(`${paths.deployments(NS)}/web`, { spec: { replicas: SIZES.web - 50 } })
      await kube.patch(`${paths.statefulSets(NS)}/db`, { spec: { replicas: SIZES.db - 20 } })
      await eventually('both shrank', async () => {
        const [deployed, set] = [await storedUnder(kube, `dp_${NS}_web_`), await storedUnder(kube, `sts_${NS}_db_`)]
        return deployed.length === SIZES.web - 50 && set.length === SIZES.db - 20
      })

      const old = legacy.stored.filter(({ key }) => key.includes('_old-')).map(({ address }) => address)
      await kube.create(paths.statefulSets(NS), statefulSet('old', { stage: NS, replicas: 3, policy: 'never' }))
      expect((await runningPods(kube, NS, 'old', 3)).flatMap(addressesOf).toSorted()).toEqual(old.toSorted())

      const before = (await storedUnder(kube, 'pool__shared_')).map(({ address }) => address)
      await kube.patch(`${paths.deployments(NS)}/pooled`, { spec: { replicas: POOL_SIZE + 5 } })
      await eventually(
        'as many run as the pool is large',
        async () =>
          (await podsOf(kube, NS, 'pooled')).filter(({ status }) => status?.phase === 'Running').length === POOL_SIZE,
      )
      const now = (await storedUnder(kube, 'pool__shared_')).map(({ address }) => address)
      expect(before.filter(address => !now.includes(address))).toEqual([])
      expect(now).toHaveLength(POOL_SIZE)
      const reserved = legacy.stored.find(({ labels }) => labels?.reserved !== undefined)?.address ?? ''
      await storedBecomes(
        kube,
        `dp_${NS}_gone_`,
        Object.fromEntries(
          legacy.stored.filter(({ key }) => key === `dp_${NS}_gone_`).map(({ address, key }) => [address, key]),
        ),
      )
      expect(now).not.toContain(reserved)
    },
    LIMIT_MS,
  )
})
