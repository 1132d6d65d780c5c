/** Owns bind: filter's whole rule once more for the chosen node, then the claim of every address for pod and node. */
import type { Allocation } from '../domain/allocation.ts'
import type { Change } from '../domain/change.ts'
import type { BindCommand, ConfirmQuestion } from '../domain/command.ts'
import type { Demand } from '../domain/demand.ts'
import { ownerKey } from '../domain/owner.ts'
import type { PodAddress } from '../domain/pod-address.ts'
import { isRefusal, type Refusal, refusal } from '../domain/refusal.ts'
import type { Address } from '../ip/address.ts'
import { choose, fits } from './choice.ts'
import { claimOf } from './claim.ts'
import { outdated, sourceFor } from './source.ts'
import type { Rule, View } from './view.ts'

export interface BindAnswer {
  /** In the order of the request. */
  readonly addresses: readonly PodAddress[]
}

export const bind: Rule<BindCommand, BindAnswer> = (view, { demand, node, group }) => {
  const source = outdated(view, [group]) ?? sourceFor(view, demand)
  if (isRefusal(source)) return source
  const unfit = fits(view, demand, source, group)
  if (unfit !== null) return unfit
  const choices = choose(view, demand, source, group)
  if (choices === null) return refusal('no-address-left', `no free address for nodes in ${group.subnets}`)

  const changes = choices.map((choice, index): Change => {
    const { before, after } = claimOf(view, demand, source, choice, index, node)
    return { verb: 'bind', address: after.address, before, after, because: `scheduled to ${node}` }
  })
  return { changes, answer: { addresses: changes.map(change => podAddress(view, change.address)) } }
}

/**
 * What the pod's owner key still has beside the addresses that the pod was bound with, and its request does not ask for (R21). Without a
 * request only answers to lists are meant: a second row of the first list can also be left over from a lost ledger, and doubt keeps. What a
 * person reserved stays reserved.
 */
export function outgrown(
  view: View,
  { owner, pod, request }: Demand,
  bound: readonly Address[],
): readonly Allocation[] {
  const used = new Set(bound.map(address => address.text))
  return view.ofKey(ownerKey(owner)).filter(row => {
    const isFree = row.phase === 'reserved' || row.incarnation === pod.uid
    return (
      isFree &&
      !row.blocked &&
      row.reservation === null &&
      !used.has(row.address.text) &&
      (request.length > 0 || row.index > 0)
    )
  })
}

function podAddress(view: View, address: Address): PodAddress {
  const slot = view.geometry.slotOf(address)
  const entry = view.geometry.entryOf(slot ?? -1)
  return { address, prefix: entry.subnet.prefix, gateway: entry.gateway, vlan: entry.vlan }
}

/** Null when every address of the claim is still as the claim left it; the Binding may be posted in this very turn. */
export function confirm(view: View, { pod, addresses, revision }: ConfirmQuestion): Refusal | null {
  const rows = addresses.map(address => view.at(address))
  const intact = rows.every(
    row => row !== null && row.incarnation === pod.uid && row.revision === revision && row.phase === 'bound',
  )
  return intact ? null : refusal('stale', `the claim of ${pod.namespace}/${pod.name} was superseded`)
}
