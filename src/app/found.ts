/** Owns what the cluster shows of addresses that a new configuration brings in, before any of them is free (R17). */
import type { AdoptCommand } from '../domain/command.ts'
import type { Geometry } from '../domain/geometry.ts'
import type { Address } from '../ip/address.ts'
import type { FloatingIpFact } from '../kube/floatingip.ts'
import type { Ports } from './ports.ts'
import { objectSighting, podSightings } from './sighting.ts'

/**
 * Nearly always nothing: what an object or a pod shows is recorded when it is seen, as orphaned. But an object is looked into first, and
 * a record can fail; whoever is asked meanwhile must not find the address free. What we are about to write ourselves is not news.
 */
export function foundIn(
  { ledger, cluster, replicator, clock }: Pick<Ports, 'ledger' | 'cluster' | 'replicator' | 'clock'>,
  objects: Iterable<FloatingIpFact>,
  geometry: Geometry,
): readonly AdoptCommand[] {
  const pods = [...cluster.pods.values()]
  const alive = new Set(pods.filter(pod => !pod.finished).map(pod => pod.uid))
  const at = clock.now()
  return ledger.read(view => {
    function comesIn(address: Address): boolean {
      if (geometry.slotOf(address) === null || view.geometry.slotOf(address) !== null) return false
      return view.at(address) === null && !replicator.isBusy(address)
    }
    const stored = [...objects]
      .filter(({ address }) => address !== null && comesIn(address))
      .flatMap(fact => objectSighting(fact, at, alive) ?? [])
    const carried = pods.flatMap(pod => podSightings(pod, at, alive)).filter(({ address }) => comesIn(address))
    return [...stored, ...carried]
  })
}
