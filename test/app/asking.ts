/** Owns how a test asks: as the scheduler and as a person with curl, through the real apps. */
import type { FilterReply } from '../../src/http/extender-wire.ts'
import type { Kube } from './objects.ts'
import { until, type World } from './world.ts'

export interface Answered<T = unknown> {
  readonly status: number
  readonly body: T
}

async function answered<T>(response: Response): Promise<Answered<T>> {
  const text = await response.text()
  try {
    return { status: response.status, body: JSON.parse(text) as T }
  } catch {
    return { status: response.status, body: text as T }
  }
}

export async function post<T>(world: World, path: string, body: unknown): Promise<Answered<T>> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const headers = { 'content-type': 'application/json' }
  return answered<T>(
    await world.extender.handle(new Request(`http://floatip${path}`, { method: 'POST', headers, body: text })),
  )
}

export async function api<T>(world: World, path: string, init: RequestInit = {}): Promise<Answered<T>> {
  return answered<T>(await world.apiPort.handle(new Request(`http://floatip${path}`, init)))
}

export async function filter(world: World, pod: Kube, ...nodes: string[]): Promise<FilterReply> {
  const NodeNames = nodes.length === 0 ? ['a1', 'a2', 'b1'] : nodes
  return (await post<FilterReply>(world, '/v1/filter', { Pod: pod, Nodes: null, NodeNames })).body
}

/** The error text; empty: bound. */
export async function bind(world: World, { metadata }: Kube, node = 'a1'): Promise<string> {
  const { name, namespace, uid } = metadata
  const body = { PodName: name, PodNamespace: namespace, PodUID: uid, Node: node }
  return (await post<{ Error: string }>(world, '/v1/bind', body)).body.Error
}

/** The pod is created and seen, as the scheduler does before it asks. */
export async function create(world: World, pod: Kube): Promise<Kube> {
  const made = world.api.put('pods', pod)
  const key = `${pod.metadata.namespace}/${pod.metadata.name}`
  await until(() => world.ports.cluster.pods.get(key)?.uid === pod.metadata.uid)
  return made
}

/** With a fast clock on a busy machine those 4 s are over soon. */
const LATE = 'the bind takes longer than the scheduler waits; it goes on'

/** Created, filtered and bound; told that the bind goes on, it asks again, as the scheduler does. */
export async function run(world: World, pod: Kube, node = 'a1'): Promise<void> {
  await create(world, pod)
  const { NodeNames } = await filter(world, pod, node)
  if (NodeNames?.[0] !== node) throw new Error(`${pod.metadata.name} was refused by filter`)
  let error = await bind(world, pod, node)
  while (error === LATE) error = await bind(world, pod, node)
  if (error !== '') throw new Error(error)
}

/** The addresses that the stored pod carries. */
export function carried(world: World, name: string): string[] {
  const pod = world.api.get('pods', `default/${name}`)
  const args = JSON.parse(pod?.metadata.annotations?.['k8s.v1.cni.galaxy.io/args'] ?? '{}')
  return (args.common?.ipinfos ?? []).map((info: { ip: string }) => info.ip.split('/')[0])
}

/** The value of the annotation that wakes, or empty. */
export function wakeOf(world: World, name: string): string {
  return world.api.get('pods', `default/${name}`)?.metadata.annotations?.['k8s.v1.cni.galaxy.io/ip-retry'] ?? ''
}

export const callsOf = (world: World, kind: string) => world.api.calls.filter(call => call.kind === kind)
