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
import {
  createGalaxysObjects,
  type GalaxysIp,
  holdAnnotation,
  holdLease,
  inLanes,
  installGalaxysDefinitions,
  type Renewed,
} from './harness/galaxy.ts'
import { connect, eventually, type Kube, type KubeObject } from './harness/kube.ts'
import {
  ARGS,
  deployment,
  node,
  type Pod,
  type PodOptions,
  paths,
  pod,
  statefulSet,
  type Workload,
} from './harness/objects.ts'
import { createNamespace, STAGE_LIMIT_MS } from './harness/stage.ts'

const LIMIT_MS = 180_000
const NODES = 20
const SIZES = { db: 150, web: 250, pooled: 80, bare: 20 } as const
const PODS = SIZES.db + SIZES.web + SIZES.pooled + SIZES.bare
const LEASE_SECONDS = 3
const ELECTION = [
  '--leader-elect=true',
  `--leader-elect-lease-duration=${LEASE_SECONDS}s`,
  '--leader-elect-renew-deadline=2s',
  '--leader-elect-retry-period=500ms',
]
const ENTRY = {
  nodeSubnets: ['10.49.0.0/24'],
  ips: ['10.50.0.2~10.50.3.254'],
  subnet: '10.50.0.0/22',
  gateway: '10.50.0.1',
  vlan: 2,
}
const NS = 'legacy'

let cluster: Cluster
let kube: Kube
let ports: number[]
let floatip: Floatip
let locks: Renewed[] = []
/** As galaxy-ipam left it. */
let stored: readonly GalaxysIp[] = []
/** Pod name → annotation, as galaxy-ipam bound it. */
const annotations = new Map<string, string>()

/** Addresses are taken in order, across a /22. */
let taken = 0
function nextAddress(): string {
  const number = 2 + taken++
  return `10.50.${Math.floor(number / 256)}.${number % 256}`
}

beforeAll(async () => {
  if (kind === 'demo') return
  ports = await freePorts(2)
  cluster = await startCluster({ schedulerConfig: schedulerConfig(`http://127.0.0.1:${ports[0]}`) })
  kube = await connect(cluster.adminKubeconfig)
  await installGalaxysDefinitions(kube)
  await install(kube, JSON.stringify([ENTRY]), { definitions: false })
  for (let at = 0; at < NODES; at++) await kube.create(paths.nodes, node(`n${at}`, `10.49.0.${at + 10}`, NS))
  await createNamespace(kube, NS, cluster.kind)
  await populate()
}, STAGE_LIMIT_MS)

afterAll(async () => {
  for (const lock of locks) lock.stop()
  await floatip?.kill()
  await cluster?.stop()
}, LIMIT_MS)

interface Made {
  readonly name: string
  readonly key: string
  readonly policy: number
  readonly options: Partial<PodOptions>
  readonly labels?: Record<string, string>
  readonly owner?: KubeObject
}

/** A pod as galaxy-ipam had bound it, with its object. Every tenth object is of the time when none had a UID. */
async function createBound({ name, key, policy, options, labels = {}, owner }: Made, at: number): Promise<GalaxysIp> {
  const address = nextAddress()
  const args = JSON.stringify({
    common: { ipinfos: [{ ip: `${address}/22`, vlan: ENTRY.vlan, gateway: ENTRY.gateway }] },
  })
  const made = pod(name, { stage: NS, args, ...options })
  const reference = owner && {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid,
    controller: true,
  }
  const metadata = { ...made.metadata, labels, ...(reference && { ownerReferences: [reference] }) }
  const nodeName = `n${at % NODES}`
  const { metadata: created } = await kube.create(paths.pods(NS), {
    ...made,
    metadata,
    spec: { ...made.spec, nodeName },
  } as Pod)
  annotations.set(name, args)
  const attribute = at % 10 === 9 ? { NodeName: nodeName } : { NodeName: nodeName, Uid: created.uid }
  return { address, key, policy, attribute: JSON.stringify(attribute) }
}

