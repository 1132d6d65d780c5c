/** Owns what others do to FloatingIP objects: edits and deletions are looked into, adopted or repaired. */
import { isRefusal } from '../domain/refusal.ts'
import type { Address } from '../ip/address.ts'
import type { FloatingIpFact } from '../kube/floatingip.ts'
import type { ObjectStore } from '../kube/object-store.ts'
import { notABug } from '../lib/assert.ts'
import { messageOf } from '../lib/fault.ts'
import { lives } from './foreign.ts'
import type { Ports } from './ports.ts'
import { endIfGone } from './reconcile.ts'
import { unfinishedPods } from './reservations.ts'
import { blocks, isNobodys, objectSighting } from './sighting.ts'

export interface ObjectWatch {
  /** The watch shows this state of an object. */
  seen(fact: FloatingIpFact): void
  /** The watch shows it no more. */
  gone(fact: FloatingIpFact): void
}

/** The watch shows a write of ours about when it is answered: then nothing is left to be looked at. */
const ECHO_WITHIN_MS = 200

/** A watch shows our own writes too, late and out of step with us: whatever looks foreign is read again before anything follows. */
export function objectWatchOn(ports: Ports, objects: ObjectStore, signal: AbortSignal): ObjectWatch {
  const { ledger, replicator, clock, log } = ports
  /** What was shown last of addresses that we were writing: most are our own writes, and what is not must not be lost. */
  const overlooked = new Map<string, () => void>()

  replicator.onDone(address => {
    const now = overlooked.get(address.text)
    if (now === undefined) return
    void clock.sleep(ECHO_WITHIN_MS, signal).then(() => {
      if (signal.aborted) return
      // Another write began, or the watch has told more since.
      if (replicator.isBusy(address) || overlooked.get(address.text) !== now) return
      overlooked.delete(address.text)
      now()
    })
  })

  function shown(address: Address, now: () => void): void {
    if (replicator.isBusy(address)) return void overlooked.set(address.text, now)
    overlooked.delete(address.text)
    now()
  }

  /** True when the event tells nothing new, or our own write of this address is under way. */
  function isSettled(address: Address, fact: FloatingIpFact): boolean {
    if (replicator.isBusy(address)) return true
    const row = ledger.read(view => view.at(address))
    if (row === null) return false
    const same = row.blocked ? reserves(fact) : !fact.reserved && objects.agrees(fact, row)
    if (same) replicator.seen(fact)
    return same
  }

  /** The label was taken away: of an object that names nobody nothing is left, and the row's end takes it along. */
  function reserves(fact: FloatingIpFact): boolean {
    return blocks(fact) && !isNobodys(fact)
  }

  const revisionOf = (address: Address) => ledger.read(view => view.at(address))?.revision

  async function look(address: Address): Promise<void> {
    const before = revisionOf(address)
    const fact = await objects.get(address)
    if (replicator.isBusy(address)) return
    // What was read may be older than what we wrote meanwhile.
    if (revisionOf(address) !== before) return await look(address)
    // Read before our own deletion arrived, and answered after it.
    if (fact === null || objects.hasRemoved(fact)) return await missing(address)
    if (isSettled(address, fact)) return
    replicator.seen(fact)
    const row = ledger.read(view => view.at(address))
    if (row?.blocked && !reserves(fact)) {
      log.info({ ip: address.text }, 'the reservation ended')
      await ledger.submit('unblock', { at: clock.now(), address })
    } else if (row === null || fact.reserved) {
      await adopt(address, fact)
    } else {
      log.warn({ ip: address.text, key: fact.key }, 'a FloatingIP object was changed by somebody else')
      replicator.recheck(address, row.revision)
    }
  }

  async function adopt(address: Address, fact: FloatingIpFact): Promise<void> {
    const before = revisionOf(address)
    const isAlive = await lives(ports, fact)
    // Whoever changed the row meanwhile looks at the object before they write it, and may be bound by now.
    if (replicator.isBusy(address) || revisionOf(address) !== before) return
    const sighting = objectSighting(fact, clock.now(), new Set(isAlive ? [fact.podUid] : []))
    if (sighting === null) return
    const outcome = await ledger.submit('adopt', sighting)
    if (isRefusal(outcome)) log.error({ ip: fact.name }, `conflict: ${outcome.because}`)
    else if (outcome.changes.length > 0) {
      log.info({ ip: fact.name, key: fact.key, reserved: fact.reserved }, 'adopted from its object')
      // An administrator keeps what its owner has let go: the object says so (R23).
      if (fact.reserved && fact.owner !== null && !isAlive) await objects.disown(sighting.address, fact)
      // Nobody else would be told of an end that was before.
      const row = ledger.read(view => view.at(sighting.address))
      if (!isAlive && row?.revision === outcome.revision && row.incarnation !== null) await endIfGone(ports, row)
    } else if (fact.reserved)
      log.warn({ ip: fact.name }, 'reserved by an administrator while in use: it stays with its pod')
  }

  /** Deleting an object never frees an address in use; it ends a reservation. */
  async function missing(address: Address): Promise<void> {
    replicator.forget(address)
    const row = ledger.read(view => view.at(address))
    if (row === null) return
    if (row.phase === 'reserved' && row.reservation !== null && !row.blocked) {
      log.info({ ip: address.text, reservation: row.reservation.id }, 'its object was deleted: no longer reserved')
      const because = 'its object was deleted'
      const { id } = row.reservation
      await ledger.submit('unreserve', { at: clock.now(), id, address, because, unfinished: unfinishedPods(ports) })
      return
    }
    if (row.blocked) {
      log.info({ ip: address.text }, 'the reservation ended')
      await ledger.submit('unblock', { at: clock.now(), address })
      return
    }
    log.warn({ ip: address.text }, 'a FloatingIP object was deleted by somebody else: written again')
    replicator.recheck(address, row.revision)
  }

  function start(address: Address): void {
    look(address).catch(error => {
      notABug(error)
      log.warn(
        { ip: address.text, err: messageOf(error) },
        'a foreign change of an object could not be looked into: the next resync does',
      )
    })
  }

  return {
    seen(fact) {
      const { address } = fact
      if (address === null) return
      shown(address, () => {
        if (!isSettled(address, fact)) start(address)
      })
    },
    gone(fact) {
      const { address } = fact
      objects.gone(fact)
      if (address === null) return
      shown(address, () => {
        if (ledger.read(view => view.at(address)) === null) replicator.forget(address)
        else start(address)
      })
    },
  }
}
