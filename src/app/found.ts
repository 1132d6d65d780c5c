/** Owns what the cluster shows of addresses that a new configuration brings in, before any of them is free (R17). */
import type { AdoptCommand } from '../domain/command.ts'
import type { Geometry } from '../domain/geometry.ts'
import type { Address } from '../ip/address.ts'
import type { FloatingIpFact } from '../kube/floatingip.ts'
import type { ObjectStore } from '../kube/object-store.ts'
import type { Ports } from './ports.ts'
import { objectSighting, podSightings } from './sighting.ts'

/**
 * Nearly always nothing: what an object or a pod shows is recorded when it is seen, as orphaned. But an object is looked into first, and
 * a record can fail; whoever is asked meanwhile must not find the address free. What we are about to write ourselves is not news,
 * nor is what we deleted and a late watch still shows: its pod's end is booked already, and nobody would free the address again.
 */
export function foundIn(
  parts: Pick<Ports, 'ledger' | 'cluster' | 'replicator' | 'clock'> & { objects: Pick<ObjectStore, 'hasRemoved'> },
  shown: Iterable<FloatingIpFact>,
  geometry: Geometry,
): readonly AdoptCommand[] {
  const { ledger, cluster, replicator, objects, clock } = parts
  const pods = [...cluster.pods.values()]
  const alive = new Set(pods.filter(pod => !pod.finished).map(pod => pod.uid))
  const at = clock.now()
  return ledger.read(view => {
    function comesIn(address: Address): boolean {
      if (geometry.slotOf(address) === null || view.geometry.slotOf(address) !== null) return false
      return view.at(address) === null && !replicator.isBusy(address)
    }
    const stored = [...shown]
      .filter(fact => fact.address !== null && comesIn(fact.address) && !objects.hasRemoved(fact))
      .flatMap(fact => objectSighting(fact, at, alive) ?? [])
    const carried = pods.flatMap(pod => podSightings(pod, at, alive)).filter(({ address }) => comesIn(address))
    return [...stored, ...carried]
  })
}
