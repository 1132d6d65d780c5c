/** Owns who plays: the nodes with their subnets, and the workloads as a user would write them. */
import type { Draft, Texts } from './objects.ts'
import { ARGS_ANNOTATION, POLICY_ANNOTATION, RESOURCE } from './objects.ts'

export const NAMESPACE = 'default'

/** Racks of nodes; the addresses of a rack are usable on its nodes only. Rack c has two addresses, and no more. */
export const RACKS = [
  {
    rack: 'a',
    nodes: ['node-a1', 'node-a2'],
    nodeSubnet: '10.49.0.0/24',
    first: '10.49.0',
    subnet: '10.50.0.0/24',
    gateway: '10.50.0.1',
    ips: ['10.50.0.2~10.50.0.99'],
  },
  {
    rack: 'b',
    nodes: ['node-b1', 'node-b2'],
    nodeSubnet: '10.49.1.0/24',
    first: '10.49.1',
    subnet: '10.50.1.0/24',
    gateway: '10.50.1.1',
    ips: ['10.50.1.2~10.50.1.99'],
  },
  {
    rack: 'c',
    nodes: ['node-c1'],
    nodeSubnet: '10.49.2.0/24',
    first: '10.49.2',
    subnet: '10.50.2.0/29',
    gateway: '10.50.2.1',
    ips: ['10.50.2.2~10.50.2.3'],
  },
] as const

/** The value of ConfigMap kube-system/floatingip-config, key floatingips. */
export function floatingips(): string {
  return JSON.stringify(
    RACKS.map(({ nodeSubnet, subnet, gateway, ips }) => ({ nodeSubnets: [nodeSubnet], ips, subnet, gateway, vlan: 2 })),
    null,
    2,
  )
}

export function nodes(): Draft[] {
  return RACKS.flatMap(({ rack, nodes: names, first }) =>
    names.map((name, at) => ({
      metadata: { name, labels: { rack, size: rack === 'c' ? 'small' : 'big' } },
      status: { addresses: [{ type: 'InternalIP', address: `${first}.${11 + at}` }] },
    })),
  )
}

export interface Wishes {
  readonly policy?: 'immutable' | 'never'
  readonly args?: string
  /** On the rack with two addresses. */
  readonly small?: boolean
  readonly version?: string
}

function template(app: string, { policy, args, small = false, version = '1' }: Wishes) {
  const annotations: Texts = {
    ...(policy && { [POLICY_ANNOTATION]: policy }),
    ...(args && { [ARGS_ANNOTATION]: args }),
  }
  const resources = { requests: { [RESOURCE]: '1' }, limits: { [RESOURCE]: '1' } }
  return {
    metadata: { labels: { app }, annotations },
    spec: {
      containers: [{ name: app, image: `example/${app}:${version}`, resources }],
      nodeSelector: { size: small ? 'small' : 'big' },
    },
  }
}

export function pod(name: string, wishes: Wishes): Draft {
  const { metadata, spec } = template(name, wishes)
  return { metadata: { name, ...metadata }, spec }
}

export function statefulSet(name: string, replicas: number, wishes: Wishes): Draft {
  return workload(name, replicas, wishes, { serviceName: name })
}

/** With maxSurge 0, as a Deployment with sticky addresses wants it: a new pod takes over the address of an old one. */
export function deployment(name: string, replicas: number, wishes: Wishes): Draft {
  return workload(name, replicas, wishes, {
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
  })
}

function workload(name: string, replicas: number, wishes: Wishes, more: object): Draft {
  const selector = { matchLabels: { app: name } }
  return {
    metadata: { name, labels: { app: name } },
    spec: { replicas, selector, template: template(name, wishes), ...more },
  }
}

/** The part of a workload that a new version changes. */
export function newVersion(name: string, wishes: Wishes): object {
  return { spec: { template: template(name, { ...wishes, version: '2' }) } }
}
