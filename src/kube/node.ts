/** Owns what we keep of a node: its name and its InternalIPs. */
import { type Address, parseAddress } from '../ip/address.ts'
import type { RawObject } from './raw.ts'

export interface NodeFact {
  readonly name: string
  readonly addresses: readonly Address[]
  /** Takes no new pods. */
  readonly cordoned: boolean
}

export interface RawNode extends RawObject {
  readonly spec?: { readonly unschedulable?: boolean } | null
  readonly status?: {
    readonly addresses?: readonly { readonly type?: string; readonly address?: string }[] | null
  } | null
}

export function nodeFact(raw: RawNode): NodeFact {
  const internal = (raw.status?.addresses ?? []).filter(a => a.type === 'InternalIP')
  return {
    name: raw.metadata.name,
    addresses: internal.flatMap(a => parseAddress(a.address ?? '') ?? []),
    cordoned: raw.spec?.unschedulable === true,
  }
}

export function sameAddresses(a: NodeFact, b: NodeFact): boolean {
  return (
    a.addresses.length === b.addresses.length &&
    a.addresses.every((address, at) => address.text === b.addresses[at]?.text)
  )
}
