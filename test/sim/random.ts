/** Owns the simulator's randomness: everything follows from one seed. */

export interface Random {
  /** From 0 to below `end`. */
  below(end: number): number
  chance(share: number): boolean
  pick<T>(list: readonly T[]): T | undefined
  /** Up to `count` different elements, in random order. */
  some<T>(list: readonly T[], count: number): T[]
  /** One of the words, as often as its weight says. */
  weighted<W extends string>(weights: Readonly<Record<W, number>>): W
}

export function randomOf(seed: number): Random {
  let state = seed >>> 0
  // mulberry32: 32 bits of state are plenty for some 100,000 draws.
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (end: number) => Math.floor(next() * end)
  return {
    below,
    chance: share => next() < share,
    pick: list => list[below(list.length)],
    some(list, count) {
      const rest = [...list]
      return Array.from({ length: Math.min(count, rest.length) }, () => rest.splice(below(rest.length), 1)).flat()
    },
    weighted(weights) {
      const entries = Object.entries(weights) as [keyof typeof weights, number][]
      let at = next() * entries.reduce((sum, [, weight]) => sum + weight, 0)
      for (const [word, weight] of entries) {
        at -= weight
        if (at < 0) return word
      }
      throw new Error('no weight')
    },
  }
}
