/** Owns what each fault means for the shell. */
import { ApiFault } from '../cli/client.ts'
import { EXIT, UsageFault } from '../lib/exit.ts'
import type { Fault } from '../lib/fault.ts'
import { LedgerInUse } from '../store/open.ts'

export function exitCodeOf(fault: Fault): number {
  if (fault instanceof LedgerInUse) return EXIT.ledgerInUse
  // What the API cannot read is what was typed, or what stands in the file.
  const isUnreadable = fault instanceof UsageFault || (fault instanceof ApiFault && fault.status === 400)
  return isUnreadable ? EXIT.usage : EXIT.failed
}
