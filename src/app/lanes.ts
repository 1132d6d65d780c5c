/** Owns work on many things, a few at once. */

/** Resolves when all are done; the first that fails ends it, and no other begins. */
export async function inLanes<T>(
  things: readonly T[],
  atOnce: number,
  work: (thing: T) => Promise<unknown>,
): Promise<void> {
  const rest = things.values()
  async function lane(): Promise<void> {
    // One iterator for all lanes: each takes the next.
    for (const thing of rest) await work(thing)
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, things.length) }, lane))
}
