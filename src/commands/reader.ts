/** Owns the asking side of the reading thread: it starts with the first question, and again after it failed. */
import { inTime } from '../app/in-time.ts'
import type { Reader } from '../app/reader.ts'
import { systemClock } from '../lib/clock.ts'
import { Fault } from '../lib/fault.ts'
import type { Reads } from '../store/reads.ts'

export interface Asked {
  readonly number: number
  /** The ledger's file. */
  readonly path: string
  readonly name: keyof Reads
  readonly asked: readonly unknown[]
}

export type Told =
  | { readonly number: number; readonly text: string }
  | { readonly number: number; readonly failure: string }

/** Questions under way: each is a request that somebody waits for; beyond that they would wait for minutes. */
const ASKED_MAX = 1_000

/** A thread that is ended has not closed its file, and then the writer cannot take the write-ahead log in; a long question is not waited for. */
const CLOSED_WITHIN_MS = 1_000

const QUESTIONS: Record<keyof Reads, true> = {
  search: true,
  index: true,
  past: true,
  story: true,
  after: true,
  newest: true,
  copyTo: true,
  close: true,
}

export interface ReadingThread extends Reader {
  /** Ends the thread; what is asked of it is refused. A later question starts another. */
  rest(): Promise<void>
}

export function readingThread(path: string): ReadingThread {
  let worker: Worker | null = null
  let number = 0
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()

  function start(): Worker {
    const started = new Worker(workerUrl())
    started.onmessage = ({ data }: MessageEvent<Told>) => {
      const { resolve, reject } = waiting.get(data.number) ?? {}
      waiting.delete(data.number)
      if ('text' in data) resolve?.(JSON.parse(data.text))
      else reject?.(new Fault(`the ledger could not be read: ${data.failure}`, { retryable: true }))
    }
    started.onerror = ({ message }) => end(`the reading thread failed: ${message}`)
    // It alone keeps no process alive.
    started.unref()
    return started
  }

  function end(why: string): void {
    worker?.terminate()
    worker = null
    const fault = new Fault(why, { retryable: true })
    for (const { reject } of waiting.values()) reject(fault)
    waiting.clear()
  }

  function ask(name: keyof Reads, asked: readonly unknown[]): Promise<unknown> {
    if (waiting.size >= ASKED_MAX) throw new Fault('too many questions are waiting', { retryable: true })
    worker ??= start()
    const mine = Promise.withResolvers<unknown>()
    waiting.set(++number, mine)
    worker.postMessage({ number, path, name, asked } satisfies Asked)
    return mine.promise
  }

  const questions = Object.fromEntries(
    (Object.keys(QUESTIONS) as (keyof Reads)[]).map(name => [name, async (...asked: unknown[]) => ask(name, asked)]),
  ) as unknown as Reader

  async function rest(): Promise<void> {
    const closed = worker === null ? null : questions.close().catch(() => null)
    if (closed !== null) await inTime(systemClock, closed, CLOSED_WITHIN_MS)
    end('the reading thread ends')
  }
  return { ...questions, rest }
}

/** A compiled binary keeps its files below the folder of its main file, this one merged into that. */
function workerUrl(): string {
  const url = new URL('./reader-worker.ts', import.meta.url)
  return Bun.main.startsWith('/$bunfs/')
    ? url.href.replace(/\/reader-worker\.ts$/, '/commands/reader-worker.ts')
    : url.href
}
