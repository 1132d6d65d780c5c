/** Owns what every scenario may ask: which addresses pods carry, and whether annotation, status, stored objects and API agree. */
import { expect } from 'bun:test'
import { eventually, type Kube } from './kube.ts'
import { ARGS, type Event, type FloatingIp, type Pod, paths } from './objects.ts'
import type { Entry } from './stage.ts'

export interface IpInfo {
  readonly ip: string
  readonly vlan: number
  readonly gateway: string
}

/** Of the pod's annotation; empty when there is none. */
export function ipInfosOf({ metadata }: Pod): IpInfo[] {
  const args = metadata.annotations?.[ARGS]
  if (args === undefined) return []
  return (JSON.parse(args) as { common?: { ipinfos?: IpInfo[] } }).common?.ipinfos ?? []
}

/** Without the mask. */
export function addressesOf(pod: Pod): string[] {
  return ipInfosOf(pod).map(({ ip }) => ip.split('/')[0] ?? '')
}

export function infoOf(entry: Entry, address: string): IpInfo {
  return { ip: `${address}/22`, vlan: entry.vlan, gateway: entry.gateway }
}

/** Bound too: kwok acts by name and late, and may write of a pod what it had to say of the one before it. */
export function isRunning({ metadata, spec, status }: Pod): boolean {
  return spec.nodeName !== undefined && status?.phase === 'Running' && metadata.deletionTimestamp === undefined
}

/** Running, with as many of that label as expected and none on its way out. */
export async function runningPods(
  kube: Kube,
  namespace: string,
  app: string,
  count: number,
  withinMs = 60_000,
): Promise<Pod[]> {
  const ask = async () => {
    const pods = await podsOf(kube, namespace, app)
    const running = pods.filter(isRunning)
    if (running.length === count && pods.length === count) return pods
    throw new Error(`${running.length} of ${pods.length} pods run`)
  }
  return await eventually(`${count} pods of ${namespace}/${app} run`, ask, { withinMs, everyMs: 250 })
}

export async function podsOf(kube: Kube, namespace: string, app: string): Promise<Pod[]> {
  return await kube.list<Pod>(`${paths.pods(namespace)}?labelSelector=app%3D${app}`)
}

export async function runningPod(kube: Kube, namespace: string, name: string, otherThanUid = ''): Promise<Pod> {
  return await eventually(`pod ${namespace}/${name} runs`, async () => {
    const pod = await kube.find<Pod>(`${paths.pods(namespace)}/${name}`)
    if (pod !== null && isRunning(pod) && pod.metadata.uid !== otherThanUid) return pod
    throw new Error(`it is ${JSON.stringify(pod?.status ?? null)}`)
  })
}

/** As a kubelet ends a pod: its containers have ended when the phase tells of it (R12). */
export async function finishPod(kube: Kube, namespace: string, name: string, phase: 'Succeeded' | 'Failed') {
  const path = `${paths.pods(namespace)}/${name}`
  const { spec } = await kube.get<Pod>(path)
  const state = { terminated: { exitCode: phase === 'Failed' ? 137 : 0 } }
  const containerStatuses = spec.containers.map(each => ({
    ...{ name: each.name, image: each.image, imageID: '', ready: false, restartCount: 0, state },
  }))
  const status = { phase, containerStatuses, ...(phase === 'Failed' && { reason: 'Evicted' }) }
  await kube.patch(`${path}/status`, { status })
}

/**
 * Creates a pod under a name that was just deleted, and waits until it runs. kwok deletes by name, sometimes twice, and then takes the new
 * pod for the old one: it is made again, as a controller would.
 */
export async function recreated(kube: Kube, pod: Pod, namespace: string): Promise<Pod> {
  const { name } = pod.metadata
  const path = `${paths.pods(namespace)}/${name}`
  return await eventually(`pod ${namespace}/${name}, made again, runs`, async () => {
    const found = await kube.find<Pod>(path)
    if (found === null) await kube.create(paths.pods(namespace), pod)
    return found !== null && isRunning(found) && found
  })
}

