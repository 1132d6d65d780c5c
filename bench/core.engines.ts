/** Owns the engines that the core is measured against: the same two verbs, done in the ways that come to mind first. */
import { createCore, openInstance } from '../src/core/wasm.ts'
import { createNaive } from '../test/contract/naive.ts'

export interface Engine {
  pick(entry: number): number
  release(slot: number): boolean | number
}

export const ENGINES: Record<string, (slots: number) => Engine> = {
  core: slots => createCore([slots]),
  'core without facade': slots => {
    const { pick, release } = openInstance([slots]).exports
    return { pick, release }
  },
  'JS bitmap': slots => new BitmapEngine(slots),
  'JS Set': slots => new SetEngine(slots),
  'naive twin': slots => createNaive([slots]),
}

/** 32 slots a word, scanned from the cursor: fast as long as something is free nearby. */
class BitmapEngine implements Engine {
  private readonly words: Uint32Array
  private cursor = 0

  constructor(slots: number) {
    this.words = new Uint32Array(slots / 32).fill(0xffff_ffff)
  }

  pick(): number {
    const words = this.words
    for (let tried = 0; tried < words.length; tried++) {
      const word = words[this.cursor] ?? 0
      if (word !== 0) {
        const bit = 31 - Math.clz32(word & -word)
        words[this.cursor] = word & (word - 1)
        return this.cursor * 32 + bit
      }
      this.cursor = this.cursor + 1 === words.length ? 0 : this.cursor + 1
    }
    return -1
  }

  release(slot: number): boolean {
    const word = this.words[slot >>> 5] ?? 0
    this.words[slot >>> 5] = word | (1 << (slot & 31))
    return (word & (1 << (slot & 31))) === 0
  }
}

/** The set of taken slots and a cursor, as most allocators in TypeScript would begin. */
class SetEngine implements Engine {
  private readonly taken = new Set<number>()
  private readonly slots: number
  private cursor = 0

  constructor(slots: number) {
    this.slots = slots
  }

  pick(): number {
    for (let tried = 0; tried < this.slots; tried++) {
      const slot = this.cursor
      this.cursor = slot + 1 === this.slots ? 0 : slot + 1
      if (!this.taken.has(slot)) {
        this.taken.add(slot)
        return slot
      }
    }
    return -1
  }

  release(slot: number): boolean {
    return this.taken.delete(slot)
  }
}
