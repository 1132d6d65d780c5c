/** Owns what a bound pod has beside the addresses that it carries: it goes back to where it came from. */
import type { Address } from '../ip/address.ts'
import type { PodFact } from '../kube/pod.ts'
import type { Ports } from './ports.ts'

/**
 * The pod is bound and carries these. A range that left meanwhile, or an answer that was lost, can have made filter or bind take others
 * for it. `sure`: the Binding was ours, so claims go too; else only holds, for no Binding ever carried those, and what an annotation
 * says can have been edited since (R1).
 */
export async function giveBackBeside(
  { ledger, places, clock }: Pick<Ports, 'ledger' | 'places' | 'clock'>,
  uid: string,
  carried: ReadonlySet<string>,
  sure: boolean,
): Promise<void> {
  const rows = ledger.read(view => view.ofIncarnation(uid))
  const goes = rows.filter(row => !carried.has(row.address.text) && (sure || row.phase === 'held'))
  if (goes.length === 0) return
  const revision = Math.max(...rows.map(row => row.revision))
  const going = new Set(goes.map(row => row.address.text))
  const except = new Set(rows.map(row => row.address.text).filter(text => !going.has(text)))
  await Promise.all(goes.map(({ address, node }) => (node === null ? null : places?.leave(address, node))))
  const because = 'its pod is bound without it'
  await ledger.submit('giveBack', { at: clock.now(), incarnation: uid, revision, because, except })
}

/** Of all pods at once, as a fresh list shows them: what nobody saw go back. */
export async function giveBackAllBeside(
  ports: Pick<Ports, 'ledger' | 'places' | 'clock'>,
  pods: readonly PodFact[],
): Promise<void> {
  const held = ports.ledger.read(view => [...view.rows()].filter(row => row.phase === 'held'))
  if (held.length === 0) return
  const holders = new Set(held.map(row => row.incarnation))
  for (const { uid, node, finished, addresses } of pods) {
    if (node !== null && !finished && holders.has(uid)) await giveBackBeside(ports, uid, textsOf(addresses), false)
  }
}

export function textsOf(addresses: readonly Address[] | null): ReadonlySet<string> {
  return new Set(addresses?.map(address => address.text))
}
