/** Owns whose ledger this is: what it has of another cluster counts for nothing here. */
import { isRefusal } from '../domain/refusal.ts'
import { Fault } from '../lib/fault.ts'
import type { RememberedText } from '../store/facts.ts'
import type { Ports } from './ports.ts'

export interface ClusterParts extends Pick<Ports, 'ledger' | 'calls' | 'replicator' | 'places' | 'clock' | 'log'> {
  /** Which cluster the ledger is of. */
  readonly cluster: RememberedText
  readonly lastGood: RememberedText
  /** The cluster has everything that counts, and the ledger a copy. */
  readonly replicated: boolean
}

/**
 * Before anything of the ledger is relied on. A data directory outlives its cluster, or is given to another one by mistake: what was kept
 * there must be kept from nobody here. Throws a Fault while nobody can tell, and where nobody but the ledger knows who has what.
 */
export async function settleInCluster(parts: ClusterParts): Promise<void> {
  const { calls, cluster, log } = parts
  const here = await calls.clusterId()
  if (here === null) {
    log.warn({}, 'the namespace kube-system cannot be read: whether the ledger is of this cluster is not known')
    return
  }
  const before = cluster.read()
  if (before === here) return
  if (before !== null) await begin(parts, before, here)
  cluster.write(here)
}

/** Everything that it has becomes free; the history stays, and tells why. */
async function begin(parts: ClusterParts, before: string, here: string): Promise<void> {
  const { ledger, replicator, places, clock, log, lastGood, replicated } = parts
  const clusters = `its namespace kube-system has the UID ${before}, here that is ${here}`
  if (!replicated)
    throw new Fault(
      `the ledger is of another cluster (${clusters}): give --data-dir a directory of its own, or take it over by floatip restore --allocations`,
      {
        retryable: true,
      },
    )
  const because = `the ledger was of another cluster: ${clusters}`
  const addresses = ledger.read(view => [...view.rows()].map(row => row.address))
  const outcome = await ledger.submit('forget', { at: clock.now(), addresses, because })
  if (isRefusal(outcome)) throw new Fault(outcome.because, { retryable: true })
  // Of what was still to be told there nothing is told here: neither to the API server nor to the cloud.
  for (const { address, revision } of outcome.changes) replicator.confirmed(address, revision)
  for (const { address, revision } of ledger.outbox()) ledger.acknowledge(address, revision)
  places?.forget()
  lastGood.forget()
  log.warn({ addresses: outcome.answer }, `${because}; who had its addresses is history`)
}
