/** Owns the second family of errors: a Fault means that the world failed (network, disk, API server). It is thrown, never returned. */

export class Fault extends Error {
  override readonly name: string = 'Fault'
  /** True when the same call may succeed later. */
  readonly retryable: boolean

  constructor(message: string, options: { retryable: boolean; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.retryable = options.retryable
  }
}

/** The text of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
