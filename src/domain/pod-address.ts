/** Owns what a pod's network is told of one address. */
import type { Address } from '../ip/address.ts'

export interface PodAddress {
  readonly address: Address
  /** Prefix length of the pod network. */
  readonly prefix: number
  readonly gateway: Address
  /** 0-4094; 0: none. */
  readonly vlan: number
}
