/** Owns the plan of another configuration: whose addresses leave it, who could not come back, and what changes for pods that run. */
import type { Allocation } from '../domain/allocation.ts'
import type { SubnetEntry } from '../domain/entry.ts'
import { isKept, ownerKey } from '../domain/owner.ts'
import type { View } from '../rules/view.ts'
import { nodeAddresses } from './node-addresses.ts'
import type { Play } from './plan.ts'
import type { PlannedAddress, PlannedPod, Played } from './plan-words.ts'

export async function playConfiguration(
  { ports, copy, groups }: Play,
  rows: readonly Allocation[],
  ofValue: readonly string[],
): Promise<Played> {
  const now = ports.ledger.read(view => view.geometry)
  const then = copy.state.geometry
  const places = groups()
  /** By entries: whether some node has all of them. */
  const reached = new Map<string, boolean>()
  const orphaned: PlannedAddress[] = []
  const pods = new Map<string, PlannedPod>()
  const moved = new Map<string, number>()

  for (const row of rows) {
    await copy.pace()
    const was = now.slotOf(row.address)
    const slot = then.slotOf(row.address)
    if (was !== null && slot === null) {
      orphaned.push({ ip: row.address.text, key: ownerKey(row.owner), because: whatFollows(row) })
      if (row.incarnation !== null)
        tell(
          row,
          'lose',
          'its range leaves the configuration: it keeps the address while it runs, and is given another one then',
        )
      continue
    }
    if (slot === null || row.blocked) continue
    if (row.incarnation !== null) {
      const all = hadBy(copy.state, row).filter(({ address }) => then.slotOf(address) !== null)
      if (!isReached(all)) {
        const names = all.map(({ address }) => address.text).join(' and ')
        tell(row, 'wait', `no node could use ${names} any more: once it is made again it waits`)
      }
    }
    if (was !== null && row.phase === 'bound') count(moved, difference(now.entryOf(was), then.entryOf(slot)))
    if (!pods.has(nameOf(row)) && row.incarnation !== null) tell(row, 'keep', 'it keeps what it has')
  }
  const left = [...ports.cluster.nodes.values()].filter(
    ({ addresses }) => now.groupOf(addresses) !== null && then.groupOf(addresses) === null,
  )
  const changes = [...moved]
    .filter(([text]) => text !== '')
    .map(([text, n]) => `${n} addresses of running pods: ${text}`)
  const warnings = [...ofValue, ...nodeAddresses(copy.state, ports.cluster.nodes.values()).warnings, ...changes]
  if (left.length > 0) {
    const names = left.slice(0, 3).map(({ name }) => name)
    warnings.push(
      `in no node subnet any more would be ${names.join(', ')}${left.length > 3 ? ` and ${left.length - 3} more nodes` : ''}`,
    )
  }
  return { pods: [...pods.values()], orphaned, freed: [], warnings }

  /** A pod needs one node that can use all that it has. */
  function isReached(all: readonly Allocation[]): boolean {
    const entries = all.map(({ address }) => then.entryIndexOf(address) ?? -1)
    const key = entries.join(' ')
    const known = reached.get(key) ?? places.some(group => entries.every(entry => group.entries.includes(entry)))
    reached.set(key, known)
    return known
  }

  function tell(row: Allocation, fate: PlannedPod['fate'], because: string): void {
    const known = pods.get(nameOf(row))
    if (known !== undefined && (known.fate === 'lose' || fate === 'keep')) return
    const before = ports.ledger.read(view => hadBy(view, row)).map(each => each.address.text)
    pods.set(nameOf(row), { pod: nameOf(row), fate, before, after: fate === 'keep' ? before : [], code: null, because })
  }
}

/** What the pod of this row has. Under no known UID there are rows of many pods (R14). */
function hadBy(view: View, row: Allocation): readonly Allocation[] {
  return view.ofIncarnation(row.incarnation ?? '').filter(each => nameOf(each) === nameOf(row))
}

function nameOf({ owner }: Allocation): string {
  return `${owner.namespace}/${owner.pod}`
}

function whatFollows({ incarnation, owner }: Allocation): string {
  if (incarnation !== null) return 'in use: it stays with its pod, and goes with it'
  return isKept(owner)
    ? 'kept without a pod: it is free at once'
    : 'kept for a pod that does not run: it is free at once'
}

function count(map: Map<string, number>, key: string): void {
  map.set(key, (map.get(key) ?? 0) + 1)
}

/** What a pod that runs was told otherwise; empty: nothing. */
function difference(now: SubnetEntry, then: SubnetEntry): string {
  const parts: string[] = []
  if (now.gateway.text !== then.gateway.text) parts.push(`gateway ${now.gateway.text} becomes ${then.gateway.text}`)
  if (now.subnet.prefix !== then.subnet.prefix)
    parts.push(`prefix /${now.subnet.prefix} becomes /${then.subnet.prefix}`)
  if (now.vlan !== then.vlan) parts.push(`vlan ${now.vlan} becomes ${then.vlan}`)
  return parts.length === 0 ? '' : `${parts.join(', ')}; they learn it only when they are made again`
}
