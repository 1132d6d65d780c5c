/** Owns the exit codes, what each means, and the fault of a command line that cannot be understood. */
import { Fault } from './fault.ts'

export const EXIT = {
  ok: 0,
  /** Something failed; the message says what. */
  failed: 1,
  /** The command line or a file it names cannot be understood. */
  usage: 2,
  /** Another process uses the ledger. */
  ledgerInUse: 3,
  /** What-if: a pod would wait for an address or lose it; check: ledger and cluster differ. */
  wouldHurt: 4,
  /** Part of what was asked for was not done. */
  notAll: 5,
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
  ${EXIT.wouldHurt}   plan: a pod would wait for an address or lose it; check: ledger and cluster differ
  ${EXIT.notAll}   some of what was asked for was not done; the output says which, and why
  ${EXIT.bug}  a bug in floatip: please report it with the log`

/** The command line or the config file cannot be understood. */
export class UsageFault extends Fault {
  override readonly name = 'UsageFault'
  constructor(message: string, cause?: unknown) {
    super(message, { retryable: false, cause })
  }
}
