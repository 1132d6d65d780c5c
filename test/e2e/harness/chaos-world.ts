/** Owns the world of the chaos scenario: a crew of every kind of workload in one namespace, and what the API server has of it at one moment. */
import { addressesOf } from './addresses.ts'
import type { Kube, KubeObject, Metadata } from './kube.ts'
import {
  ARGS,
  deployment,
  type FloatingIp,
  type Node,
  POLICY,
  POOL,
  type Pod,
  paths,
  STAGE,
  statefulSet,
  type Workload,
} from './objects.ts'
import { SURGE } from './rollouts.ts'

export const NS = 'chaos'
export const SIZED = 'sized'
export const OPEN = 'open'
/** Value of the node label, for all nodes. */
export const STAGE_LABEL = NS

export interface Member {
  readonly kind: 'Deployment' | 'StatefulSet'
  readonly name: string
  readonly policy?: 'immutable' | 'never'
  readonly pool?: string
  readonly surge?: boolean
  /** Asks for two addresses: one of each entry's first third. */
  readonly pair?: boolean
}

export const CREW: readonly Member[] = [
  { kind: 'Deployment', name: 'plain' },
  { kind: 'Deployment', name: 'imm', policy: 'immutable' },
  { kind: 'Deployment', name: 'nev', policy: 'never' },
  { kind: 'Deployment', name: 'lent', policy: 'immutable', surge: true },
  { kind: 'Deployment', name: 'blue', pool: SIZED },
  { kind: 'Deployment', name: 'green', pool: SIZED },
  { kind: 'Deployment', name: 'east', pool: OPEN },
  { kind: 'StatefulSet', name: 'splain' },
  { kind: 'StatefulSet', name: 'simm', policy: 'immutable' },
  { kind: 'StatefulSet', name: 'snev', policy: 'never' },
  { kind: 'StatefulSet', name: 'spool', pool: OPEN },
  { kind: 'StatefulSet', name: 'pair', policy: 'immutable', pair: true },
]

export const collectionOf = ({ kind }: Member) =>
  kind === 'Deployment' ? paths.deployments(NS) : paths.statefulSets(NS)
export const pathOf = (member: Member) => `${collectionOf(member)}/${member.name}`

export function objectOf(member: Member, replicas: number, pairArgs: string): Workload {
  const { kind, name, policy, pool, surge, pair } = member
  const options = {
    stage: NS,
    replicas,
    ...(policy && { policy }),
    ...(pool && { pool }),
    ...(pair && { args: pairArgs }),
  }
  const made = kind === 'Deployment' ? deployment(name, options) : statefulSet(name, options)
  const { template } = made.spec
  const annotations = { ...template.metadata.annotations, ...(surge && { [SURGE]: 'allow' }) }
  const spec = { ...template.spec, terminationGracePeriodSeconds: 1 } as Pod['spec']
  return { ...made, spec: { ...made.spec, template: { metadata: { ...template.metadata, annotations }, spec } } }
}

export interface PoolObject extends KubeObject {
  readonly size: number
}

interface Owned extends Pod {
  readonly metadata: Metadata & {
    readonly ownerReferences?: readonly {
      readonly kind: string
      readonly name: string
      readonly controller?: boolean
    }[]
  }
  readonly status?: Pod['status'] & {
    readonly conditions?: readonly { readonly type: string; readonly message?: string }[]
  }
}

interface Rolled extends Workload {
  readonly spec: Workload['spec']
  readonly status?: {
    readonly replicas?: number
    readonly updatedReplicas?: number
    readonly observedGeneration?: number
  }
  readonly metadata: Workload['metadata'] & { readonly generation?: number }
}

/** What the API server has, at (nearly) one moment. */
export interface Seen {
  readonly pods: readonly Owned[]
  readonly deployments: ReadonlyMap<string, Rolled>
  readonly sets: ReadonlyMap<string, Rolled>
  readonly objects: readonly SeenAddress[]
  readonly pools: ReadonlyMap<string, PoolObject>
  readonly nodes: readonly Node[]
}

export interface SeenAddress {
  readonly address: string
  readonly key: string
  readonly policy: number
  readonly node: string
  readonly uid: string
}

export async function look(kube: Kube): Promise<Seen> {
  const [pods, deployments, sets, objects, pools, nodes] = await Promise.all([
    kube.list<Owned>(paths.pods(NS)),
    kube.list<Rolled>(paths.deployments(NS)),
    kube.list<Rolled>(paths.statefulSets(NS)),
    kube.list<FloatingIp>(paths.floatingIps),
    kube.list<PoolObject>(paths.pools('kube-system')),
    kube.list<Node>(paths.nodes),
  ])
  const byName = <T extends KubeObject>(list: readonly T[]) => new Map(list.map(each => [each.metadata.name, each]))
  return {
    pods,
    deployments: byName(deployments),
    sets: byName(sets),
    pools: byName(pools),
    nodes,
    objects: objects.map(addressSeen),
  }
}

function addressSeen({ metadata, spec }: FloatingIp): SeenAddress {
  const { NodeName: node = '', Uid: uid = '' } = JSON.parse(spec.attribute) as { NodeName?: string; Uid?: string }
  return { address: metadata.name, key: spec.key, policy: spec.policy, node, uid }
}

export const isFinished = ({ status }: Pod) => status?.phase === 'Failed' || status?.phase === 'Succeeded'
export const isSticky = ({ metadata }: Pod) =>
  ['immutable', 'never'].includes(metadata.annotations?.[POLICY] ?? '') || poolOf({ metadata } as Pod) !== ''
export const poolOf = ({ metadata }: Pod) => metadata.annotations?.[POOL] ?? ''
export const lists = ({ metadata }: Pod) => (metadata.annotations?.[ARGS]?.includes('request_ip_range') ? 2 : 1)

/** Kind and name as the key has them. */
export function workloadOf(pod: Owned): { readonly kind: string; readonly name: string } {
  const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller === true)
  if (owner === undefined) return { kind: 'NULL', name: 'NULL' }
  if (owner.kind === 'ReplicaSet') return { kind: 'dp', name: owner.name.slice(0, owner.name.lastIndexOf('-')) }
  return { kind: owner.kind === 'StatefulSet' ? 'sts' : owner.kind.toLowerCase(), name: owner.name }
}

export function keyOf(pod: Owned): string {
  return keyUnder(pod, workloadOf(pod))
}

/** It was bound while its StatefulSet was there, which was deleted without it: what was recorded at bind stands. */
export function keyAtBind(pod: Owned): string {
  const name = pod.metadata.labels?.app ?? ''
  return keyUnder(pod, { kind: 'sts', name })
}

function keyUnder(pod: Owned, { kind, name }: { readonly kind: string; readonly name: string }): string {
  const pool = poolOf(pod)
  return `${pool === '' ? '' : `pool__${pool}_`}${kind}_${NS}_${name}_${pod.metadata.name}`
}

/** Nodes that take pods, by the second digit group of their address: which entry they are of. */
export function openNodes({ nodes }: Seen, subnetAt: number): readonly Node[] {
  return nodes.filter(
    ({ metadata, spec, status }) =>
      metadata.labels?.[STAGE] === NS &&
      spec?.unschedulable !== true &&
      status.addresses[0]?.address.startsWith(`10.49.${subnetAt}.`),
  )
}

export { addressesOf }
