/** Owns the annotation `k8s.v1.cni.galaxy.io/args`: the pod's request in, its addresses out. */
import { REQUEST_LISTS_MAX, REQUEST_RANGES_MAX } from '../domain/demand.ts'
import type { PodAddress } from '../domain/pod-address.ts'
import { type Refusal, refusal } from '../domain/refusal.ts'
import { type Address, parseAddress } from '../ip/address.ts'
import { parseRange, RANGE_FORMS, type Range, type RangeList, rangeList } from '../ip/range.ts'
import { isNestedDeeper } from '../lib/nesting.ts'
import { quoted } from '../lib/quoted.ts'
import { ARGS_ANNOTATION } from './names.ts'

/** What stands beside the request is written again with the answer: far more than anybody has, and far less than the stack. */
const DEPTH_MAX = 1_000

export type AddressRequest = { readonly lists: readonly RangeList[] } | Refusal

/** The requested range lists; none when the annotation is absent or names none. A refusal names the element. */
export function readRequest(text: string | undefined): AddressRequest {
  const args = readArgs(text)
  if (args === null) return { lists: [] }
  if (typeof args === 'string') return unreadable(args)
  if (isNestedDeeper(args, DEPTH_MAX)) return unreadable(`is nested deeper than ${DEPTH_MAX} levels`)
  const written = args.request_ip_range
  if (written === undefined || written === null) return { lists: [] }
  if (!Array.isArray(written)) return unreadable('request_ip_range must be a list of lists of ranges')
  if (written.length > REQUEST_LISTS_MAX) {
    return unreadable(`request_ip_range has ${written.length} lists: at most ${REQUEST_LISTS_MAX} are served`)
  }
  const named = written.reduce((sum: number, list) => sum + (Array.isArray(list) ? list.length : 0), 0)
  if (named > REQUEST_RANGES_MAX) {
    return unreadable(`request_ip_range names ${named} ranges: at most ${REQUEST_RANGES_MAX} are served`)
  }
  const lists: RangeList[] = []
  for (const [at, list] of written.entries()) {
    const read = readList(list, `request_ip_range[${at}]`)
    if (typeof read === 'string') return unreadable(read)
    lists.push(rangeList(read))
  }
  return { lists }
}

function unreadable(why: string): Refusal {
  return refusal('request-not-possible', `annotation ${ARGS_ANNOTATION}: ${why}`)
}

/** Null: absent. Text: why it cannot be read. */
function readArgs(text: string | undefined): Record<string, unknown> | string | null {
  if (text === undefined || text.trim() === '') return null
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : 'must be a JSON object'
  } catch {
    return 'is not JSON'
  }
}

function readList(list: unknown, where: string): Range[] | string {
  if (!Array.isArray(list) || list.length === 0) return `${where} must be a list of at least one range`
  const ranges: Range[] = []
  for (const [at, element] of list.entries()) {
    const range = typeof element === 'string' ? parseRange(element) : null
    if (range === null) return `${where}[${at}] must be ${RANGE_FORMS}, not ${quoted(element)}`
    ranges.push(range)
  }
  return ranges
}

/** One element of `common.ipinfos`, in galaxy's order of keys; `ip` keeps its host bits. */
interface IpInfo {
  readonly ip: string
  readonly vlan: number
  readonly gateway: string
}

/** The annotation's new value: what was asked stays, `common.ipinfos` answers in the same order. */
export function writeAnswer(asked: string | undefined, addresses: readonly PodAddress[]): string {
  const ipinfos: IpInfo[] = addresses.map(({ address, prefix, vlan, gateway }) => ({
    ip: `${address.text}/${prefix}`,
    vlan,
    gateway: gateway.text,
  }))
  const args = readArgs(asked)
  const { common: _, ...kept } = args !== null && typeof args !== 'string' ? args : {}
  return JSON.stringify({ ...kept, common: { ipinfos } })
}

/** The addresses that a bound pod's annotation carries, in order; null when it carries none that can be read. */
export function readAnswer(text: string | undefined): readonly Address[] | null {
  const args = readArgs(text)
  if (args === null || typeof args === 'string') return null
  const common = args.common as { ipinfos?: unknown } | null | undefined
  if (typeof common !== 'object' || common === null || !Array.isArray(common.ipinfos)) return null
  const addresses: Address[] = []
  for (const info of common.ipinfos as unknown[]) {
    const ip = typeof info === 'object' && info !== null ? (info as { ip?: unknown }).ip : undefined
    const address = typeof ip === 'string' ? parseAddress(ip.split('/')[0] ?? '') : null
    if (address === null) return null
    addresses.push(address)
  }
  return addresses.length === 0 ? null : addresses
}
