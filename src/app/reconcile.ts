/** Owns reconciliation: ledger, objects and pods are brought together, at start-up before the first answer and at every resync. */
import { type Allocation, knownUid, UNKNOWN_INCARNATION } from '../domain/allocation.ts'
import type { AdoptCommand } from '../domain/command.ts'
import { isKept, keptBy, type Owner, ownerKey } from '../domain/owner.ts'
import { RELEASE_AT_POD_END } from '../domain/policy.ts'
import { isRefusal } from '../domain/refusal.ts'
import type { FloatingIpFact } from '../kube/floatingip.ts'
import type { PodFact } from '../kube/pod.ts'
import { Fault } from '../lib/fault.ts'
import { slicesOf } from '../lib/slices.ts'
import { adopt } from '../rules/adopt.ts'
import { giveBackAllBeside } from './beside.ts'
import { forgetClaimants, reportClaimant } from './claims.ts'
import { followAll } from './kept.ts'
import { inLanes } from './lanes.ts'
import { leaveUnchanged } from './leaving.ts'
import { endIncarnation } from './pod-ends.ts'
import type { Ports } from './ports.ts'
import { blocks, objectSighting, podSightings } from './sighting.ts'

export interface Reconciled {
  readonly adopted: number
  readonly ended: number
  /** Incarnations that could not be looked up: their addresses stay until they can. */
  readonly doubts: number
  readonly conflicts: readonly string[]
  /** Rows whose object was missing, or said something else; both are written again. */
  readonly missing: number
  readonly different: number
}

/** Quorum GETs under way at once for incarnations that no listed pod has. */
const SUSPECTS_AT_ONCE = 16
/** Between two slices others have their turn: 1,000 look-ups take some 3 ms, and the ledger's queue has 10,000 places. */
const SIGHTINGS_AT_ONCE = 1_000
const NONE: ReadonlySet<string> = new Set()

/**
 * Objects first, then pods: an object that is not in the ledger is adopted, a bound pod's addresses too; then every incarnation
 * that no listed pod has is looked up and, if it is gone, ended by its policy. What contradicts is reported and left alone.
 * The lists are quorum lists, fresh; null: there are no objects (replication is off). What `changed` in the ledger since they were
 * asked for is not judged by them: an address released meanwhile must not come back with its old object.
 */
export async function reconcile(
  ports: Ports,
  listed: readonly FloatingIpFact[] | null,
  pods: readonly PodFact[],
  changed: ReadonlySet<string> = NONE,
): Promise<Reconciled> {
  const objects = (listed ?? []).filter(({ address }) => address === null || !changed.has(address.text))
  const { clock, replicator, log } = ports
  const alive = new Set(pods.filter(pod => !pod.finished).map(pod => pod.uid))
  const byName = new Map(pods.map(pod => [`${pod.namespace}/${pod.name}`, pod]))
  const at = clock.now()
  for (const fact of objects) replicator.seen(fact)

  if (listed !== null) await endReservations(ports, objects, changed)
  // Made when their slice comes: all at once would be the largest thing in memory.
  function* sightings(): Generator<Sighting> {
    const unknown = new Map<string, Owner>()
    // Those used last come last: of several that a workload keeps, the most recently updated one is taken first.
    for (const fact of objects.toSorted((a, b) => a.updatedAt - b.updatedAt)) {
      const command = isOurs(ports, fact) ? null : objectSighting(fact, at, alive)
      if (command?.incarnation === UNKNOWN_INCARNATION) unknown.set(command.address.text, command.owner)
      if (command !== null) yield { command, fact }
    }
    for (const pod of pods) {
      for (const command of podSightings(pod, at, alive)) {
        const owner = unknown.get(command.address.text) ?? ownerOfUnknown(ports, command)
        // Whatever its annotation says: any unfinished pod of that name may be the one (R14).
        const isOthers =
          owner !== null &&
          ownerKey(owner) !== ownerKey(pod.owner) &&
          byName.get(`${owner.namespace}/${owner.pod}`)?.finished === false
        yield { command: isOthers ? { ...command, alive: withUnknown() } : command, fact: null }
      }
    }
  }
  let both: ReadonlySet<string> | null = null
  function withUnknown(): ReadonlySet<string> {
    both ??= new Set([...alive, UNKNOWN_INCARNATION])
    return both
  }
  const outcomes = await adoptAll(ports, sightings(), changed)
  const named = objects.filter(fact => fact.address === null).map(fact => fact.name)
  if (named.length > 0) log.warn({ names: named }, 'FloatingIP objects whose names are not addresses are ignored')

  for (const fact of objects) pursueNamed(ports, fact)
  await giveBackAllBeside(ports, pods)
  const suspects = await endSuspects(ports, alive)
  forgetClaimants(ports, byName, ports.cluster.pods)
  await followAll(ports)
  const drift = listed === null ? { missing: 0, different: 0 } : await rewriteDrift(ports, objects, changed)
  replicator.sweep()
  return { ...outcomes, ...suspects, ...drift }
}

