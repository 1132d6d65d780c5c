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

const EXIT_MEANS: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: 'success',
  failed: 'something failed; the message says what',
  usage: 'the command line, or a file it names, cannot be understood',
  ledgerInUse: 'another process uses the ledger',
  wouldHurt: 'plan: a pod would wait for an address or lose it; check: ledger and cluster differ',
  notAll: 'some of what was asked for was not done; the output says which, and why',
  bug: 'a bug in floatip: please report it with the log',
}

/** By code. */
export const EXITS: readonly (readonly [number, string])[] = Object.entries(EXIT).map(([name, code]) => [
  code,
  EXIT_MEANS[name as keyof typeof EXIT],
])

/** Shown by --help. */
export const EXIT_HELP = `
Exit codes:
${EXITS.map(([code, means]) => `  ${String(code).padEnd(3)} ${means}`).join('\n')}`

/** The command line or the config file cannot be understood. */
export class UsageFault extends Fault {
  override readonly name = 'UsageFault'
  constructor(message: string, cause?: unknown) {
    super(message, { retryable: false, cause })
  }
}
