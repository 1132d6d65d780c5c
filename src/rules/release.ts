/**
 * Owns release: somebody asked for one address to be freed, and no pod may have it. One that is kept and whose container may still run
 * rests first (R12); whoever releases it once more, while it rests, takes that on themselves.
 */
import type { Allocation } from '../domain/allocation.ts'
import type { Change } from '../domain/change.ts'
import type { ReleaseCommand } from '../domain/command.ts'
import { ownerKey } from '../domain/owner.ts'
import { refusal } from '../domain/refusal.ts'
import { objectName } from '../ip/address.ts'
import { free } from './rest.ts'
import type { Rule } from './view.ts'

export interface Released {
  /** False when the address was free already. */
  readonly changed: boolean
}

export const release: Rule<ReleaseCommand, Released> = (view, { at, address, owner, revision, rests, because }) => {
  const row = view.at(address)
  if (row === null) return { changes: [], answer: { changed: false } }
  if (row.blocked) return refusal('in-use', `${address.text} is kept out of circulation by ${whatBlocks(row)}`)
  if (ownerKey(row.owner) !== ownerKey(owner)) {
    return refusal('stale', `${address.text} belongs to ${ownerKey(row.owner)}, not to ${ownerKey(owner)}`)
  }
  if (row.revision !== revision)
    return refusal('stale', `${address.text} changed while its pod was looked up: try again`)
  const released: Change =
    row.phase === 'resting'
      ? { verb: 'release', address, before: row, after: null, because: `${because}, before it had rested` }
      : { ...free(row, because, rests ? at : row.restsSince), verb: 'release' }
  return { changes: [released], answer: { changed: true } }
}

/** With what ends it: a release does not. */
function whatBlocks({ address, reservation }: Allocation): string {
  if (reservation !== null) return `reservation ${reservation.id}: floatip ip unreserve ${reservation.id}`
  return `FloatingIP ${objectName(address)}, which has the label reserved or cannot be read: correct or delete it`
}
