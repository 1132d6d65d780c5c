/** Owns the CIDR: a network prefix with its host bits masked off. */
import { type Address, address, type Family, parseAddress } from './address.ts'

export interface Cidr {
  readonly family: Family
  readonly first: Address
  readonly last: Address
  /** Prefix length in bits. */
  readonly prefix: number
  /** `10.0.0.0/24`: equal networks have equal texts. */
  readonly text: string
}

const BITS: Record<Family, number> = { 4: 32, 6: 128 }

/** The network written in `text` (`address/prefix`), host bits masked off; null when it is not one. */
export function parseCidr(text: string): Cidr | null {
  const slash = text.indexOf('/')
  if (slash < 0) return null
  const base = parseAddress(text.slice(0, slash))
  const digits = text.slice(slash + 1)
  if (base === null || !/^(0|[1-9]\d{0,2})$/.test(digits)) return null
  const prefix = Number(digits)
  return prefix <= BITS[base.family] ? cidr(base, prefix) : null
}

/** The network of `prefix` bits that contains `base`. */
export function cidr(base: Address, prefix: number): Cidr {
  const size = 1n << BigInt(BITS[base.family] - prefix)
  const low = base.value - (base.value % size)
  const first = address(base.family, low)
  return {
    family: base.family,
    first,
    last: address(base.family, low + size - 1n),
    prefix,
    text: `${first.text}/${prefix}`,
  }
}

export function contains(network: Cidr, a: Address): boolean {
  return a.family === network.family && a.value >= network.first.value && a.value <= network.last.value
}