/** Addresses that an administrator kept out of circulation, and does no more. */
async function endReservations(
  { ledger, replicator, clock }: Ports,
  objects: readonly FloatingIpFact[],
  changed: ReadonlySet<string>,
): Promise<void> {
  const blocking = new Set(objects.filter(blocks).map(fact => fact.address?.text))
  const isOver = ({ blocked, address }: Allocation) =>
    // The object of a reservation that was just made may be on its way.
    blocked && !blocking.has(address.text) && !changed.has(address.text) && !replicator.isBusy(address)
  const ended = ledger.read(view => [...view.rows()].filter(isOver))
  for (const slice of slicesOf(ended, SIGHTINGS_AT_ONCE)) {
    await Promise.all(slice.map(({ address }) => ledger.submit('unblock', { at: clock.now(), address })))
  }
}

function ownerOfUnknown({ ledger }: Ports, { address }: AdoptCommand): Owner | null {
  const row = ledger.read(view => view.at(address))
  return row?.incarnation === UNKNOWN_INCARNATION ? row.owner : null
}

/** An address that we are writing at this moment: the list shows a state of the past. */
function isOurs({ replicator }: Ports, { address }: FloatingIpFact): boolean {
  return address !== null && replicator.isBusy(address)
}

/** `fact`: the object that shows it; null: a pod does. */
interface Sighting {
  readonly command: AdoptCommand
  readonly fact: FloatingIpFact | null
}

async function adoptAll(
  ports: Ports,
  sightings: Iterable<Sighting>,
  changed: ReadonlySet<string>,
): Promise<{ adopted: number; conflicts: string[] }> {
  const { ledger, replicator, clock, log } = ports
  /** What we have just adopted ourselves: its pod may have more to say. */
  const ours = new Set<string>()
  const conflicts: string[] = []
  let adopted = 0
  // Nearly all are known: those cost a look-up and no turn.
  function isNews({ command }: Sighting): boolean {
    const { text } = command.address
    if (changed.has(text) && !ours.has(text)) return false
    const decision = ledger.read(view => adopt(view, command))
    return isRefusal(decision) || decision.changes.length > 0
  }
  for (const found of slicesOf(sightings, SIGHTINGS_AT_ONCE)) {
    const slice = found.filter(isNews)
    for (const { command } of slice) ours.add(command.address.text)
    const outcomes = await Promise.all(slice.map(({ command }) => ledger.submit('adopt', command)))
    await clock.sleep(0)
    for (const [at, { command, fact }] of slice.entries()) {
      const outcome = outcomes[at]
      if (isRefusal(outcome)) {
        conflicts.push(outcome.because)
        if (command.source === 'pod') reportClaimant(ports, command, outcome.because)
        else log.error({ ip: command.address.text }, `conflict: ${outcome.because}`)
      } else if (outcome !== undefined && outcome.changes.length > 0) {
        adopted++
        if (command.blocked && fact?.reserved === false)
          log.warn({ ip: fact.name, key: fact.key }, 'a FloatingIP object cannot be read: its address goes to nobody')
        const row = ledger.read(view => view.at(command.address))
        // The version of this very object is what we rest on: a takeover need not write what is there already.
        if (row?.revision === outcome.revision && fact !== null && replicator.agrees(fact, row))
          replicator.confirmed(row.address, row.revision)
      }
    }
  }
  return { adopted, conflicts }
}

/**
 * Rows whose incarnation the fresh list or the mirror does not have unfinished: a watch that skipped a DELETE says "running" for ever,
 * and a pod may have ended since the list. Absence is a suspicion, a quorum GET is evidence (R7, R13).
 */
