/** Owns which nodes a pod could run on as far as addresses go, and why not on the others: by group, bounded, whatever the size of the cluster. */
import type { Geometry, NodeGroup } from '../domain/geometry.ts'
import { isRefusal, type Refusal, type RefusalCode } from '../domain/refusal.ts'
import type { NodeFact } from '../kube/node.ts'
import type { Verdicts } from '../rules/filter.ts'
import type { View } from '../rules/view.ts'
import { placeOf } from './filter.ts'

/** Groups in an answer: a person reads no more, and a script wants the counts. */
const GROUPS_MAX = 20
const NAMES_MAX = 3

/** All nodes by where their addresses come from. */
export interface Placed {
  readonly groups: readonly { readonly group: NodeGroup; readonly names: readonly string[] }[]
  /** In no group, by the reason. */
  readonly others: readonly { readonly because: Refusal; readonly names: readonly string[] }[]
  readonly total: number
}

export interface GroupShown {
  /** The node subnets; empty: the nodes are in none. */
  readonly nodeSubnets: string
  readonly nodes: number
  readonly examples: readonly string[]
  /** Null: the pod can have its addresses on these nodes. */
  readonly refusal: Refusal | null
  /** The entries that serve them, with what is free. */
  readonly entries: readonly { readonly subnet: string; readonly total: number; readonly free: number }[]
}

export interface NodesShown {
  readonly total: number
  readonly qualifying: number
  readonly groups: readonly GroupShown[]
  /** Groups that are not shown. */
  readonly more: number
}

export function placeAll(geometry: Geometry, nodes: Iterable<NodeFact>): Placed {
  // Each set of node addresses has a group value of its own: equal groups have equal ids.
  const groups = new Map<string, { readonly group: NodeGroup; readonly names: string[] }>()
  const others = new Map<Refusal, string[]>()
  let total = 0
  for (const { name, addresses } of nodes) {
    total++
    const place = placeOf(geometry, addresses)
    if (isRefusal(place)) others.get(place)?.push(name) ?? others.set(place, [name])
    else {
      const known = groups.get(place.id)
      if (known === undefined) groups.set(place.id, { group: place, names: [name] })
      else known.names.push(name)
    }
  }
  return {
    groups: [...groups.values()],
    others: [...others].map(([because, names]) => ({ because, names })),
    total,
  }
}

/** Those that qualify first, then by their number of nodes. */
export function showNodes(view: View, placed: Placed, verdicts: Verdicts): NodesShown {
  const shown: GroupShown[] = placed.groups.map(({ group, names }) => ({
    nodeSubnets: group.subnets,
    ...counted(names),
    refusal: verdicts.get(group.id) ?? null,
    entries: group.entries.slice(0, GROUPS_MAX).map(index => ({
      subnet: view.geometry.entries[index]?.subnet.text ?? '',
      total: view.geometry.entries[index]?.size ?? 0,
      free: view.freeCount(index),
    })),
  }))
  for (const { because, names } of placed.others) {
    shown.push({ nodeSubnets: '', ...counted(names), refusal: because, entries: [] })
  }
  const good = (group: GroupShown) => (group.refusal === null ? 1 : 0)
  shown.sort((a, b) => good(b) - good(a) || b.nodes - a.nodes || (a.nodeSubnets < b.nodeSubnets ? -1 : 1))
  return {
    total: placed.total,
    qualifying: shown.reduce((sum, group) => sum + good(group) * group.nodes, 0),
    groups: shown.slice(0, GROUPS_MAX),
    more: Math.max(0, shown.length - GROUPS_MAX),
  }
}

function counted(names: readonly string[]) {
  return { nodes: names.length, examples: [...names].sort().slice(0, NAMES_MAX) }
}

/** What most nodes were refused for; those that no entry serves count only when there are no others. */
export function mainRefusal({ groups, others }: Placed, verdicts: Verdicts): Refusal | null {
  const counts = new Map<RefusalCode, { nodes: number; refusal: Refusal }>()
  const count = (refusal: Refusal, nodes: number) => {
    const before = counts.get(refusal.code)
    counts.set(refusal.code, { nodes: (before?.nodes ?? 0) + nodes, refusal: before?.refusal ?? refusal })
  }
  for (const { group, names } of groups) {
    const refusal = verdicts.get(group.id)
    if (refusal) count(refusal, names.length)
  }
  if (counts.size === 0) for (const { because, names } of others) count(because, names.length)
  return [...counts.values()].sort((a, b) => b.nodes - a.nodes)[0]?.refusal ?? null
}
