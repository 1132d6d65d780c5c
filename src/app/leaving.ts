/** Owns what must happen in the cloud before the ledger lets an address go: it leaves the node first. */
import type { Allocation } from '../domain/allocation.ts'
import type { Ports } from './ports.ts'

/**
 * The addresses of this incarnation leave the nodes that they are bound on, or those other than `except`. Throws a Fault when one
 * could not: it stays as it is until the next try. What moves in the ledger without this is left over, and pursued.
 */
export async function leaveNodes(
  { ledger, places }: Pick<Ports, 'ledger' | 'places'>,
  uid: string,
  except: string | null = null,
): Promise<void> {
  if (places === null) return
  const rows = ledger.read(view => view.ofIncarnation(uid))
  await Promise.all(
    rows.map(({ address, node }) => (node === null || node === except ? null : places.leave(address, node))),
  )
}

/**
 * The same for one row that was looked at before a wait. If it changed since, nothing is asked of the cloud: whoever changed it saw to that,
 * and by now another pod may have the address on the very node.
 */
export async function leaveUnchanged(
  { ledger, places }: Pick<Ports, 'ledger' | 'places'>,
  { address, node, revision }: Allocation,
): Promise<void> {
  if (places === null || node === null) return
  if (ledger.read(view => view.at(address))?.revision === revision) await places.leave(address, node)
}
