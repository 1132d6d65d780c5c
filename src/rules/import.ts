/** Owns import: allocations that another program recorded are kept for their owners, all or none. */
import { reservedDraft } from '../domain/allocation.ts'
import type { Change } from '../domain/change.ts'
import type { ImportCommand, Imported } from '../domain/command.ts'
import { ownerKey } from '../domain/owner.ts'
import { RELEASE_AT_POD_END } from '../domain/policy.ts'
import { refusal } from '../domain/refusal.ts'
import type { Rule, View } from './view.ts'

/** Null: it can be imported, or is so already; else what stands against it. */
export function conflictOf(view: View, { address, owner, policy }: Imported): string | null {
  if (policy === RELEASE_AT_POD_END) return 'its policy releases it with its pod: there is nothing to keep'
  if (view.geometry.slotOf(address) === null) return 'it is not in the configuration'
  const row = view.at(address)
  if (row?.phase === 'resting')
    return `it rests: a container of ${ownerKey(row.owner)} may still run; try again in a minute`
  if (row !== null) return ownerKey(row.owner) === ownerKey(owner) ? null : `${ownerKey(row.owner)} has it`
  const [other] = owner.pod === '' ? [] : view.ofKey(ownerKey(owner))
  return other === undefined ? null : `${ownerKey(owner)} has ${other.address.text} already`
}

/** How many are new: those that their owner has already stay as they are. */
export const importAll: Rule<ImportCommand, number> = (view, { items }) => {
  const indexes = indexesOf(items)
  for (const item of items) {
    const conflict = conflictOf(view, item)
    if (conflict !== null) return refusal('in-use', `${item.address.text} for ${ownerKey(item.owner)}: ${conflict}`)
  }
  const changes = items
    .map((item, at) => keptFor(item, indexes[at] ?? 0))
    .filter(({ address }) => view.at(address) === null)
  return { changes, answer: changes.length }
}

/** Of several addresses of one pod the first answers its first range list, and so on: in the order of the request, as far as nobody told otherwise. */
function indexesOf(items: readonly Imported[]): readonly number[] {
  const next = new Map<string, number>()
  return items.map(({ owner }) => {
    const key = ownerKey(owner)
    const index = owner.pod === '' ? 0 : (next.get(key) ?? 0)
    next.set(key, index + 1)
    return index
  })
}

function keptFor({ address, owner, policy }: Imported, index: number): Change {
  const after = reservedDraft(address, owner, policy, { index })
  return { verb: 'adopt', address, before: null, after, because: 'imported' }
}
