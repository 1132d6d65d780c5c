/** Owns ledgers of a size: rows and changes written straight into the file, as the journal would have. */
import type { Database } from 'bun:sqlite'
import { address, sortKey } from '../../src/ip/address.ts'

/** `10.0.0.0` + n belongs to pod n of 50 namespaces and 1,000 apps. */
export function fillAllocations(db: Database, rows: number, first = 10 << 24): void {
  const insert = db.query(`INSERT INTO allocation (address, sort, key, pool, kind, namespace, workload, pod,
    phase, incarnation, node, policy, list_index, api_version, held_from, blocked, updated_at, revision) VALUES
    ($text, $sort, $key, '', 'sts', $namespace, $workload, $pod, 'bound', $uid, $node, 1, 0, 'apps/v1', NULL, 0, $at, $n)`)
  db.transaction(() => {
    for (let n = 0; n < rows; n++) {
      const at = address(4, BigInt(first + n))
      const workload = `app-${n % 1000}`
      const namespace = `namespace-${n % 50}`
      const pod = `${workload}-web-${n}`
      const key = `sts_${namespace}_${workload}_${pod}`
      const uid = `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
      const sort = sortKey(at)
      insert.run({ text: at.text, sort, key, namespace, workload, pod, uid, node: `node-${n % 500}`, at: 1_000 + n, n })
    }
  })()
}

/** Binds and ends in turn, a millisecond apart, over the addresses of {@link fillAllocations}; the last change of each is its bind. */
export function fillHistory(db: Database, changes: number, rows: number, from: number, first = 10 << 24): void {
  const insert = db.query(`INSERT INTO history (at, revision, verb, actor, address, key_before, key_after, incarnation,
    node, because, namespace, workload, pod, phase) VALUES
    ($at, $n, $verb, 'scheduler', $address, $before, $after, $uid, $node, $verb, $namespace, $workload, $pod, $phase)`)
  db.transaction(() => {
    for (let n = 0; n < changes; n++) {
      const at = n % rows
      const bound = Math.floor(n / rows) % 2 === (Math.ceil(changes / rows) - 1) % 2
      const workload = `app-${at % 1000}`
      const namespace = `namespace-${at % 50}`
      const pod = `${workload}-web-${at}`
      const key = `sts_${namespace}_${workload}_${pod}`
      const change = bound
        ? { verb: 'bind', before: null, after: key, phase: 'bound' }
        : { verb: 'free', before: key, after: null, phase: null }
      const uid = `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
      const subject = { namespace, workload, pod, node: `node-${at % 500}` }
      insert.run({ ...change, ...subject, at: from + n, n, address: address(4, BigInt(first + at)).text, uid })
    }
  })()
}
