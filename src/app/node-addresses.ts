/** Owns the warning about addresses that are given to pods although a node has them: two machines would answer for one. */
import { entryName } from '../domain/entry.ts'
import { type Address, compareAddresses } from '../ip/address.ts'
import type { NodeFact } from '../kube/node.ts'
import type { PodFact } from '../kube/pod.ts'
import { present } from '../lib/assert.ts'
import type { View } from '../rules/view.ts'

/** Each is a line of /v1/config, of the log and of an Event: whoever has more has put the nodes' network into `ips`. */
const NAMED_MAX = 10

export interface NodeAddresses {
  /** One text for each that lies in `ips`, in their order; the same as long as nodes and configuration are. */
  readonly warnings: readonly string[]
  /** Addresses in `ips` (as text), and the node that has each. */
  readonly shared: ReadonlyMap<string, string>
}

/** Without those that somebody keeps out of circulation: no pod is given them. */
export function nodeAddresses(
  { geometry, at }: Pick<View, 'geometry' | 'at'>,
  nodes: Iterable<NodeFact>,
): NodeAddresses {
  const found: { readonly address: Address; readonly node: string }[] = []
  for (const { name, addresses } of nodes) {
    for (const address of addresses)
      if (geometry.slotOf(address) !== null && !at(address)?.blocked) found.push({ address, node: name })
  }
  found.sort((a, b) => compareAddresses(a.address, b.address) || (a.node < b.node ? -1 : 1))
  const texts = found.slice(0, NAMED_MAX).map(({ address, node }) => {
    const entry = present(geometry.entries[geometry.entryIndexOf(address) ?? -1], 'entry of an address')
    return `${address.text} is the address of node ${node} and in the ips of ${entryName(entry)}: a pod may be given it; take it out of ips, or reserve it`
  })
  const more = found.length - texts.length
  return {
    warnings: more === 0 ? texts : [...texts, `and ${more} more addresses of nodes are in ips`],
    shared: new Map(found.map(({ address, node }) => [address.text, node])),
  }
}

/** What the owner of a bound pod should know: it carries an address that a node has. */
export function twinsOf({ addresses }: Pick<PodFact, 'addresses'>, shared: NodeAddresses['shared']): readonly string[] {
  if (shared.size === 0) return []
  return (addresses ?? []).flatMap(({ text }) => {
    const node = shared.get(text)
    return node === undefined
      ? []
      : `${text} is the address of node ${node} too: both answer for it; see ConfigurationWarning`
  })
}
