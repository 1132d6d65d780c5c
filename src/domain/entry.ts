/** Owns the subnet entry: one element of `floatingips`, validated. */
import type { Address } from '../ip/address.ts'
import type { Cidr } from '../ip/cidr.ts'
import type { RangeSet } from '../ip/range.ts'

export interface SubnetEntry {
  /** Networks of the nodes on which these addresses are usable. */
  readonly nodeSubnets: readonly Cidr[]
  /** The pod network: its mask goes to the pod. */
  readonly subnet: Cidr
  readonly gateway: Address
  /** 0-4094. */
  readonly vlan: number
  readonly ranges: RangeSet
  /** How many addresses the ranges hold. */
  readonly size: number
}

/** Addresses of one entry: what three levels of 64-way summaries cover (64^4). */
export const ENTRY_SIZE_MAX = 2 ** 24
/** Addresses of all entries: 32 MiB of bitmap. */
export const CONFIGURATION_SIZE_MAX = 2 ** 28

/** The entries in force, ordered by gateway, and what a person should look at. */
export interface Configuration {
  readonly entries: readonly SubnetEntry[]
  readonly warnings: readonly string[]
}

/** How a person finds the entry: its pod network and first range. */
export function entryName(entry: SubnetEntry): string {
  return `${entry.subnet.text} (${entry.ranges[0]?.first.text ?? 'empty'}…)`
}
