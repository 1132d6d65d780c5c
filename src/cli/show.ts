/** Owns how an answer is shown: a table for people, JSON, YAML or names for scripts. */
import Table from 'cli-table3'
import { stringify } from 'yaml'
import type { Terminal } from './terminal.ts'

export const FORMATS = ['table', 'wide', 'json', 'yaml', 'name'] as const
export type Format = (typeof FORMATS)[number]

export type Tone = 'good' | 'busy' | 'bad' | 'faint'

export interface Column<T> {
  readonly title: string
  readonly of: (item: T) => string | number | undefined
  /** Only with -o wide. */
  readonly wide?: true
  readonly tone?: (item: T) => Tone | null
  /** Aligned right, and whole. */
  readonly right?: true
  /** Half of it is of no use: a time, say. The first column and those that are aligned right are whole without it. */
  readonly whole?: true
}

export interface Shape<T> {
  readonly columns: readonly Column<T>[]
  readonly name: (item: T) => string
  /** Said on stderr instead of an empty table. */
  readonly none: string
}

/** A text is cut to no less: what is left of it still tells something. */
const COLUMN_MIN = 12
const GAP = 2

export function showList<T>(terminal: Terminal, format: Format, items: readonly T[], shape: Shape<T>): void {
  const columns = shape.columns.filter(column => format === 'wide' || column.wide === undefined)
  if (format === 'json' || format === 'yaml') showRaw(terminal, format, items)
  else if (format === 'name') terminal.out(items.map(item => `${shape.name(item)}\n`).join(''))
  else if (items.length === 0) terminal.err(`${shape.none}\n`)
  else {
    // Whoever asks for more columns wants them whole.
    const width = format === 'wide' ? Number.POSITIVE_INFINITY : terminal.width
    const { text, leftOut, isCut } = tableText(terminal, width, columns, items)
    terminal.out(text)
    if (isCut && leftOut.length === 0) terminal.err('texts are cut, the terminal is too narrow (-o wide)\n')
    if (leftOut.length > 0) terminal.err(`not shown, the terminal is too narrow: ${leftOut.join(', ')} (-o wide)\n`)
  }
}

/** One thing, as `field  value` lines. */
export function showFields(
  terminal: Terminal,
  format: Format,
  whole: unknown,
  name: string,
  fields: readonly (readonly [string, string | number | undefined])[],
): void {
  if (format === 'json' || format === 'yaml') showRaw(terminal, format, whole)
  else if (format === 'name') terminal.out(`${name}\n`)
  else terminal.out(fieldLines(terminal, fields))
}

function fieldLines({ paint }: Terminal, fields: readonly (readonly [string, string | number | undefined])[]): string {
  const said = fields.filter(([, value]) => value !== undefined && value !== '')
  const width = Math.max(...said.map(([title]) => title.length))
  return said.map(([title, value]) => `${paint.bold(title.padEnd(width))}  ${value}\n`).join('')
}

export function showRaw(terminal: Terminal, format: 'json' | 'yaml', value: unknown): void {
  terminal.out(format === 'json' ? `${JSON.stringify(value, null, 2)}\n` : stringify(value))
}

function tableText<T>(
  terminal: Terminal,
  width: number,
  all: readonly Column<T>[],
  items: readonly T[],
): { readonly text: string; readonly leftOut: readonly string[]; readonly isCut: boolean } {
  const textOf = (column: Column<T>, item: T) => String(column.of(item) ?? '')
  const needs = all.map(column => ({
    needed: Math.max(column.title.length, ...items.map(item => Bun.stringWidth(textOf(column, item)))),
    isWhole: column === all[0] || column.right === true || column.whole === true,
  }))
  const widths = fitting(needs, width)
  const columns = all.slice(0, widths.length)
  const table = new Table({
    chars: NO_BORDERS,
    colWidths: widths.map(each => each + GAP),
    colAligns: columns.map(column => (column.right ? 'right' : 'left')),
    style: { 'padding-left': 0, 'padding-right': GAP, head: [], border: [] },
    head: columns.map(column => terminal.paint.bold(column.title)),
  })
  for (const item of items) {
    table.push(columns.map(column => toned(terminal, textOf(column, item), column.tone?.(item) ?? null)))
  }
  const text = `${table.toString().replace(/[ ]+$/gm, '')}\n`
  const isCut = widths.some((each, at) => each < (needs[at]?.needed ?? 0))
  return { text, leftOut: all.slice(columns.length).map(column => column.title), isCut }
}

interface Need {
  readonly needed: number
  readonly isWhole: boolean
}

/** The widths of as many columns as fit: the widest texts give way first, then the last columns are left out. The first one stays. */
function fitting(needs: readonly Need[], width: number): number[] {
  const widths = needs.map(({ needed }) => needed)
  // Nothing follows the last column.
  const excess = () => widths.reduce((sum, each) => sum + each + GAP, -GAP) - width
  while (excess() > 0) {
    const cuttable = widths.map((each, at) => (needs[at]?.isWhole ? 0 : each))
    const widest = Math.max(...cuttable)
    if (widest <= COLUMN_MIN) return widths.length === 1 ? widths : fitting(needs.slice(0, -1), width)
    widths[cuttable.indexOf(widest)] = Math.max(COLUMN_MIN, widest - Math.max(1, excess() >> 1))
  }
  return widths
}

export function toned({ paint }: Terminal, text: string, tone: Tone | null): string {
  switch (tone) {
    case null:
      return text
    case 'good':
      return paint.green(text)
    case 'busy':
      return paint.yellow(text)
    case 'bad':
      return paint.red(text)
    case 'faint':
      return paint.dim(text)
  }
}

const EDGES = ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right']
const INSIDE = ['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle']
const NO_BORDERS = Object.fromEntries([...EDGES, ...INSIDE].map(name => [name, '']))
