/** Owns work on many things: a few at once, or slice by slice. */

/** Resolves when all are done; the first that fails ends it, and no other begins. */
export async function inLanes<T>(
  things: readonly T[],
  atOnce: number,
  work: (thing: T) => Promise<void>,
): Promise<void> {
  const rest = things.values()
  async function lane(): Promise<void> {
    // One iterator for all lanes: each takes the next.
    for (const thing of rest) await work(thing)
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, things.length) }, lane))
}

export function* slicesOf<T>(things: Iterable<T>, size: number): Generator<readonly T[]> {
  let slice: T[] = []
  for (const thing of things) {
    slice.push(thing)
    if (slice.length < size) continue
    yield slice
    slice = []
  }
  if (slice.length > 0) yield slice
}
