/** Owns the route of the backup. */
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { Backups } from '../app/backup.ts'
import { failures } from './answers.ts'

const TYPE = 'application/vnd.sqlite3'

export interface BackupRouteParts {
  readonly backups: Backups
}

export function backupRoutes({ backups }: BackupRouteParts) {
  return new Elysia({ name: 'backup' }).get(
    '/v1/backup',
    async ({ request, server }) => {
      // A slow disk at the other end is no reason to lose the backup.
      server?.timeout(request, 0)
      const { bytes, stream } = await backups.make()
      const day = new Date().toISOString().slice(0, 19).replaceAll(':', '')
      return new Response(stream, {
        headers: {
          'content-type': TYPE,
          'content-length': String(bytes),
          'content-disposition': `attachment; filename="floatip-${day}Z.db"`,
        },
      })
    },
    {
      response: {
        200: Type.String({ contentMediaType: TYPE, description: 'The ledger as a SQLite file.' }),
        ...failures(503),
      },
      detail: {
        tags: ['operation'],
        summary: 'Back up the ledger',
        description:
          'One consistent SQLite file with allocations and history, made while floatip goes on; also from a process that is not ready or does not lead.',
      },
    },
  )
}
