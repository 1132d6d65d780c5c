/** Owns the backup: a consistent copy of the ledger's file, made while floatip goes on, that leaves nothing behind. */
import { closeSync, createReadStream, openSync, readdirSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import type { Clock } from '../lib/clock.ts'
import { Fault } from '../lib/fault.ts'
import type { Reader } from './reader.ts'

export interface Copy {
  readonly bytes: number
  readonly stream: ReadableStream<Uint8Array>
}

export interface Backups {
  /** Throws a retryable Fault while another one is made, or some are still read. */
  make(): Promise<Copy>
}

export interface BackupParts {
  /** The ledger's file; the copy is made beside it, where there is room for it or nowhere. */
  readonly path: string
  /** A thread of its own: a large ledger takes seconds, and nobody else's question waits for it. */
  readonly reader: Pick<Reader, 'copyTo'> & { rest(): Promise<void> }
  readonly clock: Pick<Clock, 'sleep'>
}

/** Each has a copy on the disk that the ledger is on, for as long as it is read. */
const READ_AT_ONCE = 3
/** A reader that takes nothing for so long has a connection that leads nowhere. */
const SLOW_MS = 60_000

const COPY = /^backup-[0-9a-f-]+\.db$/

export function backupsOf({ path, reader, clock }: BackupParts): Backups {
  const dir = dirname(path)
  // What a crash left over.
  for (const name of readdirSync(dir)) if (COPY.test(name)) rmSync(join(dir, name), { force: true })
  let making = false
  let beingRead = 0

  /** Read on only as it is taken. */
  function taken(file: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
    const source = file.getReader()
    let patience = new AbortController()
    let isOver = false
    beingRead++

    function end(): void {
      patience.abort()
      if (!isOver) beingRead--
      isOver = true
    }

    function wait(stream: ReadableStreamDefaultController<Uint8Array>): void {
      const { signal } = patience
      void clock.sleep(SLOW_MS, signal).then(() => {
        if (signal.aborted) return
        stream.error(new Fault(`the reader took nothing for ${SLOW_MS / 1000} s`, { retryable: true }))
        void source.cancel().catch(() => {})
        end()
      })
    }

    return new ReadableStream<Uint8Array>(
      {
        start: wait,
        async pull(stream) {
          patience.abort()
          patience = new AbortController()
          try {
            const { done, value } = await source.read()
            if (value !== undefined) stream.enqueue(value)
            if (!done) return wait(stream)
            stream.close()
            end()
          } catch (error) {
            end()
            throw error
          }
        },
        async cancel() {
          end()
          await source.cancel()
        },
      },
      { highWaterMark: 0 },
    )
  }

  return {
    async make() {
      if (making) throw new Fault('another backup is being made: try again when it is done', { retryable: true })
      if (beingRead >= READ_AT_ONCE)
        throw new Fault(`${beingRead} backups are being read: try again when one is done`, { retryable: true })
      making = true
      const copy = join(dir, `backup-${crypto.randomUUID()}.db`)
      try {
        await reader.copyTo(copy)
        const file = openSync(copy, 'r')
        try {
          const { size } = statSync(copy)
          // An open file without a name goes when its reader does, whatever happens.
          const stream = Readable.toWeb(createReadStream(copy, { fd: file, autoClose: true }))
          return { bytes: size, stream: taken(stream as unknown as ReadableStream<Uint8Array>) }
        } catch (error) {
          closeSync(file)
          throw error
        }
      } finally {
        rmSync(copy, { force: true })
        await reader.rest()
        making = false
      }
    },
  }
}
