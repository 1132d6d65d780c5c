/** Owns the address: a canonical value, IPv4 and IPv6 alike, parsed once at the edge. */
import { isIPv4, isIPv6 } from 'node:net'
import { Address6 } from 'ip-address'

export type Family = 4 | 6

/** One IP address. Equal addresses have equal `text` (RFC 5952 for IPv6), so `text` serves as a map key. */
export interface Address {
  readonly family: Family
  /** The address as an unsigned number: below 2^32 for IPv4, below 2^128 for IPv6. */
  readonly value: bigint
  readonly text: string
}

const LAST: Record<Family, bigint> = { 4: (1n << 32n) - 1n, 6: (1n << 128n) - 1n }

/** The address written in `text`, or null when it is not one (no prefix, no zone, no leading zeros). */
export function parseAddress(text: string): Address | null {
  if (isIPv4(text)) return address(4, ipv4Value(text))
  if (isIPv6(text) && !text.includes('%')) return address(6, new Address6(text).bigInt())
  return null
}

/** The address with this number, or null when the number is outside the family. */
export function addressAt(family: Family, value: bigint): Address | null {
  return value >= 0n && value <= LAST[family] ? address(family, value) : null
}

/** The address with this number, which is known to lie inside the family. */
export function address(family: Family, value: bigint): Address {
  return { family, value, text: family === 4 ? ipv4Text(Number(value)) : Address6.fromBigInt(value).correctForm() }
}

/** Of a text that is known to be an address: a start reads 100,000 of them. */
function ipv4Value(text: string): bigint {
  return BigInt(text.split('.').reduce((value, part) => value * 256 + Number(part), 0))
}

function ipv4Text(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`
}

/** Negative, zero or positive as `a` sorts before, with or after `b`: IPv4 first, then by number. */
export function compareAddresses(a: Address, b: Address): number {
  if (a.family !== b.family) return a.family - b.family
  return a.value < b.value ? -1 : a.value > b.value ? 1 : 0
}

/** 17 bytes that sort as the addresses do: the family, then 16 bytes, most significant first. */
export function sortKey(a: Address): Uint8Array {
  const bytes = new Uint8Array(17)
  bytes[0] = a.family
  let rest = a.value
  for (let i = 16; i > 0 && rest > 0n; i--) {
    bytes[i] = Number(rest & 255n)
    rest >>= 8n
  }
  return bytes
}

/** The name of the address's FloatingIP object: the address itself, or for IPv6 its expanded form with `-` for `:`. */
export function objectName(a: Address): string {
  return a.family === 4 ? a.text : Address6.fromBigInt(a.value).canonicalForm().replaceAll(':', '-')
}

/** The address that an object of this name stands for, or null: two objects of one address could not be told apart, so each has one name. */
export function parseObjectName(name: string): Address | null {
  const address = parseAddress(name) ?? parseAddress(name.replaceAll('-', ':'))
  return address !== null && objectName(address) === name ? address : null
}
