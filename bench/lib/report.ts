/** Owns what a suite leaves behind: one JSON file under dist/bench, with the machine that it was measured on. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'

export interface Target {
  readonly what: string
  readonly limit: number
  readonly got: number
  readonly unit: string
}

const FOLDER = 'dist/bench'

/** Writes dist/bench/<suite>.json and answers its path. */
export function writeReport(suite: string, findings: object): string {
  const path = `${FOLDER}/${suite}.json`
  const machine = { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, bun: Bun.version }
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(path, `${JSON.stringify({ suite, at: new Date().toISOString(), machine, ...findings }, null, 2)}\n`)
  return path
}

export function targetLine({ what, limit, got, unit }: Target): string {
  return `${got <= limit ? 'met   ' : 'MISSED'}  ${what}: ${got.toFixed(1)}${unit}, at most ${limit}${unit}`
}
