/** Owns forgetting: the ledger is of another cluster, whose owners have nothing here. */
import type { ForgetCommand } from '../domain/command.ts'
import { free } from './rest.ts'
import type { Rule } from './view.ts'

/** How many of the addresses somebody had. */
export const forget: Rule<ForgetCommand, number> = (view, { addresses, because }) => {
  const rows = addresses.flatMap(address => view.at(address) ?? [])
  return { changes: rows.map(row => free(row, because, null)), answer: rows.length }
}
