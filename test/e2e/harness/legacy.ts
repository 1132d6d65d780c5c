/** Owns the population of a cluster that galaxy-ipam served: workloads of every sort, their pods as it had bound them, its objects. */

import { inLanes } from '../../../src/app/lanes.ts'
import type { Cluster } from './cluster.ts'
import { AT_ONCE, createGalaxysObjects, type GalaxysIp } from './galaxy.ts'
import { eventually, type Kube, type KubeObject } from './kube.ts'
import { deployment, type Pod, type PodOptions, paths, pod, statefulSet, type Workload } from './objects.ts'

export const NS = 'legacy'
export const NODES = 20
export const SIZES = { db: 150, web: 250, pooled: 80, bare: 20 } as const
export const PODS = SIZES.db + SIZES.web + SIZES.pooled + SIZES.bare
export const POOL_SIZE = SIZES.pooled + 10
export const ENTRY = {
  nodeSubnets: ['10.49.0.0/24'],
  ips: ['10.50.0.2~10.50.3.254'],
  ...{ subnet: '10.50.0.0/22', gateway: '10.50.0.1', vlan: 2 },
}

export interface Legacy {
  /** The objects as galaxy-ipam left them. */
  readonly stored: readonly GalaxysIp[]
  /** Pod name → its annotation. */
  readonly annotations: ReadonlyMap<string, string>
}

interface Made {
  readonly name: string
  readonly key: string
  readonly policy: number
  readonly options?: Partial<PodOptions>
  readonly labels?: Record<string, string>
  readonly owner?: KubeObject
}

/** The workloads exist with 0 replicas first, so that their controllers name revision and hash; unwatched, all becomes as it would be. */
export async function populate(kube: Kube, cluster: Cluster): Promise<Legacy> {
  const annotations = new Map<string, string>()
  const nextAddress = addressesInOrder()
  const workloads = await createWorkloads(kube)
  await cluster.tell('stop', 'controller-manager')
  const stored: GalaxysIp[] = []
  await inLanes(
    [...podsOf(workloads).entries()],
    AT_ONCE,
    async ([at, made]) => void stored.push(await createBound(made, at)),
  )
  for (const path of [`${paths.statefulSets(NS)}/db`, ...workloads.replicaSets.map(each => each.path)]) {
    await kube.patch(path, { spec: { replicas: SIZES[appOf(path, workloads)] } })
  }
  for (const app of ['web', 'pooled'] as const) {
    await kube.patch(`${paths.deployments(NS)}/${app}`, { spec: { replicas: SIZES[app] } })
  }
  stored.push(...withoutPods(nextAddress))
  await createGalaxysObjects(kube, stored)
  await cluster.tell('start', 'controller-manager')
  const running = async () => (await kube.list<Pod>(paths.pods(NS))).filter(each => each.status?.phase === 'Running')
  await eventually('all pods run', async () => (await running()).length === PODS, { withinMs: 90_000, everyMs: 500 })
  return { stored, annotations }

  /** A pod as galaxy-ipam had bound it, with its object. Every tenth object is of the time when none had a UID. */
  async function createBound({ name, key, policy, options, labels, owner }: Made, at: number): Promise<GalaxysIp> {
    const address = nextAddress()
    const ipinfos = [{ ip: `${address}/22`, vlan: ENTRY.vlan, gateway: ENTRY.gateway }]
    const args = JSON.stringify({ common: { ipinfos } })
    const made = pod(name, { stage: NS, args, ...options })
    const nodeName = `n${at % NODES}`
    const metadata = { ...made.metadata, labels, ...(owner && { ownerReferences: [referenceTo(owner)] }) }
    const bound = { ...made, metadata, spec: { ...made.spec, nodeName } } as Pod
    const { uid } = (await kube.create(paths.pods(NS), bound)).metadata
    annotations.set(name, args)
    return { address, key, policy, attribute: JSON.stringify({ NodeName: nodeName, ...(at % 10 < 9 && { Uid: uid }) }) }
  }
}

function addressesInOrder(): () => string {
  let next = 2
  return () => {
    const number = next++
    return `10.50.${Math.floor(number / 256)}.${number % 256}`
  }
}

