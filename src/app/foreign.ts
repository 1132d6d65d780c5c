/** Owns the verdict on a FloatingIP object that somebody else made or changed where we wanted to write. */
import { type Allocation, UNKNOWN_INCARNATION } from '../domain/allocation.ts'
import type { FloatingIpFact } from '../kube/floatingip.ts'
import type { Verdict } from '../replica/writes.ts'
import type { Ports } from './ports.ts'
import { objectSighting } from './sighting.ts'

interface Parts extends Pick<Ports, 'ledger' | 'calls' | 'places' | 'ended' | 'clock' | 'log'> {
  /** A value for the retry annotation that was never used before. */
  readonly freshValue: () => string
}

/**
 * What we reserved and gave up is ours to take away. An administrator's reservation and an object of a living pod win over a claim of ours that no pod has seen; all else is
 * repaired. The verdict rests on the very version of the object that was read, and so does the write that follows.
 */
export async function judgeForeign(ports: Parts, row: Allocation | null, foreign: FloatingIpFact): Promise<Verdict> {
  const { ledger, ended, clock, log } = ports
  if (row === null && foreign.reservation !== null && ended.has(foreign.reservation.id)) return 'overwrite'
  const fields = { ip: foreign.name, key: foreign.key, uid: foreign.podUid }
  const theirsLives = !foreign.reserved && (await lives(ports, foreign))
  if (!foreign.reserved && !theirsLives) {
    log.warn(fields, 'a FloatingIP object was changed by somebody else: repaired')
    await leaveNamed(ports, foreign)
    return 'overwrite'
  }
  if (foreign.podUid !== '' && foreign.podUid === row?.incarnation) return 'overwrite'
  if (row !== null && (await isCarried(ports, row))) {
    log.error(fields, 'a FloatingIP object was changed by somebody else, and a running pod has the address: repaired')
    await leaveNamed(ports, foreign)
    return 'overwrite'
  }
  log.error(
    fields,
    foreign.reserved ? 'reserved by an administrator' : 'the object belongs to a living pod: our claim is withdrawn',
  )
  const at = clock.now()
  const sighting = objectSighting(foreign, at, new Set(theirsLives ? [foreign.podUid] : []))
  if (sighting === null) return 'withdrawn'
  // Both commands are in one turn: nobody gets the address in between.
  const withdrawn =
    row?.incarnation == null
      ? null
      : ledger.submit('giveBack', {
          at,
          incarnation: row.incarnation,
          revision: row.revision,
          because: 'its object belongs to somebody else',
          except: othersUnknown(ports, row),
        })
  const adopted = ledger.submit('adopt', sighting)
  await Promise.all([withdrawn, adopted])
  return 'withdrawn'
}

/** What is under no known UID is of many pods: only this address is withdrawn. */
function othersUnknown({ ledger }: Parts, { incarnation, address }: Allocation): ReadonlySet<string> {
  if (incarnation !== UNKNOWN_INCARNATION) return new Set()
  const rows = ledger.read(view => view.ofIncarnation(incarnation))
  return new Set(rows.map(row => row.address.text).filter(text => text !== address.text))
}

/** True when the pod of the row is bound: what it has seen is not withdrawn. A Binding that is still on its way is killed by the question (R1). */
async function isCarried(
  { calls, freshValue }: Parts,
  { phase, incarnation: uid, owner }: Allocation,
): Promise<boolean> {
  if (phase !== 'bound' || uid === null) return false
  const { namespace, pod: name } = owner
  const isUnknown = uid === UNKNOWN_INCARNATION
  const pod = await (isUnknown ? calls.getPod(namespace, name) : calls.touchPod({ namespace, name, uid }, freshValue()))
  return pod !== null && pod.node !== null && !pod.finished
}

/** The node that the object names may have the address in the cloud, and after the repair nobody would know. Throws a Fault when it could not leave. */
async function leaveNamed({ ledger, places }: Parts, { address, node }: FloatingIpFact): Promise<void> {
  if (places === null || address === null || node === '') return
  if (ledger.read(view => view.at(address))?.node !== node) await places.leave(address, node)
}

/** True when the pod that the object names is unfinished, by a quorum read. */
export async function lives({ calls }: Pick<Ports, 'calls'>, { owner, podUid }: FloatingIpFact): Promise<boolean> {
  if (owner === null || owner.pod === '' || podUid === '') return false
  const pod = await calls.getPod(owner.namespace, owner.pod)
  return pod !== null && pod.uid === podUid && !pod.finished
}
