/** Owns the exit codes, and what each means. */
import { Fault } from '../lib/fault.ts'
import { LedgerInUse } from '../store/open.ts'

export const EXIT = {
  ok: 0,
  /** Something failed; the message says what. */
  failed: 1,
  /** The command line or a file it names cannot be understood. */
  usage: 2,
  /** Another process uses the ledger. */
  ledgerInUse: 3,
  /** We are wrong: a broken invariant (EX_SOFTWARE). */
  bug: 70,
} as const

/** Shown by --help. */
export const EXIT_HELP = `
Exit codes:
  ${EXIT.ok}   success
  ${EXIT.failed}   something failed; the message says what
  ${EXIT.usage}   the command line, or a file it names, cannot be understood
  ${EXIT.ledgerInUse}   another process uses the ledger
  ${EXIT.bug}  a bug in floatip: please report it with the log`

/** The command line or the config file cannot be understood. */
export class UsageFault extends Fault {
  override readonly name = 'UsageFault'
}

export function exitCodeOf(fault: Fault): number {
  if (fault instanceof LedgerInUse) return EXIT.ledgerInUse
  return fault instanceof UsageFault ? EXIT.usage : EXIT.failed
}