async function endSuspects(ports: Ports, listed: ReadonlySet<string>): Promise<{ ended: number; doubts: number }> {
  const mirrored = [...ports.cluster.pods.values()].filter(pod => !pod.finished).map(pod => pod.uid)
  const alive = new Set(mirrored.filter(uid => listed.has(uid)))
  const suspects = ports.ledger.read(view => [...view.rows()].filter(row => isSuspect(row, alive)))
  // What no known UID has is ended address by address.
  const endOf = (row: Allocation) =>
    knownUid(row) === null ? row.address.text : `${row.incarnation} ${row.owner.namespace}/${row.owner.pod}`
  const ends = [...new Map(suspects.map(row => [endOf(row), row])).values()]
  let ended = 0
  let doubts = 0
  await inLanes(ends, SUSPECTS_AT_ONCE, async row => {
    try {
      if (await endIfGone(ports, row)) ended++
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      doubts++
      const { namespace, pod } = row.owner
      ports.log.warn({ pod: `${namespace}/${pod}`, err: error.message }, 'it could not be looked up: its address stays')
    }
  })
  return { ended, doubts }
}

/** Also rows that nobody will end otherwise: an incarnation that nobody knows, and what should have gone with its pod, or back to its Deployment or pool. */
export function isSuspect(row: Allocation, alive: ReadonlySet<string>): boolean {
  if (row.blocked || isKept(row.owner)) return false
  if (row.phase === 'resting') return false
  if (row.incarnation !== null) return !alive.has(row.incarnation)
  return row.reservation === null && (row.policy === RELEASE_AT_POD_END || isKept(keptBy(row.owner)))
}

export async function endIfGone(ports: Ports, row: Allocation): Promise<boolean> {
  const pod = await ports.calls.getPod(row.owner.namespace, row.owner.pod)
  const exists = pod !== null && !pod.finished
  const uid = knownUid(row)
  if (uid === null) {
    if (exists) return false
    if (!(await left(ports, row))) return false
    await ports.ledger.submit('reclaim', { at: ports.clock.now(), address: row.address, revision: row.revision })
    return true
  }
  if (exists && pod.uid === uid) return false
  if (!(await left(ports, row))) return false
  // Gone while nobody looked, it left no status that shows a container (decision 0017): then nothing rests.
  const last = pod?.uid === uid ? pod : ports.cluster.pods.get(`${row.owner.namespace}/${row.owner.pod}`)
  await endIncarnation(ports, uid, 'its pod ended unseen', last ?? null)
  return true
}

/** False: the cloud still has it. It stays until the next resync, and holds nobody up at start. */
async function left(ports: Ports, row: Allocation): Promise<boolean> {
  try {
    await leaveUnchanged(ports, row)
    return true
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    const { address, node } = row
    ports.log.warn({ ip: address.text, node, err: error.message }, 'the cloud still has it: kept until the next resync')
    return false
  }
}

/** The node that an object names may have the address in the cloud, though our row is elsewhere: another leader's ledger is not here (R30). */
function pursueNamed(ports: Ports, fact: FloatingIpFact): void {
  const { address, node } = fact
  if (ports.places === null || address === null || node === '' || isOurs(ports, fact)) return
  const row = ports.ledger.read(view => view.at(address))
  if (row !== null && row.node !== node) ports.places.found(address, node)
}

/** Rows whose object is missing or says something else are written again, although the outbox does not name them. */
async function rewriteDrift(
  { ledger, replicator, clock, log }: Ports,
  objects: readonly FloatingIpFact[],
  changed: ReadonlySet<string>,
) {
  const found = new Map(objects.flatMap(fact => (fact.address === null ? [] : [[fact.address.text, fact] as const])))
  await clock.sleep(0)
  const drifted = ledger.read(view =>
    [...view.rows()].filter(row => {
      const fact = found.get(row.address.text)
      if (row.blocked || changed.has(row.address.text) || replicator.isBusy(row.address)) return false
      return fact === undefined || !replicator.agrees(fact, row)
    }),
  )
  const missing = drifted.filter(row => !found.has(row.address.text)).length
  const different = drifted.length - missing
  if (drifted.length > 0) log.info({ missing, different }, 'FloatingIP objects differ from the ledger: written again')
  for (const row of drifted) replicator.recheck(row.address, row.revision)
  return { missing, different }
}
