/** Owns what a cluster looks like that runs galaxy-ipam: its definitions, its objects to the letter, its two kinds of lock. */
import { inLanes } from '../../../src/app/lanes.ts'
import { GALAXYS_DEFINITIONS } from './definitions.ts'
import type { Kube, KubeObject } from './kube.ts'
import { paths } from './objects.ts'

const GROUP = 'galaxy.k8s.io'

export async function installGalaxysDefinitions(kube: Kube): Promise<void> {
  for (const each of GALAXYS_DEFINITIONS) {
    await kube.create('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', each as unknown as KubeObject)
  }
}

export interface GalaxysIp {
  readonly address: string
  readonly key: string
  readonly policy: number
  /** The JSON text. */
  readonly attribute: string
  readonly labels?: Readonly<Record<string, string>>
}

export function galaxysObject({ address, key, policy, attribute, labels }: GalaxysIp): KubeObject {
  return {
    ...{ apiVersion: `${GROUP}/v1alpha1`, kind: 'FloatingIP' },
    metadata: { name: address, labels: { ipType: 'internalIP', ...labels } },
    spec: { key, policy, attribute, updateTime: '2020-05-29T11:11:44Z' },
  } as KubeObject
}

/** A lock that somebody renews until told to stop. */
export interface Renewed {
  stop(): void
}

const EVERY_MS = 500

/** The Lease that galaxy-ipam holds since client-go has Leases. */
export async function holdLease(kube: Kube, holder: string, seconds: number): Promise<Renewed> {
  const collection = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases'
  const now = () => new Date().toISOString().replace('Z', '000Z')
  await kube.create(collection, {
    ...{ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'galaxy-ipam' } },
    spec: {
      holderIdentity: holder,
      leaseDurationSeconds: seconds,
      leaseTransitions: 3,
      acquireTime: now(),
      renewTime: now(),
    },
  } as KubeObject)
  return renewing(() => kube.patch(`${collection}/galaxy-ipam`, { spec: { renewTime: now() } }))
}

/** The annotation by which it elected its leader before. */
export async function holdAnnotation(kube: Kube, holder: string, seconds: number): Promise<Renewed> {
  const collection = '/api/v1/namespaces/kube-system/endpoints'
  const record = () => {
    const at = new Date().toISOString()
    const lock = {
      holderIdentity: holder,
      leaseDurationSeconds: seconds,
      acquireTime: at,
      renewTime: at,
      leaderTransitions: 3,
    }
    return { annotations: { 'control-plane.alpha.kubernetes.io/leader': JSON.stringify(lock) } }
  }
  await kube.create(collection, { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'galaxy-ipam', ...record() } })
  return renewing(() => kube.patch(`${collection}/galaxy-ipam`, { metadata: record() }))
}

function renewing(renew: () => Promise<unknown>): Renewed {
  const timer = setInterval(() => void renew().catch(() => {}), EVERY_MS)
  return { stop: () => clearInterval(timer) }
}

/** So many at once as galaxy's cluster would not have noticed. */
export const AT_ONCE = 16

export const createGalaxysObjects = (kube: Kube, ips: readonly GalaxysIp[]) =>
  inLanes(ips, AT_ONCE, each => kube.create(paths.floatingIps, galaxysObject(each)))
