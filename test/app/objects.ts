/** Owns the Kubernetes objects of the tests, in few words each. */
import { RESOURCE } from '../../src/kube/names.ts'

export interface Meta {
  name: string
  namespace?: string
  uid: string
  resourceVersion: string
  generation?: number
  creationTimestamp?: string
  deletionTimestamp?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
  ownerReferences?: object[]
}

/** Any object; what a test reads of it, it reads through a narrower type. */
export interface Kube {
  metadata: Meta
  spec?: Record<string, unknown>
  status?: Record<string, unknown>
  [field: string]: unknown
}

export interface PodWords {
  uid?: string
  /** `StatefulSet web`, `Deployment app` (over a ReplicaSet), `Job job`; none: a bare pod. */
  owner?: string
  /** The owner's. */
  apiVersion?: string
  policy?: 'immutable' | 'never'
  /** The args annotation as written. */
  args?: string
  node?: string
  phase?: string
  asks?: boolean
  /** Seconds of age: the older waits longer. */
  age?: number
  annotations?: Record<string, string>
}

const HASH = '5d4f8c7b9'
const BORN = Date.parse('2026-11-24T10:00:00Z')

export function pod(name: string, words: PodWords = {}): Kube {
  const [kind = '', owner = ''] = (words.owner ?? '').split(' ')
  const deployed = kind === 'Deployment'
  const requests = words.asks === false ? { cpu: '100m' } : { cpu: '100m', [RESOURCE]: '1' }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      uid: words.uid ?? `${name}#1`,
      resourceVersion: '1',
      creationTimestamp: new Date(BORN - (words.age ?? 0) * 1000).toISOString(),
      labels: deployed ? { 'pod-template-hash': HASH } : {},
      annotations: {
        ...(words.policy && { 'k8s.v1.cni.galaxy.io/release-policy': words.policy }),
        ...(words.args !== undefined && { 'k8s.v1.cni.galaxy.io/args': words.args }),
        ...words.annotations,
      },
      ownerReferences:
        kind === ''
          ? []
          : [
              {
                apiVersion: words.apiVersion ?? 'apps/v1',
                kind: deployed ? 'ReplicaSet' : kind,
                name: deployed ? `${owner}-${HASH}` : owner,
                controller: true,
              },
            ],
    },
    spec: { ...(words.node && { nodeName: words.node }), containers: [{ name: 'c', resources: { requests } }] },
    status: { phase: words.phase ?? (words.node ? 'Running' : 'Pending') },
  }
}

/** The annotation of a pod that carries these addresses. */
export function carries(...addresses: string[]): string {
  const ipinfos = addresses.map(ip => ({ ip: `${ip}/24`, vlan: 0, gateway: '10.0.0.1' }))
  return JSON.stringify({ common: { ipinfos } })
}

export function node(name: string, ip: string): Kube {
  return {
    metadata: { name, uid: `uid-of-${name}`, resourceVersion: '1' },
    status: { addresses: [{ type: 'InternalIP', address: ip }] },
  }
}

export function workload(name: string, replicas: number): Kube {
  return { metadata: { name, namespace: 'default', uid: `uid-of-${name}`, resourceVersion: '1' }, spec: { replicas } }
}

/** A kind Gang; per version where it says its replicas, null: it has no scale. */
export function gangDefinition(group: string, versions: Record<string, string | null>, scope = 'Namespaced'): Kube {
  return {
    metadata: { name: `gangs.${group}`, uid: `uid-of-gangs.${group}`, resourceVersion: '1' },
    spec: {
      group,
      scope,
      names: { kind: 'Gang', plural: 'gangs' },
      versions: Object.entries(versions).map(([name, path]) => ({
        name,
        served: true,
        ...(path !== null && { subresources: { scale: { specReplicasPath: path } } }),
      })),
    },
  }
}

export interface FloatingIpWords {
  policy?: number
  uid?: string
  node?: string
  labels?: Record<string, string>
}

export function floatingIp(ip: string, key: string, words: FloatingIpWords = {}): Kube {
  return {
    apiVersion: 'galaxy.k8s.io/v1alpha1',
    kind: 'FloatingIP',
    metadata: { name: ip, uid: `uid-of-${ip}`, resourceVersion: '1', labels: words.labels ?? {} },
    spec: {
      key,
      policy: words.policy ?? 0,
      attribute: JSON.stringify({ NodeName: words.node ?? '', Uid: words.uid ?? '' }),
      updateTime: '2026-11-24T09:00:00Z',
    },
  }
}

export function configMap(floatingips: string): Kube {
  return {
    metadata: { name: 'floatingip-config', namespace: 'kube-system', uid: 'uid-of-config', resourceVersion: '1' },
    data: { floatingips },
  }
}

/** One entry of `floatingips`, its gateway the network's first address. */
export function entry(nodeSubnet: string, subnet: string, ...ips: string[]) {
  return { nodeSubnets: [nodeSubnet], ips, subnet, gateway: subnet.replace(/\.0\/\d+$/, '.1') }
}
