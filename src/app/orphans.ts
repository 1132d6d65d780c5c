/** Owns the end of orphans: addresses that left the configuration and that no pod has are kept for nobody (R16). */
import { notABug } from '../lib/assert.ts'
import { messageOf } from '../lib/fault.ts'
import { slicesOf } from '../lib/slices.ts'
import { isConfigured } from '../rules/view.ts'
import type { Ports } from './ports.ts'

/** A range may hold more addresses than the ledger's queue has places. */
const AT_ONCE = 1_000

/** After a change of the configuration, and at every resync. One whose pod is unfinished stays until that has ended (R11). */
export async function sweepOrphans({
  ledger,
  cluster,
  clock,
  log,
}: Pick<Ports, 'ledger' | 'cluster' | 'clock' | 'log'>) {
  const orphans = ledger.read(view =>
    [...view.rows()].filter(row => row.phase === 'reserved' && !row.blocked && !isConfigured(view, row)),
  )
  const unused = orphans.filter(({ owner }) => cluster.pods.get(`${owner.namespace}/${owner.pod}`)?.finished !== false)
  try {
    for (const slice of slicesOf(unused, AT_ONCE)) {
      await Promise.all(
        slice.map(({ address, revision }) => ledger.submit('reclaim', { at: clock.now(), address, revision })),
      )
    }
  } catch (error) {
    notABug(error)
    log.warn(
      { err: messageOf(error) },
      'addresses that left the configuration are still kept: the next resync frees them',
    )
  }
}
