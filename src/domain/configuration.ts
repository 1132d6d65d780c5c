/** Owns the reading of `floatingips`: JSON text to validated entries, or every problem in it at once. */
import { type Address, compareAddresses, parseAddress } from '../ip/address.ts'
import { type Cidr, cidr, contains, parseCidr } from '../ip/cidr.ts'
import { intersect, parseRange, RANGE_FORMS, type Range, rangeSet, rangeText, setSize } from '../ip/range.ts'
import { field, type JsonObject } from '../lib/field.ts'
import { quoted } from '../lib/quoted.ts'
import { CONFIGURATION_SIZE_MAX, type Configuration, ENTRY_SIZE_MAX, entryName, type SubnetEntry } from './entry.ts'

export type ConfigurationReading =
  | { readonly ok: true; readonly configuration: Configuration }
  | { readonly ok: false; readonly problems: readonly string[] }

/** Reads the JSON array of entries; all problems are reported together, and nothing is taken from an invalid text. */
export function readConfiguration(text: string): ConfigurationReading {
  let raw: unknown
  try {
    raw = JSON.parse(text)
  } catch (error) {
    return refuse([`floatingips is not JSON: ${error instanceof Error ? error.message : String(error)}`])
  }
  return readEntries(raw)
}

/** The same for a value that is parsed already (the config file). */
export function readEntries(raw: unknown): ConfigurationReading {
  if (!Array.isArray(raw)) return refuse(['floatingips must be a JSON array of entries'])
  if (raw.length === 0) return refuse(['floatingips is empty: give at least one entry'])
  const problems: string[] = []
  const warnings: string[] = []
  const entries: SubnetEntry[] = []
  raw.forEach((element, at) => {
    const entry = readEntry(element, `floatingips[${at}]`, problems, warnings)
    if (entry !== null) entries.push(entry)
  })
  entries.sort(byGateway)
  problems.push(...overlaps(entries), ...tooMany(entries))
  return problems.length > 0 ? refuse(problems) : { ok: true, configuration: { entries, warnings } }
}

/** A value that is something else altogether has thousands; what is told is for people. */
const PROBLEMS_TOLD = 20

/** In one text. */
export function problemsText(problems: readonly string[]): string {
  const more = problems.length - PROBLEMS_TOLD
  return [...problems.slice(0, PROBLEMS_TOLD), ...(more > 0 ? [`and ${more} more`] : [])].join('; ')
}

function refuse(problems: readonly string[]): ConfigurationReading {
  return { ok: false, problems }
}

function byGateway(a: SubnetEntry, b: SubnetEntry): number {
  const first = (entry: SubnetEntry) => entry.ranges[0]?.first ?? entry.gateway
  return compareAddresses(a.gateway, b.gateway) || compareAddresses(first(a), first(b))
}

function readEntry(raw: unknown, where: string, problems: string[], warnings: string[]): SubnetEntry | null {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    problems.push(`${where} must be an object`)
    return null
  }
  const fields = raw as JsonObject
  const before = problems.length
  const nodeSubnets = readNodeSubnets(fields, where, problems)
  const subnet = readText(fields, 'subnet', where, problems, parseCidr, 'a CIDR such as 10.0.0.0/24')
  const gateway = readText(fields, 'gateway', where, problems, parseAddress, 'an IP address')
  const vlan = readVlan(field(fields, 'vlan'), where, problems)
  const written = readRanges(field(fields, 'ips'), `${where}.ips`, problems)
  if (problems.length > before || subnet === null || gateway === null) return null

  const ranges = rangeSet(written)
  if (ranges.length < written.length) warnings.push(`${where}.ips: ranges that overlap or touch were merged`)
  const size = setSize(ranges)
  if (size > BigInt(ENTRY_SIZE_MAX)) {
    problems.push(`${where} (${subnet.text}) has ${size} addresses: at most ${ENTRY_SIZE_MAX} are allowed in an entry`)
    return null
  }
  const entry: SubnetEntry = { nodeSubnets, subnet, gateway, vlan, ranges, size: Number(size) }
  problems.push(...outside(entry, where))
  warnings.push(...suspicious(entry, where))
  return problems.length > before ? null : entry
}

