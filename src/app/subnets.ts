/** Owns the account of the address space: what each entry of the configuration has, and how much of it is left. */
import type { SubnetEntry } from '../domain/entry.ts'
import { servingAmong } from '../domain/node-subnets.ts'
import type { Address } from '../ip/address.ts'
import type { State } from '../ledger/state.ts'
import type { Ports } from './ports.ts'

export interface SubnetAccount {
  readonly entry: SubnetEntry
  readonly bound: number
  /** Kept without a pod, or out of circulation. */
  readonly reserved: number
  readonly held: number
  /** Free when it has rested: a container may still use it. */
  readonly resting: number
  /** In the pod network, and no longer configured. */
  readonly orphaned: number
  readonly free: number
  /** The longest row of neighbouring free addresses; null: none is free. */
  readonly largestFreeRun: { readonly first: Address; readonly last: Address; readonly length: number } | null
}

/** The entries from `offset` on, at most `limit`, in the order of the configuration. */
export function subnetAccounts(
  { ledger }: Pick<Ports, 'ledger'>,
  offset: number,
  limit: number,
): { total: number; accounts: readonly SubnetAccount[] } {
  return ledger.read(state => {
    const { entries } = state.geometry
    const orphaned = orphansByHome(state)
    const accounts = entries
      .slice(offset, offset + limit)
      .map((entry, at) => accountOf(state, entry, offset + at, orphaned.get(offset + at) ?? 0))
    return { total: entries.length, accounts }
  })
}

function accountOf(state: State, entry: SubnetEntry, index: number, orphaned: number): SubnetAccount {
  const { bound, held, reserved, resting, blocked } = state.counts(index)
  return {
    entry,
    ...{ bound, held, resting, reserved: reserved + blocked },
    orphaned,
    free: state.freeCount(index),
    largestFreeRun: runOf(state, entry, index),
  }
}

/** How many by entry. Several entries may share a pod network: an orphan counts once, with the first of them. */
function orphansByHome({ geometry, orphans }: State): ReadonlyMap<number, number> {
  const counts = new Map<number, number>()
  const homesOf = servingAmong(geometry.entries.map(entry => ({ ...entry, nodeSubnets: [entry.subnet] })))
  for (const { address } of orphans.values()) {
    const home = homesOf([address]).reduce((first, { index }) => Math.min(first, index), Number.POSITIVE_INFINITY)
    counts.set(home, (counts.get(home) ?? 0) + 1)
  }
  return counts
}

/** Slots go on over the gap between two ranges, addresses do not. */
function runOf(
  { geometry, largestFreeRun }: State,
  entry: SubnetEntry,
  index: number,
): SubnetAccount['largestFreeRun'] {
  const runs = geometry.intervals(entry.ranges, [index]).map(({ lo, hi }) => largestFreeRun(lo, hi))
  const best = runs.reduce((best, run) => (run.length > best.length ? run : best), { first: 0, length: 0 })
  if (best.length === 0) return null
  const last = geometry.addressOf(best.first + best.length - 1)
  return { first: geometry.addressOf(best.first), last, length: best.length }
}
