/** Owns the port to those who read the ledger's file outside the turn: the same questions as `Reads`, each answered later. */
import type { Reads } from '../store/reads.ts'

/** An answer tells of all that was committed before the question. */
export type Reader = {
  readonly [K in keyof Reads]: (...asked: Parameters<Reads[K]>) => Promise<ReturnType<Reads[K]>>
}
