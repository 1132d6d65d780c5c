/** Owns the words of Events: the same as long as the state is the same, without counts that move. */
import type { Allocation } from '../domain/allocation.ts'
import { isKept, ownerKey } from '../domain/owner.ts'
import type { Refusal } from '../domain/refusal.ts'
import type { PodFact } from '../kube/pod.ts'
import { unreachable } from '../lib/assert.ts'

/** What no release and no new range ends: the pod, or the configuration, has to be mended. */
export function isForItsAuthor({ code }: Refusal): boolean {
  switch (code) {
    case 'policy-not-supported':
    case 'request-not-possible':
    case 'node-not-configured':
    case 'not-requested':
      return true
    case 'unknown-node':
    case 'no-address-left':
    case 'resting':
    case 'limit-reached':
    case 'rollout-deadlock':
    case 'waiting-for-old-pod':
    case 'address-elsewhere':
    case 'not-found':
    case 'stale':
    case 'in-use':
      return false
    default:
      return unreachable(code)
  }
}

/** The scheduler's own message has the counts; ours would be another Event each time that one moves. */
export function waitText({ code, because }: Refusal, { owner }: Pick<PodFact, 'owner'>): string {
  const app = `Deployment ${owner.workload}`
  switch (code) {
    case 'limit-reached':
      return because.startsWith('reached pool')
        ? `${because}: waits for one to be released, or for a larger size`
        : `${app} has as many addresses as replicas: waits for one to be released`
    // How many rest changes, and would be another Event.
    case 'resting':
      return `${because.slice(0, because.lastIndexOf('; '))}; some rest, since containers may still use them`
    case 'rollout-deadlock':
      return `${app} has no address to give: ${because.slice(because.indexOf(': ') + 2)}`
    default:
      return because
  }
}

/** Where a pod's address came from, as its claim tells. */
export function originText({ owner, heldFrom, reservation }: Allocation): string {
  if (reservation !== null) return 'reserved for it'
  if (heldFrom === null) return 'a new one'
  if (!isKept(heldFrom)) return ownerKey(heldFrom) === ownerKey(owner) ? 'the same as before' : 'a new one'
  return heldFrom.pool !== '' ? `from pool ${heldFrom.pool}` : `one that Deployment ${heldFrom.workload} kept`
}
