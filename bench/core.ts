/** Owns the suite `core`: the allocator core against simpler engines, in multiples of one empty WASM call. */
import { type CaseResult, type Measured, OCCUPANCIES } from './core.case.ts'
import { ENGINES } from './core.engines.ts'
import { type Target, targetLine, writeReport } from './lib/report.ts'
import { table } from './lib/table.ts'

const SIZES = [2 ** 16, 2 ** 20, 2 ** 24] as const
/** Taken slots are hashed one by one: the Set alone needs more than 100 s and 1 GB there. */
const SKIPPED = [{ engine: 'JS Set', slots: 2 ** 24, why: 'more than 100 s' }] as const
const FILL_RATIO_MAX = 4
const CHURN_RATIO_MAX = 40

interface Row {
  readonly operation: string
  readonly slots: number
  readonly engine: string
  /** Nanoseconds; absent when skipped. */
  readonly measured?: Measured
  readonly skipped?: string
}

export function coreSuite(): boolean {
  const rows = SIZES.flatMap(slots => Object.keys(ENGINES).flatMap(engine => rowsOf(engine, slots)))
  rows.sort((a, b) => operations.indexOf(a.operation) - operations.indexOf(b.operation))
  const targets = targetsOf(rows)

  console.log(table(['operation', 'slots', 'engine', 'ns', 'x empty call', 'median ns', 'x'], rows.map(cellsOf)))
  console.log(`\nns: the quiet tenth of the passes; x: multiples of an empty WASM call, measured in turns with it.`)
  for (const target of targets) console.log(targetLine(target))
  console.log(`written: ${writeReport('core', { rows, targets })}`)
  return targets.every(target => target.got <= target.limit)
}

const churnOf = (occupancy: number) => `release + pick at ${occupancy} %`
const operations = ['fill', ...OCCUPANCIES.map(churnOf)]

function rowsOf(engine: string, slots: number): Row[] {
  const skip = SKIPPED.find(skipped => skipped.engine === engine && skipped.slots === slots)
  if (skip !== undefined) return operations.map(operation => ({ operation, slots, engine, skipped: skip.why }))
  process.stderr.write(`  ${engine}, ${slots} slots …\n`)
  const { fill, churn } = runCase(engine, slots)
  return [
    { operation: 'fill', slots, engine, measured: fill },
    ...Object.entries(churn).map(([occupancy, measured]) => ({
      operation: churnOf(Number(occupancy)),
      slots,
      engine,
      measured,
    })),
  ]
}

function runCase(engine: string, slots: number): CaseResult {
  const child = Bun.spawnSync([process.execPath, `${import.meta.dir}/core.case.ts`, engine, String(slots)], {
    stderr: 'inherit',
  })
  if (child.exitCode !== 0) throw new Error(`the case ${engine}, ${slots} slots ended with ${child.exitCode}`)
  return JSON.parse(child.stdout.toString()) as CaseResult
}

function targetsOf(rows: readonly Row[]): Target[] {
  const fills = rows.filter(row => row.engine === 'core' && row.operation === 'fill')
  const churns = rows.filter(row => row.engine === 'core' && row.operation === churnOf(99) && row.slots === 2 ** 24)
  const target = (row: Row, limit: number): Target => ({
    what: `core, ${row.operation}, 2^${Math.log2(row.slots)} slots`,
    limit,
    got: row.measured === undefined ? Number.NaN : row.measured.quiet / row.measured.empty.quiet,
    unit: 'x',
  })
  return [...fills.map(row => target(row, FILL_RATIO_MAX)), ...churns.map(row => target(row, CHURN_RATIO_MAX))]
}

function cellsOf({ operation, slots, engine, measured, skipped }: Row): string[] {
  const size = `2^${Math.log2(slots)}`
  if (measured === undefined) return [operation, size, engine, 'skipped', skipped ?? '', '', '']
  const { quiet, median, empty } = measured
  return [
    operation,
    size,
    engine,
    figure(quiet),
    figure(quiet / empty.quiet),
    figure(median),
    figure(median / empty.median),
  ]
}

const figure = (value: number) => (value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString('en'))
