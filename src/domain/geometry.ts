/** Owns the translation between meaning and integers: address ↔ slot, node address → the entries that serve it. */
import { type Address, address, compareAddresses } from '../ip/address.ts'
import { findRange, firstReaching, intersect, type Range, type RangeList, rangeSize } from '../ip/range.ts'
import { assert, present } from '../lib/assert.ts'
import type { SubnetEntry } from './entry.ts'
import { servingAmong } from './node-subnets.ts'

/**
 * Slots are dense: the entries in order, within an entry its ranges in order.
 *
 *     entry 0                    entry 1
 *     |10.0.0.2~9|10.0.0.20~29|  |10.0.1.2~…
 *      0        7 8          17   18
 */
interface SlotRange extends Range {
  readonly entry: number
  readonly firstSlot: number
}

/** Nodes that the same entries serve are one group: whatever is decided for one of them holds for all. */
export interface NodeGroup {
  /** Equal groups of one geometry have equal ids. */
  readonly id: string
  /** The geometry that its entries index: a command that comes with a group of an older one is stale. */
  readonly geometry: Geometry
  /** Indices of entries: those of the node's first address first, of each address those of the most specific node subnet first. */
  readonly entries: readonly number[]
  /** The node subnets that contain the node, for people. */
  readonly subnets: string
}

export interface Geometry {
  readonly entries: readonly SubnetEntry[]
  readonly slots: number
  /** The slot of a configured address; null when the configuration does not have it. */
  slotOf(a: Address): number | null
  addressOf(slot: number): Address
  /** The n-th configured address in numeric order, 0 ≤ n < slots. */
  nthAddress(n: number): Address
  entryOf(slot: number): SubnetEntry
  /** The index of the entry that has this address; null when none has. */
  entryIndexOf(a: Address): number | null
  /** Closed slot intervals of the list's addresses within these entries, in the order of the list; within a range, of the addresses. */
  intervals(list: RangeList, entries: readonly number[]): { lo: number; hi: number }[]
  /** The group of a node with these InternalIPs; null when no node subnet contains one. */
  groupOf(nodeAddresses: readonly Address[]): NodeGroup | null
}

/** Nodes whose group is remembered: ten times the largest cluster. Whoever scales with ever new addresses fills no memory by it. */
const GROUPS_MAX = 50_000

export function geometryOf(entries: readonly SubnetEntry[]): Geometry {
  const bySlot: SlotRange[] = []
  let slots = 0
  entries.forEach((entry, index) => {
    for (const range of entry.ranges) {
      bySlot.push({ ...range, entry: index, firstSlot: slots })
      slots += Number(rangeSize(range))
    }
  })
  const byAddress = [...bySlot].sort((a, b) => compareAddresses(a.first, b.first))
  const groups = new Map<string, NodeGroup | null>()
  /** The same by the very list: a node that has not changed is asked about again and again. */
  const groupsOfLists = new WeakMap<readonly Address[], NodeGroup | null>()
  const servingOf = servingAmong(entries)
  const firstSlots = bySlot.map(range => range.firstSlot)
  /** How many addresses lie before each range of byAddress. */
  const before: number[] = []
  byAddress.reduce((sum, range) => {
    before.push(sum)
    return sum + Number(rangeSize(range))
  }, 0)

  function rangeAt(slot: number): SlotRange {
    assert(slot >= 0 && slot < slots, `slot ${slot} of ${slots}`)
    return present(bySlot[lastAtMost(firstSlots, slot)], 'slot range')
  }

  function computeGroup(nodeAddresses: readonly Address[]): NodeGroup | null {
    const serving = [...servingOf(nodeAddresses)]
    if (serving.length === 0) return null
    // IPv4 first, and what the node's first address reaches: a pod that asks for nothing in particular gets what galaxy-ipam would give it.
    serving.sort((a, b) => a.family - b.family || a.first - b.first || b.prefix - a.prefix || a.index - b.index)
    const subnets = new Set(serving.flatMap(s => s.networks.map(n => n.text)))
    const indices = serving.map(s => s.index)
    const names = [...subnets].join(', ')
    return { id: `${indices.join(',')} ${names}`, geometry, entries: indices, subnets: names }
  }

  const geometry: Geometry = {
    entries,
    slots,
    slotOf(a) {
      const range = findRange(byAddress, a.family, a.value)
      return range === null ? null : range.firstSlot + Number(a.value - range.first.value)
    },
    addressOf(slot) {
      const range = rangeAt(slot)
      return address(range.first.family, range.first.value + BigInt(slot - range.firstSlot))
    },
    nthAddress(n) {
      assert(n >= 0 && n < slots, `address ${n} of ${slots}`)
      const at = lastAtMost(before, n)
      const range = present(byAddress[at], 'address range')
      return address(range.first.family, range.first.value + BigInt(n - present(before[at], 'count')))
    },
    entryOf: slot => present(entries[rangeAt(slot).entry], 'entry of a slot'),
    entryIndexOf: a => findRange(byAddress, a.family, a.value)?.entry ?? null,
    intervals(list, of) {
      const among = new Set(of)
      const found: { lo: number; hi: number }[] = []
      for (const wanted of list) {
        for (let at = firstReaching(byAddress, wanted.first); at < byAddress.length; at++) {
          const range = present(byAddress[at], 'address range')
          const common = intersect(range, wanted)
          if (common === null) break
          if (!among.has(range.entry)) continue
          const lo = range.firstSlot + Number(common.first.value - range.first.value)
          found.push({ lo, hi: lo + Number(rangeSize(common)) - 1 })
        }
      }
      return found
    },
    groupOf(nodeAddresses) {
      const known = groupsOfLists.get(nodeAddresses)
      if (known !== undefined) return known
      const key = nodeAddresses.map(a => a.text).join(' ')
      let group = groups.get(key)
      if (group === undefined) {
        group = computeGroup(nodeAddresses)
        if (groups.size >= GROUPS_MAX) groups.clear()
        groups.set(key, group)
      }
      groupsOfLists.set(nodeAddresses, group)
      return group
    },
  }
  return geometry
}

/** Index of the last element that is at most `value`, in an ascending list whose first element is. */
function lastAtMost(ascending: readonly number[], value: number): number {
  let low = 0
  let high = ascending.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (present(ascending[middle], 'element') <= value) low = middle
    else high = middle - 1
  }
  return low
}
