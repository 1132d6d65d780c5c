/** Owns what is said of a pod that is bound already: whether it has what it carries, and what becomes of that when it ends. */
import { type Owner, ownerKey } from '../domain/owner.ts'
import { isRefusal } from '../domain/refusal.ts'
import type { Address } from '../ip/address.ts'
import type { PodFact } from '../kube/pod.ts'
import { adopt } from '../rules/adopt.ts'
import { isStillTheirs } from '../rules/rest.ts'
import { unbind } from '../rules/unbind.ts'
import { workloadAtEnd } from './demand.ts'
import type { Reason } from './explain-words.ts'
import type { Ports } from './ports.ts'
import { carriedBy } from './sighting.ts'

/** What would become of an address if its pod ended now. */
export interface AtEnd {
  /** Null: it would be free. */
  readonly keptFor: Owner | null
  readonly because: string
}

export interface BoundVerdict {
  readonly reason: Reason
  readonly because: string
}

/** By address: the decision that unbind would make, with the workload as it is now. */
export async function atEndOf(ports: Ports, uid: string): Promise<ReadonlyMap<string, AtEnd>> {
  const { ledger, clock } = ports
  const [row] = ledger.read(view => view.ofIncarnation(uid))
  if (row === undefined) return new Map()
  const workload = await workloadAtEnd(ports, row.owner, row.policy, row.apiVersion)
  const decision = ledger.read(view =>
    unbind(view, { at: clock.now(), incarnation: uid, workload, rests: false, because: '' }),
  )
  if (isRefusal(decision)) return new Map()
  return new Map(
    decision.changes.map(change => [
      change.address.text,
      {
        keptFor: isStillTheirs(change) ? (change.after?.owner ?? null) : null,
        because: change.because.replace(/^; /, ''),
      },
    ]),
  )
}

export function judgeBound({ ledger, clock }: Ports, pod: PodFact): BoundVerdict {
  const carried = pod.addresses ?? []
  if (carried.length === 0) {
    const because = `it is bound to ${pod.node} without addresses: somebody else than floatip bound it`
    return { reason: 'bound-without-address', because }
  }
  for (const sighting of carriedBy(ledger, pod, clock.now())) {
    const decision = ledger.read(view => adopt(view, sighting))
    if (isRefusal(decision)) return { reason: 'two-claimants', because: decision.because }
    if (decision.changes.length === 0) continue
    const because = `it carries ${sighting.address.text}, which the ledger has ${had(ledger, sighting.address)}`
    return { reason: 'address-not-recorded', because }
  }
  const names = carried.map(({ text }) => text).join(', ')
  return { reason: 'bound', because: `it has ${names} on ${pod.node}` }
}

function had(ledger: Ports['ledger'], address: Address): string {
  const row = ledger.read(view => view.at(address))
  return row === null ? 'as free' : `for ${ownerKey(row.owner)}`
}
