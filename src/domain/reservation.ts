/** Owns the reservation: addresses that a person keeps for an app before its pods exist, or for nobody. */
import type { WallMs } from '../lib/clock.ts'
import { isObjectName, type Owner, parseOwnerKey } from './owner.ts'

/** Carried by each of its addresses, in the ledger and in the object: it has no record of its own, and ends with the last address. */
export interface Reservation {
  readonly id: string
  /** Null: until somebody ends it. */
  readonly expiresAt: WallMs | null
  /** What the person wrote. */
  readonly note: string
}

/** The owner of an address that is kept out of circulation, or whose object cannot be read: nobody's key. */
export const BLOCKING_OWNER: Owner = { pool: '', kind: 'reserved', namespace: 'NULL', workload: 'NULL', pod: '' }

/**
 * The same for an object with a word of an administrator's own for a key (`for-the-printer`, `pool__not-for-pods_`): people find it by
 * that word, and it is nobody's all the same. The key of a workload says whose it was, and that is over (R23).
 */
export function blockingOwner(key: string): Owner {
  const owner = parseOwnerKey(key)
  const word = owner === null ? key : owner.kind === '' ? owner.pool : ''
  return isObjectName(word) ? { ...BLOCKING_OWNER, workload: word } : BLOCKING_OWNER
}

export function reservationText(reservation: Reservation | null): string | null {
  return reservation === null ? null : JSON.stringify(reservation)
}

/** Beyond it there are no dates, and whoever shows one fails. */
const LAST_TIME = 8.64e15

/** The reservation written so; null when there is none, or it cannot be read. */
export function readReservation(text: string | null | undefined): Reservation | null {
  if (text === null || text === undefined || text === '') return null
  try {
    const { id, expiresAt, note } = JSON.parse(text) as Record<string, unknown>
    if (typeof id !== 'string' || id === '') return null
    const ends = typeof expiresAt === 'number' && Math.abs(expiresAt) <= LAST_TIME ? expiresAt : null
    return { id, expiresAt: ends, note: typeof note === 'string' ? note : '' }
  } catch {
    return null
  }
}
