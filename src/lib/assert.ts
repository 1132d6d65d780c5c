/** Owns the third family of errors: a Bug means that we are wrong; the process logs its state and ends with exit code 70. */

export class Bug extends Error {
  override readonly name = 'Bug'
}

/** States what must hold here; throws a {@link Bug} when it does not. */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Bug(what)
}

/** The value, which cannot be absent here; `what` says why not. */
export function present<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new Bug(`absent: ${what}`)
  return value
}

/** For whoever goes on after what was thrown: a {@link Bug} is thrown again, and ends the process. */
export function notABug(thrown: unknown): void {
  if (thrown instanceof Bug) throw thrown
}

/** Ends every switch over a union: the compiler proves that no case is left. */
export function unreachable(value: never): never {
  throw new Bug(`unreachable: ${JSON.stringify(value)}`)
}
