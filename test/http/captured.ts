/** Owns the captured exchanges: real bodies of kube-scheduler, and the cluster in which they were asked. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { entry, type Kube, node } from '../app/objects.ts'
import { openWorld, type WorldOptions } from '../app/world.ts'

export interface Captured {
  readonly name: string
  readonly verb: 'filter' | 'priority' | 'bind' | 'preempt'
  readonly request: Readonly<Record<string, unknown>>
  readonly response: unknown
}

const HERE = join(import.meta.dir, '../golden')
const VERBS = { '/filter': 'filter', '/prioritize': 'priority', '/bind': 'bind', '/preempt': 'preempt' } as const

export const CAPTURED: readonly Captured[] = readdirSync(HERE)
  .filter(file => file.endsWith('.json'))
  .sort()
  .map(file => {
    const { path, request, response } = JSON.parse(readFileSync(join(HERE, file), 'utf8'))
    return { name: file.replace('.json', ''), verb: VERBS[path as keyof typeof VERBS], request, response }
  })

export const of = (verb: Captured['verb']) =>
  CAPTURED.filter(each => each.verb === verb).map(each => [each.name, each] as const)

export function captured(name: string): Captured {
  const found = CAPTURED.find(each => each.name === name)
  if (found === undefined) throw new Error(`no capture ${name}`)
  return found
}

export const podOf = ({ request }: Captured): Kube => request.Pod as Kube

/** The node names that a request asks about, in its order. */
export function namesOf({ request }: Captured): string[] {
  const { Nodes, NodeNames } = request as { Nodes: { items: Kube[] } | null; NodeNames: string[] | null }
  return NodeNames ?? (Nodes?.items ?? []).map(({ metadata }) => metadata.name)
}

/** The captured cluster: node-000 to node-003 at 10.49.0.10 and on, here with two addresses in all. */
export async function goldenWorld(options: WorldOptions = {}) {
  const world = await openWorld({ entries: [entry('10.49.0.0/16', '10.0.0.0/24', '10.0.0.2~10.0.0.3')], ...options })
  for (const at of [0, 1, 2, 3]) world.api.put('nodes', node(`node-00${at}`, `10.49.0.1${at}`))
  while (world.ports.cluster.nodes.get('node-003') === undefined) await Bun.sleep(2)
  return world
}

/** The same body as schedulers before 1.18 wrote it: our own keys begin in lower case; Kubernetes objects stay as they are. */
export function camelCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camelCase)
  if (typeof value !== 'object' || value === null || 'metadata' in value) return value
  const entries = Object.entries(value).map(([key, inner]) => [
    /^[A-Z]/.test(key) ? lowered(key) : key,
    camelCase(inner),
  ])
  return Object.fromEntries(entries)
}

/** `UID` -> `uid`, `NodeNames` -> `nodeNames`. */
function lowered(key: string): string {
  return key === key.toUpperCase() ? key.toLowerCase() : key.charAt(0).toLowerCase() + key.slice(1)
}