interface Workloads {
  readonly db: KubeObject
  readonly revision: string
  readonly replicaSets: readonly {
    readonly app: 'web' | 'pooled'
    readonly path: string
    readonly object: KubeObject
  }[]
}

async function createWorkloads(kube: Kube): Promise<Workloads> {
  const immutable = { stage: NS, replicas: 0, policy: 'immutable' }
  const db = await kube.create<Workload>(paths.statefulSets(NS), statefulSet('db', immutable))
  await kube.create(paths.deployments(NS), deployment('web', immutable))
  await kube.create(paths.deployments(NS), deployment('pooled', { stage: NS, replicas: 0, pool: 'shared' }))
  await kube.create(paths.pools('kube-system'), {
    ...{ apiVersion: 'galaxy.k8s.io/v1alpha1', kind: 'Pool', metadata: { name: 'shared' } },
    ...{ size: POOL_SIZE, preAllocateIP: false },
  } as KubeObject)
  const revision = await eventually('the StatefulSet’s revision', async () => {
    const { status } = await kube.get<{ status?: { updateRevision?: string } }>(`${paths.statefulSets(NS)}/db`)
    return status?.updateRevision
  })
  const collection = `/apis/apps/v1/namespaces/${NS}/replicasets`
  const found = await eventually('both ReplicaSets', async () => {
    const all = await kube.list<KubeObject>(collection)
    return all.length === 2 && all
  })
  const replicaSets = found.map(({ metadata }) => ({
    app: metadata.labels?.app === 'web' ? ('web' as const) : ('pooled' as const),
    path: `${collection}/${metadata.name}`,
    object: { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata },
  }))
  return { db: { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: db.metadata }, revision, replicaSets }
}

function appOf(path: string, { replicaSets }: Workloads): 'db' | 'web' | 'pooled' {
  return replicaSets.find(each => each.path === path)?.app ?? 'db'
}

function referenceTo({ apiVersion, kind, metadata: { name, uid } }: KubeObject) {
  return { apiVersion, kind, name, uid, controller: true }
}

function podsOf({ db, revision, replicaSets }: Workloads): Made[] {
  const made: Made[] = []
  for (let at = 0; at < SIZES.db; at++) {
    const name = `db-${at}`
    const labels = {
      ...{ app: 'db', 'controller-revision-hash': revision },
      ...{ 'statefulset.kubernetes.io/pod-name': name, 'apps.kubernetes.io/pod-index': `${at}` },
    }
    made.push({ name, key: `sts_${NS}_db_${name}`, policy: 1, options: { policy: 'immutable' }, labels, owner: db })
  }
  for (const { app, object } of replicaSets) {
    const pooled = app === 'pooled'
    const common = {
      options: pooled ? { pool: 'shared' } : { policy: 'immutable' },
      ...{ policy: pooled ? 2 : 1, labels: { ...object.metadata.labels }, owner: object },
    }
    for (let at = 0; at < SIZES[app]; at++) {
      const name = `${object.metadata.name}-${at.toString().padStart(5, 'x')}`
      made.push({ name, key: `${pooled ? 'pool__shared_' : ''}dp_${NS}_${app}_${name}`, ...common })
    }
  }
  for (let at = 0; at < SIZES.bare; at++) {
    made.push({ name: `bare-${at}`, key: `NULL_${NS}_NULL_bare-${at}`, policy: 0 })
  }
  return made
}

/** What is kept for a pool, StatefulSet, Deployment and custom workload that have no pods now, and what an administrator reserved. */
function withoutPods(nextAddress: () => string): GalaxysIp[] {
  const attribute = JSON.stringify({ NodeName: '', Uid: '' })
  const kept = (key: string, policy: number): GalaxysIp => ({ address: nextAddress(), key, policy, attribute })
  return [
    ...Array.from({ length: 5 }, () => kept('pool__shared_', 2)),
    ...[0, 1, 2].map(at => kept(`sts_${NS}_old_old-${at}`, 2)),
    kept(`dp_${NS}_gone_`, 2),
    kept(`tapp_${NS}_crew_crew-0`, 1),
    { ...kept('', 0), labels: { reserved: 'by-hand' } },
  ]
}
