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
  readonly right?: true
}

export interface Shape<T> {
  readonly columns: readonly Column<T>[]
  readonly name: (item: T) => string
  /** Said on stderr instead of an empty table. */
  readonly none: string
}

/** Columns are kept at least this wide before they are cut. */
const COLUMN_MIN = 4
const GAP = 2

export function showList<T>(terminal: Terminal, format: Format, items: readonly T[], shape: Shape<T>): void {
  const columns = shape.columns.filter(column => format === 'wide' || column.wide === undefined)
  if (format === 'json' || format === 'yaml') showRaw(terminal, format, items)
  else if (format === 'name') terminal.out(items.map(item => `${shape.name(item)}\n`).join(''))
  else if (items.length === 0) terminal.err(`${shape.none}\n`)
  else terminal.out(tableText(terminal, columns, items))
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

function tableText<T>(terminal: Terminal, columns: readonly Column<T>[], items: readonly T[]): string {
  const cells = items.map(item => columns.map(column => String(column.of(item) ?? '')))
  const needed = columns.map((column, at) =>
    Math.max(column.title.length, ...cells.map(row => Bun.stringWidth(row[at] ?? ''))),
  )
  const widths = fitting(needed, terminal.width)
  const table = new Table({
    chars: NO_BORDERS,
    colWidths: widths.map(width => width + GAP),
    colAligns: columns.map(column => (column.right ? 'right' : 'left')),
    style: { 'padding-left': 0, 'padding-right': GAP, head: [], border: [] },
    head: columns.map(column => terminal.paint.bold(column.title)),
  })
  items.forEach((item, row) => {
    table.push(columns.map((column, at) => toned(terminal, cells[row]?.[at] ?? '', column.tone?.(item) ?? null)))
  })
  return `${table.toString().replace(/[ ]+$/gm, '')}\n`
}

/** The widest columns give way first, until the line fits. */
function fitting(needed: readonly number[], width: number): number[] {
  const widths = [...needed]
  const room = () => width - widths.reduce((sum, each) => sum + each + GAP, 0)
  while (room() < 0) {
    const widest = widths.indexOf(Math.max(...widths))
    if ((widths[widest] ?? 0) <= COLUMN_MIN) return widths
    widths[widest] = Math.max(COLUMN_MIN, (widths[widest] ?? 0) + Math.min(-1, room() >> 1))
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
