/** Owns the ledger's writes: begin, append, commit, and the load that start-up and recovery share. */
import type { Database } from 'bun:sqlite'
import type { Committed } from '../domain/change.ts'
import { isKept, ownerKey } from '../domain/owner.ts'
import type { Actor, Journal } from '../ledger/journal.ts'
import { assert } from '../lib/assert.ts'
import { type AllocationRow, fromRow, toRow } from './row.ts'

/** `cloud`: there is an address provider, which is to be told of every node that an address goes from. */
export function journalOf(db: Database, { cloud = false } = {}): Journal {
  const upsert = db.query(`
    INSERT INTO allocation VALUES ($address, $sort, $key, $pool, $kind, $namespace, $workload, $pod, $phase, $incarnation,
      $node, $policy, $list_index, $api_version, $held_from, $blocked, $updated_at, $revision, $surge, $reservation, $rests_since)
    ON CONFLICT (address) DO UPDATE SET key = $key, pool = $pool, kind = $kind, namespace = $namespace,
      workload = $workload, pod = $pod, phase = $phase, incarnation = $incarnation, node = $node, policy = $policy,
      list_index = $list_index, api_version = $api_version, held_from = $held_from, blocked = $blocked,
      updated_at = $updated_at, revision = $revision, surge = $surge,
      reservation = $reservation, rests_since = $rests_since`)
  // Most changes leave the owner as it is, and so all the indexes on it.
  const update = db.query(`
    UPDATE allocation SET phase = $phase, incarnation = $incarnation, node = $node, policy = $policy,
      list_index = $list_index, api_version = $api_version, held_from = $held_from, blocked = $blocked,
      updated_at = $updated_at, revision = $revision, surge = $surge, reservation = $reservation,
      rests_since = $rests_since
    WHERE address = $address`)
  const remove = db.query('DELETE FROM allocation WHERE address = $address')
  const remember = db.query(`
    INSERT INTO history (at, revision, verb, actor, address, key_before, key_after, incarnation, node, because,
      namespace, workload, pod, pod_left, phase)
    VALUES ($at, $revision, $verb, $actor, $address, $key_before, $key_after, $incarnation, $node, $because,
      $namespace, $workload, $pod, $pod_left, $phase)`)
  const enqueue = db.query(`
    INSERT INTO outbox VALUES ($address, $revision) ON CONFLICT (address) DO UPDATE SET revision = $revision`)
  const done = db.query('DELETE FROM outbox WHERE address = $address AND revision <= $revision')
  const leaveOver = db.query(`
    INSERT INTO cloud VALUES ($address, $node, $revision) ON CONFLICT (address, node) DO UPDATE SET revision = $revision`)
  const wipeOut = db.query('DELETE FROM cloud WHERE address = $address AND node = $node')
  const left = db.query('DELETE FROM cloud WHERE address = $address AND node = $node AND revision <= $revision')
  const count = db.query(`
    INSERT INTO fact VALUES ('revision', $revision) ON CONFLICT (name) DO UPDATE SET value = $revision`)
  const begin = db.query('BEGIN IMMEDIATE')
  const commit = db.query('COMMIT')
  const rollback = db.query('ROLLBACK')
  let counted = 0
  let last = 0

  return {
    begin() {
      begin.run()
    },
    append(change: Committed, actor: Actor) {
      const { address, before, after, revision } = change
      const keyBefore = before === null ? null : ownerKey(before.owner)
      const keyAfter = after === null ? null : ownerKey(after.owner)
      if (after === null) remove.run({ address: address.text })
      else if (keyBefore === keyAfter)
        assert(update.run({ ...toRow(after) }).changes === 1, `${address.text} has its row`)
      else upsert.run({ ...toRow(after) })
      remember.run({
        at: change.at,
        revision,
        verb: change.verb,
        actor,
        address: address.text,
        key_before: keyBefore,
        key_after: keyAfter,
        incarnation: after?.incarnation ?? before?.incarnation ?? null,
        node: after?.node ?? before?.node ?? null,
        because: change.because,
        ...subjectOf(change),
        phase: after?.phase ?? null,
      })
      enqueue.run({ address: address.text, revision })
      const from = before?.node ?? null
      const to = after?.node ?? null
      if (cloud && from !== null && from !== to) leaveOver.run({ address: address.text, node: from, revision })
      // Always: a leftover from before must not outlive the return of its address.
      if (to !== null && from !== to) wipeOut.run({ address: address.text, node: to })
      last = revision
    },
    acknowledge(address, revision) {
      done.run({ address, revision })
    },
    left(address, node, revision) {
      left.run({ address, node, revision })
    },
    commit() {
      if (last > counted) count.run({ revision: String(last) })
      commit.run()
      counted = last
    },
    rollback() {
      if (db.inTransaction) rollback.run()
    },
    load() {
      const rows = db.query<AllocationRow, []>('SELECT * FROM allocation ORDER BY sort').all().map(fromRow)
      const fact = db.query<{ value: string }, []>("SELECT value FROM fact WHERE name = 'revision'").get()
      return { rows, revision: Number(fact?.value ?? 0) }
    },
    leftovers() {
      return db.query<{ address: string; node: string; revision: number }, []>('SELECT * FROM cloud').all()
    },
    outbox() {
      return db.query<{ address: string; revision: number }, []>('SELECT * FROM outbox ORDER BY revision').all()
    },
  }
}

/** Whom a change is about: the pod that has the address after it, else the one that had it, else who keeps it. */
function subjectOf({ before, after }: Committed) {
  const owners = [after?.owner, before?.owner].filter(owner => owner !== undefined)
  const { namespace = '', workload = '', pod = '' } = owners.find(owner => !isKept(owner)) ?? owners[0] ?? {}
  const left = before !== null && !isKept(before.owner) && before.owner.pod !== pod ? before.owner.pod : null
  return { namespace, workload, pod, pod_left: left }
}
