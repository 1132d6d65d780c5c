/** Owns how the questions of people are wired: on threads of their own, so that the turn waits for none of them. */
import { type Addresses, addressesOf } from '../app/addresses.ts'
import { backupsOf } from '../app/backup.ts'
import { feedOf } from '../app/feed.ts'
import type { Holds } from '../app/holds.ts'
import { oneAddressOf } from '../app/one-address.ts'
import type { Ports } from '../app/ports.ts'
import type { Rests } from '../app/rests.ts'
import { retain } from '../app/retention.ts'
import type { LedgerFile } from '../store/open.ts'
import { type Retention, retentionIn } from '../store/retention.ts'
import { fromRow } from '../store/row.ts'
import { readingThread } from './reader.ts'

export interface ReadParts {
  readonly ports: Ports
  readonly holds: Pick<Holds, 'endsAt'>
  readonly rests: Pick<Rests, 'endsAt'>
  readonly file: LedgerFile
  readonly limits: Retention
}

export function readsOf({ ports, holds, rests, file, limits }: ReadParts) {
  const reader = readingThread(file.path)
  const copying = readingThread(file.path)
  const addresses: Addresses = addressesOf({
    ...ports,
    async search(wanted) {
      const { total, rows } = await reader.search(wanted)
      return { total, rows: rows.map(fromRow) }
    },
  })
  const feed = feedOf({ ...ports, reader })
  return {
    reader,
    addresses,
    feed,
    askAddress: oneAddressOf({ ...ports, reader, addresses, holds, rests }),
    backups: backupsOf({ ...ports, path: file.path, reader: copying }),
    retain: (signal: AbortSignal) => retain({ ...ports, limits, prune: retentionIn(file.db), signal }),
    async stop() {
      feed.stop()
      await Promise.all([reader.rest(), copying.rest()])
    },
  }
}