function readText<T>(
  fields: JsonObject,
  name: string,
  where: string,
  problems: string[],
  parse: (text: string) => T | null,
  form: string,
): T | null {
  const value = field(fields, name)
  const parsed = typeof value === 'string' ? parse(value) : null
  if (parsed === null) {
    problems.push(
      `${where}.${name} must be ${form}${value === undefined ? ' (it is missing)' : `, not ${quoted(value)}`}`,
    )
  }
  return parsed
}

function readNodeSubnets(fields: JsonObject, where: string, problems: string[]): Cidr[] {
  const routable = field(fields, 'routableSubnet') ?? ''
  const name = routable === '' ? 'nodeSubnets' : 'routableSubnet'
  const written = name === 'routableSubnet' ? [routable] : field(fields, 'nodeSubnets')
  if (!Array.isArray(written) || written.length === 0) {
    problems.push(`${where}.nodeSubnets must be a list of at least one CIDR`)
    return []
  }
  const seen = new Map<string, Cidr>()
  written.forEach((element: unknown, at) => {
    const network = typeof element === 'string' ? parseCidr(element) : null
    if (network === null) problems.push(`${where}.${name}[${at}] must be a CIDR, not ${quoted(element)}`)
    else seen.set(network.text, network)
  })
  return [...seen.values()]
}

function readVlan(value: unknown, where: string, problems: string[]): number {
  if (value === undefined) return 0
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 4094) return value
  problems.push(`${where}.vlan must be a whole number from 0 to 4094, not ${quoted(value)}`)
  return 0
}

function readRanges(value: unknown, where: string, problems: string[]): Range[] {
  if (!Array.isArray(value) || value.length === 0) {
    problems.push(`${where} must be a list of at least one range`)
    return []
  }
  return value.flatMap((element: unknown, at) => {
    const range = typeof element === 'string' ? parseRange(element) : null
    if (range !== null) return [range]
    problems.push(`${where}[${at}] must be ${RANGE_FORMS}, not ${quoted(element)}`)
    return []
  })
}

/** The network that gateway and mask span: an entry's ranges must lie inside it. */
function reach(entry: SubnetEntry): Cidr | null {
  return entry.gateway.family === entry.subnet.family ? cidr(entry.gateway, entry.subnet.prefix) : null
}

function outside(entry: SubnetEntry, where: string): string[] {
  const network = reach(entry)
  if (network === null || !contains(entry.subnet, entry.gateway)) {
    return [`${where}.gateway ${entry.gateway.text} is not inside subnet ${entry.subnet.text}`]
  }
  return entry.ranges
    .filter(range => !contains(network, range.first) || !contains(network, range.last))
    .map(range => `${where}.ips: ${rangeText(range)} is not inside ${network.text}`)
}

function suspicious(entry: SubnetEntry, where: string): string[] {
  const names: [Address, string][] = [[entry.gateway, 'gateway']]
  if (entry.subnet.family === 4 && entry.subnet.prefix < 31) {
    names.push([entry.subnet.first, 'network address'], [entry.subnet.last, 'broadcast address'])
  }
  return names
    .filter(([a]) => entry.ranges.some(range => a.value >= range.first.value && a.value <= range.last.value))
    .map(([a, name]) => `${where}.ips contains the ${name} ${a.text}: pods may be given it`)
}

function overlaps(entries: readonly SubnetEntry[]): string[] {
  const all = entries.flatMap(entry => entry.ranges.map(range => ({ entry, range })))
  all.sort((a, b) => compareAddresses(a.range.first, b.range.first))
  const found: string[] = []
  let widest = all[0]
  for (const next of all.slice(1)) {
    const common = widest === undefined ? null : intersect(widest.range, next.range)
    if (common !== null && widest !== undefined) {
      found.push(`${rangeText(common)} is in two entries: ${entryName(widest.entry)} and ${entryName(next.entry)}`)
    }
    if (widest === undefined || compareAddresses(next.range.last, widest.range.last) > 0) widest = next
  }
  return found
}

function tooMany(entries: readonly SubnetEntry[]): string[] {
  const total = entries.reduce((sum, entry) => sum + entry.size, 0)
  return total > CONFIGURATION_SIZE_MAX
    ? [`floatingips has ${total} addresses in all: at most ${CONFIGURATION_SIZE_MAX} are allowed`]
    : []
}
