/** Owns start-up: ledger, objects and pods are reconciled before the first answer. */

import { UNKNOWN_INCARNATION } from '../domain/allocation.ts'
import type { AdoptCommand } from '../domain/command.ts'
import { isRefusal } from '../domain/refusal.ts'
import type { FloatingIpFact } from '../kube/floatingip.ts'
import type { PodFact } from '../kube/pod.ts'
import { endIncarnation, followAll } from './pod-ends.ts'
import type { Ports } from './ports.ts'
import { objectSighting, podSightings } from './sighting.ts'

export interface Reconciled {
  readonly adopted: number
  readonly ended: number
  readonly conflicts: readonly string[]
}

/** Quorum GETs under way at once for incarnations that no listed pod has. */
const SUSPECTS_AT_ONCE = 16

/**
 * Objects first, then pods: an object that is not in the ledger is adopted, a bound pod's addresses too; then every incarnation
 * that no listed pod has is looked up and, if it is gone, ended by its policy. What contradicts is reported and left alone.
 */
export async function reconcile(ports: Ports, objects: readonly FloatingIpFact[]): Promise<Reconciled> {
  const { cluster, clock, replicator, log } = ports
  const pods = [...cluster.pods.values()]
  const alive = new Set(pods.filter(pod => !pod.finished).map(pod => pod.uid))
  const at = clock.now()
  for (const fact of objects) replicator.seen(fact)

  const fromObjects = objects.flatMap(fact => objectSighting(fact, at, alive) ?? [])
  const fromPods = pods.flatMap(pod => podSightings(pod, at, alive))
  const outcomes = await adoptAll(ports, [...fromObjects, ...fromPods])
  for (const conflict of outcomes.conflicts) log.error({}, `conflict: ${conflict}`)
  const named = objects.filter(fact => fact.address === null).map(fact => fact.name)
  if (named.length > 0) log.warn({ names: named }, 'FloatingIP objects whose names are not addresses are ignored')

  const ended = await endSuspects(ports)
  await followAll(ports)
  await rewriteDrift(ports, objects)
  return { ...outcomes, ended }
}

async function adoptAll(
  { ledger }: Ports,
  sightings: readonly AdoptCommand[],
): Promise<{ adopted: number; conflicts: string[] }> {
  const conflicts: string[] = []
  let adopted = 0
  // In slices: a cluster has more allocations than the ledger's queue has places.
  for (let from = 0; from < sightings.length; from += SIGHTINGS_AT_ONCE) {
    const slice = sightings.slice(from, from + SIGHTINGS_AT_ONCE)
    for (const outcome of await Promise.all(slice.map(sighting => ledger.submit('adopt', sighting)))) {
      if (isRefusal(outcome)) conflicts.push(outcome.because)
      else if (outcome.changes.length > 0) adopted++
    }
  }
  return { adopted, conflicts }
}

const SIGHTINGS_AT_ONCE = 1_000

/** Rows whose incarnation no unfinished listed pod has: absence is a suspicion, a quorum GET is evidence (R7). */
async function endSuspects(ports: Ports): Promise<number> {
  // As the mirror is now: a pod that ended during the adoption was told before its row was there.
  const pods: readonly PodFact[] = [...ports.cluster.pods.values()]
  const alive = new Set(pods.filter(pod => !pod.finished).map(pod => pod.uid))
  const finished = new Set(pods.filter(pod => pod.finished).map(pod => pod.uid))
  const suspects = ports.ledger.read(view =>
    [...view.rows()].filter(
      row => row.incarnation !== null && row.incarnation !== UNKNOWN_INCARNATION && !alive.has(row.incarnation),
    ),
  )
  const byUid = [...new Map(suspects.map(row => [row.incarnation ?? '', row])).values()]
  let ended = 0
  async function lane(): Promise<void> {
    for (let row = byUid.pop(); row !== undefined; row = byUid.pop()) {
      const uid = row.incarnation ?? ''
      if (!finished.has(uid)) {
        const pod = await ports.calls.getPod(row.owner.namespace, row.owner.pod)
        if (pod !== null && pod.uid === uid && !pod.finished) continue
      }
      await endIncarnation(ports, uid, 'its pod ended while floatip was down')
      ended++
    }
  }
  await Promise.all(Array.from({ length: SUSPECTS_AT_ONCE }, lane))
  return ended
}

/** Rows whose object is missing or says something else are written again, although the outbox does not name them. */
async function rewriteDrift({ ledger, replicator, log }: Ports, objects: readonly FloatingIpFact[]): Promise<void> {
  const found = new Map(objects.flatMap(fact => (fact.address === null ? [] : [[fact.address.text, fact] as const])))
  const drifted = ledger.read(view =>
    [...view.rows()].filter(row => {
      const fact = found.get(row.address.text)
      return !row.blocked && (fact === undefined || !replicator.agrees(fact, row))
    }),
  )
  if (drifted.length > 0)
    log.info({ count: drifted.length }, 'FloatingIP objects differ from the ledger: written again')
  for (const row of drifted) replicator.rewrite(row.address, row.revision)
}
