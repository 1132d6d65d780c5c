/** Owns the end of a reservation: an address that an administrator kept out of circulation is free again. */
import type { UnblockCommand } from '../domain/command.ts'
import { free } from './rest.ts'
import type { Rule } from './view.ts'

export const unblock: Rule<UnblockCommand, boolean> = (view, { address }) => {
  const row = view.at(address)
  if (row === null || !row.blocked) return { changes: [], answer: false }
  return { changes: [free(row, 'its reservation ended')], answer: true }
}
