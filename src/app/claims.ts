/** Owns the second claimants: running pods that carry an address which another one has; reported, and never served (R6). */
import type { Committed } from '../domain/change.ts'
import type { AdoptCommand } from '../domain/command.ts'
import type { PodFact } from '../kube/pod.ts'
import type { Ports } from './ports.ts'
import { podSightings } from './sighting.ts'

/** Said when it is news: to the log, and to whoever describes the pod. */
export function reportClaimant(
  { claimants, onConflict, log }: Pick<Ports, 'claimants' | 'onConflict' | 'log'>,
  { address, owner, incarnation }: AdoptCommand,
  because: string,
): void {
  const { namespace, pod: name } = owner
  const key = `${namespace}/${name}`
  if (claimants.get(address.text) === key) return
  claimants.set(address.text, key)
  log.error({ ip: address.text, pod: key }, `conflict: ${because}`)
  onConflict({ namespace, name, uid: incarnation ?? '' }, because)
}

/** Forgets who claims no more, as all of these pictures show: the pod went, or it has the address now. A list may be older than a claim. */
export function forgetClaimants(
  { claimants, cluster, ledger }: Pick<Ports, 'claimants' | 'cluster' | 'ledger'>,
  ...pictures: readonly { get(key: string): PodFact | undefined }[]
): void {
  for (const [address, key] of claimants) {
    const claims = pictures.some(pods => {
      const pod = pods.get(key)
      return pod?.finished === false && isClaimed(pod, address)
    })
    if (claims) continue
    claimants.delete(address)
    // One is remembered for each address, and there may be more.
    const next = [...cluster.pods.values()].find(
      pod => pod.node !== null && !pod.finished && pod.asks && isClaimed(pod, address),
    )
    if (next !== undefined) claimants.set(address, `${next.namespace}/${next.name}`)
  }

  function isClaimed({ uid, addresses }: PodFact, text: string): boolean {
    const carried = addresses?.find(each => each.text === text)
    const row = carried === undefined ? null : ledger.read(view => view.at(carried))
    return row !== null && row.incarnation !== uid
  }
}

/** Of addresses that are let go: the other pod that carries one, if it still does. Its claim outlives the first, however that ended. */
export function heirsOf(
  { cluster, claimants, clock }: Pick<Ports, 'cluster' | 'claimants' | 'clock'>,
  parted: readonly Committed[],
): readonly AdoptCommand[] {
  return parted.flatMap(({ address, before }) => {
    const pod = cluster.pods.get(claimants.get(address.text) ?? '')
    if (pod === undefined || pod.uid === before?.incarnation) return []
    return podSightings(pod, clock.now(), new Set([pod.uid])).filter(each => each.address.text === address.text)
  })
}