/** The workloads first exist with 0 replicas, so that their controllers name revision and hash; then, unwatched, all is as it would be. */
async function populate(): Promise<void> {
  const immutable = { stage: NS, replicas: 0, policy: 'immutable' }
  const db = await kube.create<Workload>(paths.statefulSets(NS), {
    ...statefulSet('db', immutable),
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
  })
  await kube.create(paths.deployments(NS), deployment('web', immutable))
  await kube.create(paths.deployments(NS), deployment('pooled', { stage: NS, replicas: 0, pool: 'shared' }))
  await kube.create(paths.pools('kube-system'), {
    apiVersion: 'galaxy.k8s.io/v1alpha1',
    kind: 'Pool',
    metadata: { name: 'shared' },
    size: 90,
    preAllocateIP: false,
  } as KubeObject)
  const revision = await eventually('the StatefulSet’s revision', async () => {
    const { status } = await kube.get<{ status?: { updateRevision?: string } }>(`${paths.statefulSets(NS)}/db`)
    return status?.updateRevision
  })
  const sets = '/apis/apps/v1/namespaces/legacy/replicasets'
  const replicaSets = await eventually('both ReplicaSets', async () => {
    const found = await kube.list<KubeObject>(sets)
    return found.length === 2 && found
  })
  await cluster.tell('stop', 'controller-manager')

  const made: Made[] = []
  for (let at = 0; at < SIZES.db; at++) {
    const name = `db-${at}`
    const labels = {
      app: 'db',
      'controller-revision-hash': revision,
      'statefulset.kubernetes.io/pod-name': name,
      'apps.kubernetes.io/pod-index': `${at}`,
    }
    made.push({
      name,
      key: `sts_${NS}_db_${name}`,
      policy: 1,
      options: { policy: 'immutable' },
      labels,
      owner: { ...db, apiVersion: 'apps/v1', kind: 'StatefulSet' },
    })
  }
  for (const app of ['web', 'pooled'] as const) {
    const set = replicaSets.find(({ metadata }) => metadata.labels?.app === app)
    if (set === undefined) throw new Error(`no ReplicaSet of ${app}`)
    const pool = app === 'pooled'
    for (let at = 0; at < SIZES[app]; at++) {
      const name = `${set.metadata.name}-${at.toString().padStart(5, 'x')}`
      const key = `${pool ? 'pool__shared_' : ''}dp_${NS}_${app}_${name}`
      const options = pool ? { pool: 'shared' } : { policy: 'immutable' }
      made.push({
        name,
        key,
        policy: pool ? 2 : 1,
        options,
        labels: { ...set.metadata.labels },
        owner: { ...set, apiVersion: 'apps/v1', kind: 'ReplicaSet' },
      })
    }
    await kube.patch(`${sets}/${set.metadata.name}`, { spec: { replicas: SIZES[app] } })
    await kube.patch(`${paths.deployments(NS)}/${app}`, { spec: { replicas: SIZES[app] } })
  }
  for (let at = 0; at < SIZES.bare; at++)
    made.push({ name: `bare-${at}`, key: `NULL_${NS}_NULL_bare-${at}`, policy: 0, options: {} })
  await kube.patch(`${paths.statefulSets(NS)}/db`, { spec: { replicas: SIZES.db } })

  const ips: GalaxysIp[] = []
  await inLanes([...made.entries()], async ([at, each]) => void ips.push(await createBound(each, at)))
  const gone = JSON.stringify({ NodeName: '', Uid: '' })
  const kept = (key: string, policy: number): GalaxysIp => ({ address: nextAddress(), key, policy, attribute: gone })
  for (let at = 0; at < 5; at++) ips.push(kept('pool__shared_', 2))
  for (let at = 0; at < 3; at++) ips.push(kept(`sts_${NS}_old_old-${at}`, 2))
  ips.push(kept(`dp_${NS}_gone_`, 2), kept(`tapp_${NS}_crew_crew-0`, 1))
  ips.push({ address: nextAddress(), key: '', policy: 0, attribute: '{}', labels: { reserved: 'by-hand' } })
  await createGalaxysObjects(kube, ips)
  stored = ips
  await cluster.tell('start', 'controller-manager')
  await eventually(
    'all pods run',
    async () => (await allPods()).filter(({ status }) => status?.phase === 'Running').length === PODS,
    { withinMs: 90_000, everyMs: 500 },
  )
}

const allPods = () => kube.list<Pod>(paths.pods(NS))
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
      const pods = await allPods()
      expect(Object.fromEntries(pods.map(({ metadata }) => [metadata.name, metadata.annotations?.[ARGS]]))).toEqual(
        Object.fromEntries(annotations),
      )
      expect(new Set(pods.flatMap(addressesOf)).size).toBe(PODS)
      const now: readonly Stored[] = await storedUnder(kube, '')
      expect(lines(now.filter(({ key }) => key !== ''))).toEqual(lines(stored.filter(({ key }) => key !== '')))

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

      const old = stored.filter(({ key }) => key.includes('_old-')).map(({ address }) => address)
      await kube.create(paths.statefulSets(NS), statefulSet('old', { stage: NS, replicas: 3, policy: 'never' }))
      expect((await runningPods(kube, NS, 'old', 3)).flatMap(addressesOf).toSorted()).toEqual(old.toSorted())

      const before = (await storedUnder(kube, 'pool__shared_')).map(({ address }) => address)
      await kube.patch(`${paths.deployments(NS)}/pooled`, { spec: { replicas: 95 } })
      await eventually(
        '90 of 95 run',
        async () =>
          (await podsOf(kube, NS, 'pooled')).filter(({ status }) => status?.phase === 'Running').length === 90,
      )
      const now = (await storedUnder(kube, 'pool__shared_')).map(({ address }) => address)
      expect(before.filter(address => !now.includes(address))).toEqual([])
      expect(now).toHaveLength(90)
      const reserved = stored.find(({ labels }) => labels?.reserved !== undefined)?.address ?? ''
      await storedBecomes(
        kube,
        `dp_${NS}_gone_`,
        Object.fromEntries(
          stored.filter(({ key }) => key === `dp_${NS}_gone_`).map(({ address, key }) => [address, key]),
        ),
      )
      expect(now).not.toContain(reserved)
    },
    LIMIT_MS,
  )
})
