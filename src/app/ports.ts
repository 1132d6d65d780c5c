/** Owns what a use case is given: the ledger, the cluster, and the ways to act. They have no state of their own. */
import type { Places } from '../cloud/places.ts'
import type { PodRef } from '../domain/demand.ts'
import type { Calls } from '../kube/calls.ts'
import type { Cluster } from '../kube/cluster.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { Replicator } from '../replica/replicator.ts'
import type { Leadership } from './leadership-port.ts'

export interface Ports {
  readonly ledger: Ledger
  readonly cluster: Cluster
  readonly calls: Calls
  /** Null: no address provider is configured. */
  readonly places: Places | null
  readonly replicator: Replicator
  readonly leadership: Pick<Leadership, 'isLeader' | 'safeForMs'>
  /** By address: the pod (`namespace/name`) that carries it although another one has it (R6). */
  readonly claimants: Map<string, string>
  /** Reservations (ids) that ended and whose objects may not be gone yet. */
  readonly ended: Set<string>
  /** This pod carries an address that another one has (R6): somebody should know. */
  readonly onConflict: (pod: PodRef, because: string) => void
  /** How long an address rests that a container may still use (R12), in ms; 0: not at all. */
  readonly restMs: number
  readonly clock: Clock
  readonly log: Log
}
