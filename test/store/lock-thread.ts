/** Owns a thread that has the writer's lock of a ledger for a moment, as a reader may that looks at the write-ahead log's index again. */
import { Database } from 'bun:sqlite'

declare const self: Worker

self.onmessage = ({ data: { path, forMs } }: MessageEvent<{ path: string; forMs: number }>) => {
  const db = new Database(path)
  db.run('BEGIN IMMEDIATE')
  self.postMessage('locked')
  Bun.sleepSync(forMs)
  db.run('ROLLBACK')
  db.close()
}
