/** Owns the translation between an allocation and its row. */
import type { Allocation, Phase } from '../domain/allocation.ts'
import { type Owner, ownerKey, parseOwnerKey } from '../domain/owner.ts'
import { policyOf } from '../domain/policy.ts'
import { readReservation, reservationText } from '../domain/reservation.ts'
import { parseAddress, sortKey } from '../ip/address.ts'
import { present } from '../lib/assert.ts'

export interface AllocationRow {
  address: string
  sort: Uint8Array
  key: string
  pool: string
  kind: string
  namespace: string
  workload: string
  pod: string
  phase: string
  incarnation: string | null
  node: string | null
  policy: number
  list_index: number
  api_version: string
  held_from: string | null
  blocked: number
  updated_at: number
  revision: number
  surge: number
  reservation: string | null
  rests_since: number | null
}

export function toRow(a: Allocation): AllocationRow {
  return {
    address: a.address.text,
    sort: sortKey(a.address),
    key: ownerKey(a.owner),
    pool: a.owner.pool,
    kind: a.owner.kind,
    namespace: a.owner.namespace,
    workload: a.owner.workload,
    pod: a.owner.pod,
    phase: a.phase,
    incarnation: a.incarnation,
    node: a.node,
    policy: a.policy,
    list_index: a.index,
    api_version: a.apiVersion,
    held_from: a.heldFrom === null ? null : ownerKey(a.heldFrom),
    blocked: a.blocked ? 1 : 0,
    updated_at: a.updatedAt,
    revision: a.revision,
    surge: a.surge ? 1 : 0,
    reservation: reservationText(a.reservation),
    rests_since: a.restsSince,
  }
}

/** A row that we wrote; the schema's checks stand for the casts. */
export function fromRow(row: Omit<AllocationRow, 'sort'>): Allocation {
  const owner: Owner = {
    pool: row.pool,
    kind: row.kind,
    namespace: row.namespace,
    workload: row.workload,
    pod: row.pod,
  }
  return {
    address: present(parseAddress(row.address), `address ${row.address}`),
    owner,
    phase: row.phase as Phase,
    incarnation: row.incarnation,
    node: row.node,
    policy: present(policyOf(row.policy), `policy ${row.policy}`),
    index: row.list_index,
    apiVersion: row.api_version,
    reservation: readReservation(row.reservation),
    heldFrom: row.held_from === null ? null : parseOwnerKey(row.held_from),
    blocked: row.blocked === 1,
    surge: row.surge === 1,
    restsSince: row.rests_since,
    updatedAt: row.updated_at,
    revision: row.revision,
  }
}
