/** Owns reservations: addresses are taken for an app before its pods exist, or out of circulation, all or none; and given up again. */
import { type Allocation, reservedDraft } from '../domain/allocation.ts'
import type { Change } from '../domain/change.ts'
import type { ReserveCommand, UnreserveCommand } from '../domain/command.ts'
import { ownerKey } from '../domain/owner.ts'
import { RELEASE_AT_POD_END } from '../domain/policy.ts'
import { isRefusal, type Refusal, refusal } from '../domain/refusal.ts'
import type { Address } from '../ip/address.ts'
import { rangeText } from '../ip/range.ts'
import { isStillTheirs, unkept } from './rest.ts'
import type { Rule, SlotInterval, View } from './view.ts'

export const reserve: Rule<ReserveCommand, readonly Address[]> = (view, command) => {
  const { owners, blocked, reservation, apiVersion } = command
  for (const owner of owners) {
    const [row] = owner.pod === '' ? [] : view.ofKey(ownerKey(owner))
    if (row !== undefined) return refusal('in-use', `${ownerKey(owner)} has ${row.address.text} already`)
  }
  const slots = command.addresses === null ? pick(view, command) : exactly(view, command.addresses)
  if (isRefusal(slots)) return slots
  const changes = slots.map((slot, at): Change => {
    const address = view.geometry.addressOf(slot)
    const owner = owners[at] as (typeof owners)[number]
    // Nobody but the reservation keeps it before a pod has had it.
    const after = reservedDraft(address, owner, RELEASE_AT_POD_END, { apiVersion, reservation, blocked })
    return { verb: 'reserve', address, before: null, after, because: `reservation ${reservation.id}` }
  })
  return { changes, answer: changes.map(({ address }) => address) }
}

export interface Unreserved {
  /** Free now, or when they have rested. */
  readonly freed: number
  /** In use, or expected by a pod that exists: they follow their policy from now on. */
  readonly left: number
}

/** What nobody uses is free; what a pod has, or its policy keeps after it, follows that policy from now on. */
export const unreserve: Rule<UnreserveCommand, Unreserved> = (view, { id, address, because, unfinished }) => {
  const rows = view.ofReservation(id).filter(row => address === null || row.address.text === address.text)
  const changes = rows.map((row): Change => {
    const awaited = unfinished.has(`${row.owner.namespace}/${row.owner.pod}`)
    const goes = row.phase === 'reserved' && row.policy === RELEASE_AT_POD_END && !awaited
    const after = goes ? unkept(row) : { ...row, reservation: null }
    return { verb: 'unreserve', address: row.address, before: row, after, because }
  })
  const left = changes.filter(isStillTheirs).length
  return { changes, answer: { freed: changes.length - left, left } }
}

/** Free for a command of this turn: what the turn freed is not, before its commit (R8). */
function isFree(view: View, slot: number): boolean {
  return view.firstFree(slot, slot) === slot
}

function exactly(view: View, addresses: readonly Address[]): readonly number[] | Refusal {
  const slots: number[] = []
  for (const address of addresses) {
    const slot = view.geometry.slotOf(address)
    if (slot === null) return refusal('request-not-possible', `${address.text} is not in the configuration floatingips`)
    if (!isFree(view, slot)) return refusal('in-use', `${address.text} ${whose(view.at(address))}`)
    slots.push(slot)
  }
  return slots
}

function whose(row: Allocation | null): string {
  if (row === null) return 'is becoming free in this moment: try again'
  if (row.blocked) return 'is kept out of circulation already'
  if (row.phase === 'resting')
    return `rests: a container of ${ownerKey(row.owner)} may still run; try again in a minute`
  return `belongs to ${ownerKey(row.owner)}`
}

/** The lowest free addresses: of the wanted ranges, or of the first entry that has enough. */
function pick(view: View, { owners, within, contiguous }: ReserveCommand): readonly number[] | Refusal {
  const { geometry } = view
  const count = owners.length
  const what = `${count} free ${contiguous ? 'neighbouring ' : ''}addresses`
  if (within !== null) {
    const all = geometry.entries.map((_, index) => index)
    const ranges = within.map(rangeText).join(', ')
    const intervals = geometry.intervals(within, all)
    if (intervals.length === 0)
      return refusal('request-not-possible', `${ranges}: no address of the configuration floatingips`)
    return take(view, intervals, count, contiguous) ?? refusal('no-address-left', `there are not ${what} in ${ranges}`)
  }
  for (const [index, entry] of geometry.entries.entries()) {
    if (view.freeCount(index) < count) continue
    const slots = take(view, geometry.intervals(entry.ranges, [index]), count, contiguous)
    if (slots !== null) return slots
  }
  return refusal('no-address-left', `no entry of the configuration has ${what}`)
}

/** Looks at single slots while a row of neighbours is sought: 200,000 × some 60 ns hold up the turn for 12 ms at worst. */
const LOOKS_MAX = 200_000

function take(view: View, intervals: readonly SlotInterval[], count: number, contiguous: boolean): number[] | null {
  let slots: number[] = []
  let looks = 0
  for (const { lo, hi } of intervals) {
    // An interval lies in one range: neighbouring slots are neighbouring addresses.
    if (contiguous) slots = []
    let slot = view.firstFree(lo, hi)
    while (slot !== null && slots.length < count && looks++ < LOOKS_MAX) {
      const before = slots.at(-1)
      if (contiguous && before !== undefined && before + 1 !== slot) slots = []
      slots.push(slot)
      slot = slot < hi ? view.firstFree(slot + 1, hi) : null
    }
    if (slots.length === count) return slots
  }
  return null
}
