/** Owns what each fault means for the shell. */
import { EXIT, UsageFault } from '../lib/exit.ts'
import type { Fault } from '../lib/fault.ts'
import { LedgerInUse } from '../store/open.ts'

export function exitCodeOf(fault: Fault): number {
  if (fault instanceof LedgerInUse) return EXIT.ledgerInUse
  return fault instanceof UsageFault ? EXIT.usage : EXIT.failed
}