/** The key of a pod's stored objects. */
export type KeyOf = (pod: Pod) => string

/**
 * Each pod has one address, no two have the same, and the annotation, the kubelet's podIP and the stored object say so too; no other
 * object has a key of these pods' owner.
 */
export async function expectConsistent(
  kube: Kube,
  pods: readonly Pod[],
  entry: Entry,
  keyOf: KeyOf,
  ownerKey: string,
): Promise<void> {
  const held = new Map<string, Pod>()
  const wrong: string[] = []
  for (const pod of pods) {
    const { name } = pod.metadata
    const [address = 'none', ...more] = addressesOf(pod)
    if (more.length > 0) wrong.push(`${name} has ${more.length + 1} addresses`)
    const twin = held.get(address)
    if (twin !== undefined) wrong.push(`${name} and ${twin.metadata.name} both have ${address}`)
    held.set(address, pod)
    const exact = JSON.stringify({ common: { ipinfos: [infoOf(entry, address)] } })
    if (pod.metadata.annotations?.[ARGS] !== exact) wrong.push(`${name}: ${pod.metadata.annotations?.[ARGS]}`)
    if (pod.status?.podIP !== address) wrong.push(`${name}: podIP ${pod.status?.podIP}, annotation ${address}`)
  }
  expect(wrong).toEqual([])
  const expected = [...held].map(([address, pod]) => ({
    address,
    key: keyOf(pod),
    attribute: { NodeName: pod.spec.nodeName ?? '', Uid: pod.metadata.uid ?? '' },
  }))
  expect(byAddress(await storedUnder(kube, ownerKey))).toEqual(byAddress(expected))
}

export interface Stored {
  readonly address: string
  readonly key: string
  readonly attribute: unknown
}

/** The FloatingIP objects whose key begins so. */
export async function storedUnder(kube: Kube, keyPrefix: string): Promise<Stored[]> {
  const objects = await kube.list<FloatingIp>(paths.floatingIps)
  return objects
    .filter(({ spec }) => spec.key.startsWith(keyPrefix))
    .map(({ metadata, spec }) => ({
      address: metadata.name,
      key: spec.key,
      attribute: JSON.parse(spec.attribute) as unknown,
    }))
}

function byAddress(stored: readonly Stored[]): Stored[] {
  return stored.toSorted((a, b) => (a.address < b.address ? -1 : 1))
}

export async function eventsOf(kube: Kube, namespace: string, pod: string): Promise<Event[]> {
  return await kube.list<Event>(`${paths.events(namespace)}?fieldSelector=involvedObject.name%3D${pod}`)
}

/** Waits until an Event of the namespace says this text. */
export async function said(kube: Kube, namespace: string, what: string, text: string): Promise<void> {
  await eventually(what, async () => {
    const events = await kube.list<Event>(paths.events(namespace))
    return events.some(({ message }) => message.includes(text))
  })
}

/** Waits until the stored objects whose key begins so are exactly these: address → key. */
export async function storedBecomes(
  kube: Kube,
  keyPrefix: string,
  expected: Readonly<Record<string, string>>,
): Promise<void> {
  let last: unknown
  await eventually(`the objects under ${keyPrefix}`, async () => {
    const stored = await storedUnder(kube, keyPrefix)
    last = Object.fromEntries(stored.map(({ address, key }) => [address, key]))
    return Bun.deepEquals(last, expected)
  }).catch(error => {
    expect(last).toEqual(expected)
    throw error
  })
}

/** The one address of the pod. */
export function addressOf(pod: Pod): string {
  const addresses = addressesOf(pod)
  if (addresses.length !== 1) throw new Error(`it has ${addresses.length} addresses: ${JSON.stringify(pod)}`)
  return addresses[0] ?? ''
}

/** Of these pods, in numeric order. */
export function addressSet(pods: readonly Pod[]): string[] {
  return pods.flatMap(addressesOf).toSorted()
}
