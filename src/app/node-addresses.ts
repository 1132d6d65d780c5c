/** Owns the warning about addresses that are given to pods although a node has them: two machines would answer for one. */
import { entryName } from '../domain/entry.ts'
import type { Geometry } from '../domain/geometry.ts'
import { type Address, compareAddresses } from '../ip/address.ts'
import type { NodeFact } from '../kube/node.ts'
import { present } from '../lib/assert.ts'

/** Each is a line of /v1/config, of the log and of an Event: whoever has more has put the nodes' network into `ips`. */
const NAMED_MAX = 10

/** One text for each node address that lies in `ips`, in the order of the addresses; the same as long as nodes and configuration are. */
export function nodeAddressWarnings(geometry: Geometry, nodes: Iterable<NodeFact>): readonly string[] {
  const shared: { readonly address: Address; readonly node: string }[] = []
  for (const { name, addresses } of nodes) {
    for (const address of addresses) if (geometry.slotOf(address) !== null) shared.push({ address, node: name })
  }
  shared.sort((a, b) => compareAddresses(a.address, b.address) || (a.node < b.node ? -1 : 1))
  const texts = shared.slice(0, NAMED_MAX).map(({ address, node }) => {
    const entry = present(geometry.entries[geometry.entryIndexOf(address) ?? -1], 'entry of an address')
    return `${address.text} is the address of node ${node} and in the ips of ${entryName(entry)}: a pod may be given it; take it out of ips, or reserve it`
  })
  const more = shared.length - texts.length
  return more === 0 ? texts : [...texts, `and ${more} more addresses of nodes are in ips`]
}
