/** Owns slices: many things, so many at a time. */

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
