/** Owns the thread that reads the ledger's file: the turn's thread never waits for what people ask. */
import { openReads, type Reads } from '../store/reads.ts'
import type { Asked, Told } from './reader.ts'

declare const self: Worker

let reads: Reads | null = null

self.onmessage = ({ data }: MessageEvent<Asked>) => {
  const { number, path, name, asked } = data
  self.postMessage(answer())

  function answer(): Told {
    try {
      reads ??= openReads(path)
      const question = reads[name] as (...asked: unknown[]) => unknown
      // As text: copying objects from thread to thread takes five times as long.
      return { number, text: JSON.stringify(question(...asked)) }
    } catch (error) {
      return { number, failure: error instanceof Error ? error.message : String(error) }
    }
  }
}
