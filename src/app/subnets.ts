/** Owns the account of the address space: what each entry of the configuration has, and how much of it is left. */
import type { SubnetEntry } from '../domain/entry.ts'
import type { Address } from '../ip/address.ts'
import { contains } from '../ip/cidr.ts'
import type { State } from '../ledger/state.ts'
import type { Ports } from './ports.ts'

export interface SubnetAccount {
  readonly entry: SubnetEntry
  readonly bound: number
  readonly reserved: number
  readonly held: number
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
    const accounts = entries.slice(offset, offset + limit).map((entry, at) => accountOf(state, entry, offset + at))
    return { total: entries.length, accounts }
  })
}

function accountOf(state: State, entry: SubnetEntry, index: number): SubnetAccount {
  const orphans = [...state.orphans.values()].filter(({ address }) => homeOf(state, address) === index)
  const { bound, held, reserved, blocked } = state.counts(index)
  return {
    entry,
    ...{ bound, held, reserved: reserved + blocked },
    orphaned: orphans.length,
    free: state.freeCount(index),
    largestFreeRun: runOf(state, entry, index),
  }
}

/** Several entries may share a pod network: an orphan counts once, with the first of them. */
function homeOf({ geometry }: State, address: Address): number {
  return geometry.entries.findIndex(({ subnet }) => contains(subnet, address))
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
