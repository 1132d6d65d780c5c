/** Owns the backup: a consistent copy of the ledger's file, made while floatip goes on, that leaves nothing behind. */
import { closeSync, createReadStream, openSync, readdirSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { Fault } from '../lib/fault.ts'
import type { Reader } from './reader.ts'

export interface Copy {
  readonly bytes: number
  readonly stream: ReadableStream<Uint8Array>
}

export interface Backups {
  /** Throws a retryable Fault while another one is made. */
  make(): Promise<Copy>
}

export interface BackupParts {
  /** The ledger's file; the copy is made beside it, where there is room for it or nowhere. */
  readonly path: string
  /** A thread of its own: a large ledger takes seconds, and nobody else's question waits for it. */
  readonly reader: Pick<Reader, 'copyTo'> & { rest(): Promise<void> }
}

const COPY = /^backup-[0-9a-f-]+\.db$/

export function backupsOf({ path, reader }: BackupParts): Backups {
  const dir = dirname(path)
  // What a crash left over.
  for (const name of readdirSync(dir)) if (COPY.test(name)) rmSync(join(dir, name), { force: true })
  let making = false

  return {
    async make() {
      if (making) throw new Fault('another backup is being made: try again when it is done', { retryable: true })
      making = true
      const copy = join(dir, `backup-${crypto.randomUUID()}.db`)
      try {
        await reader.copyTo(copy)
        const file = openSync(copy, 'r')
        try {
          const { size } = statSync(copy)
          // An open file without a name goes when its reader does, whatever happens.
          const stream = Readable.toWeb(createReadStream(copy, { fd: file, autoClose: true }))
          return { bytes: size, stream: stream as unknown as ReadableStream<Uint8Array> }
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
