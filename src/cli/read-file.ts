/** Owns the reading of a file that a command names. */
import { readFileSync } from 'node:fs'
import { UsageFault } from '../lib/exit.ts'
import { messageOf } from '../lib/fault.ts'

/** `-` is the standard input. */
export function readWhole(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    throw new UsageFault(`${file} cannot be read: ${messageOf(error)}`, error)
  }
}
