/** Owns what a pool's size does to addresses that no pod uses: more are kept ahead, or those too many are freed. */
import { reservedDraft } from '../domain/allocation.ts'
import type { Change } from '../domain/change.ts'
import type { ResizePoolCommand } from '../domain/command.ts'
import { isKept, type Owner, ownerKey, poolOwner } from '../domain/owner.ts'
import { NEVER } from '../domain/policy.ts'
import { free } from './rest.ts'
import { newestFirst } from './source.ts'
import { isConfigured, type Rule, type View } from './view.ts'

export interface Resized {
  /** Addresses of the pool afterwards, with a pod or without. */
  readonly allocated: number
  readonly inUse: number
}

/** Addresses in use stay whatever the size; of those that are only kept the newest go first. */
export const resizePool: Rule<ResizePoolCommand, Resized> = (view, command) => {
  const { pool, size, preallocate, trims = true, most = Number.POSITIVE_INFINITY } = command
  const owner = poolOwner(pool)
  const rows = view.ofShare(ownerKey(owner)).filter(row => isConfigured(view, row) && !row.blocked)
  const inUse = rows.filter(row => row.incarnation !== null).length
  if (rows.length > size && trims) {
    const spare = rows
      .filter(row => isKept(row.owner) && row.reservation === null)
      .sort(newestFirst)
      .slice(0, Math.min(most, rows.length - size))
    const changes = spare.map(row => free(row, `pool ${pool} was resized to ${size}`))
    return { changes, answer: { allocated: rows.length - changes.length, inUse } }
  }
  const slots = preallocate ? freeSlots(view, Math.min(most, Math.max(0, size - rows.length))) : []
  const changes = slots.map(slot => keepAhead(view, owner, slot))
  return { changes, answer: { allocated: rows.length + changes.length, inUse } }
}

/** The lowest free slots, entry by entry; fewer than `count` when there are no more. */
function freeSlots(view: View, count: number): readonly number[] {
  const slots: number[] = []
  const last = view.geometry.slots - 1
  let slot = last < 0 ? null : view.firstFree(0, last)
  while (slot !== null && slots.length < count) {
    slots.push(slot)
    slot = slot < last ? view.firstFree(slot + 1, last) : null
  }
  return slots
}

function keepAhead(view: View, owner: Owner, slot: number): Change {
  const address = view.geometry.addressOf(slot)
  const after = reservedDraft(address, owner, NEVER)
  return { verb: 'keep', address, before: null, after, because: `allocated ahead for pool ${owner.pool}` }
}
