/** Owns the thread that reads the ledger's file: the turn's thread never waits for what people ask. */
import { openReads, type Reads } from '../store/reads.ts'
import type { Search } from '../store/search.ts'
import type { Asked, Told } from './reader.ts'

declare const self: Worker

/** Keys between two questions: some ten milliseconds. */
const SLICE = 500

let reads: Reads | null = null
let armed = false

/** Goes on with the index of keywords when nobody asks, from the first keyword on. */
function arm(): void {
  if (armed) return
  armed = true
  setTimeout(() => {
    armed = false
    try {
      if (reads?.index(SLICE) === false) arm()
    } catch {
      // The next keyword tries again, and goes through the keys meanwhile.
    }
  }, 0)
}

self.onmessage = ({ data }: MessageEvent<Asked>) => {
  const { number, path, name, asked } = data
  self.postMessage(answer())
  if (name === 'search' && (asked[0] as Search).keyword !== undefined) arm()

  function answer(): Told {
    try {
      reads ??= openReads(path)
      const question = reads[name] as (...asked: unknown[]) => unknown
      if (name === 'close') reads = null
      // As text: copying objects from thread to thread takes five times as long.
      return { number, text: JSON.stringify(question(...asked)) }
    } catch (error) {
      return { number, failure: error instanceof Error ? error.message : String(error) }
    }
  }
}
