/** Owns the map of the address space: one character for each address or block, in a grid as wide as the terminal. */
import { type Address, addressAt, compareAddresses, parseAddress } from '../ip/address.ts'
import { parseRange, type Range, rangeSize } from '../ip/range.ts'
import { isKept } from './ip.ts'
import type { IpItem, SubnetItem } from './shapes.ts'
import { type Tone, toned } from './show.ts'
import type { Terminal } from './terminal.ts'

/** Where nobody looks, a line holds this many. */
const CELLS_UNBOUNDED = 64
const CELLS_MAX = 128
const CELLS_MIN = 8
/** A screenful: where there are more addresses, they share their cells. */
const ROWS_MAX = 32

type Use = 'pod' | 'kept' | 'rest'
type Cell = 'free' | Use | 'some'

const LOOK: Readonly<Record<Cell, { readonly char: string; readonly tone: Tone; readonly means: string }>> = {
  free: { char: '·', tone: 'faint', means: 'free' },
  pod: { char: '█', tone: 'good', means: 'a pod has it' },
  kept: { char: '▒', tone: 'busy', means: 'kept without a pod' },
  rest: { char: '░', tone: 'bad', means: 'rests: a container may still use it' },
  some: { char: '▄', tone: 'good', means: 'some of the block' },
}

/** `items`: the addresses that belong to somebody. */
export function mapOf(terminal: Terminal, subnets: readonly SubnetItem[], items: readonly IpItem[]): string {
  const parts = subnets.map(subnet => {
    const taken = subnet.total - subnet.free
    const ranges = subnet.ips.flatMap(text => parseRange(text) ?? [])
    return `${terminal.paint.bold(subnet.subnet)}  ${taken} of ${subnet.total} taken\n${grid(terminal, ranges, items)}`
  })
  const legend = Object.values(LOOK).map(({ char, tone, means }) => `${toned(terminal, char, tone)} ${means}`)
  return `${parts.join('\n')}\n${legend.join('   ')}\n`
}

function grid(terminal: Terminal, ranges: readonly Range[], items: readonly IpItem[]): string {
  const total = ranges.reduce((sum, range) => sum + Number(rangeSize(range)), 0)
  const taken = takenAt(ranges, items)
  const label = Math.max(...ranges.map(({ last }) => last.text.length))
  const width = cellsIn(terminal.width - label - 2)
  const block = Math.max(1, 2 ** Math.ceil(Math.log2(total / (width * ROWS_MAX))))
  const cells = blocksOf(total, block, taken)
  const lines: string[] = []
  for (let from = 0; from < cells.length; from += width) {
    const row = cells.slice(from, from + width).map(cell => toned(terminal, LOOK[cell].char, LOOK[cell].tone))
    lines.push(`${nth(ranges, from * block).padEnd(label)}  ${row.join('')}\n`)
  }
  return lines.join('') + (block > 1 ? `${' '.repeat(label)}  one cell is ${block} addresses\n` : '')
}

/** By position within the ranges. */
function takenAt(ranges: readonly Range[], items: readonly IpItem[]): ReadonlyMap<number, Use> {
  return new Map(
    items.flatMap(item => {
      const address = parseAddress(item.ip)
      const at = address === null ? null : positionOf(ranges, address)
      return at === null ? [] : [[at, item.resting ? 'rest' : isKept(item) ? 'kept' : 'pod'] as const]
    }),
  )
}

function positionOf(ranges: readonly Range[], address: Address): number | null {
  let before = 0
  for (const range of ranges) {
    const isIn = compareAddresses(range.first, address) <= 0 && compareAddresses(address, range.last) <= 0
    if (isIn) return before + Number(address.value - range.first.value)
    before += Number(rangeSize(range))
  }
  return null
}

function nth(ranges: readonly Range[], position: number): string {
  let rest = BigInt(position)
  for (const range of ranges) {
    if (rest < rangeSize(range)) return addressAt(range.first.family, range.first.value + rest)?.text ?? ''
    rest -= rangeSize(range)
  }
  return ''
}

function blocksOf(total: number, block: number, taken: ReadonlyMap<number, Use>): readonly Cell[] {
  const counts = Array.from({ length: Math.ceil(total / block) }, () => ({ pod: 0, kept: 0, rest: 0 }))
  for (const [at, what] of taken) {
    const count = counts[Math.floor(at / block)]
    if (count !== undefined) count[what]++
  }
  return counts.map(({ pod, kept, rest }, at) => {
    const size = Math.min(block, total - at * block)
    if (pod + kept + rest === 0) return 'free'
    if (pod === size) return 'pod'
    if (rest === size) return 'rest'
    return kept === size ? 'kept' : 'some'
  })
}

/** The widest power of two that fits. */
function cellsIn(width: number): number {
  if (!Number.isFinite(width)) return CELLS_UNBOUNDED
  return Math.min(CELLS_MAX, 2 ** Math.floor(Math.log2(Math.max(CELLS_MIN, width))))
}
