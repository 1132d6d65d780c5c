/** Owns the routes of the past: every change, and who had what at a time. */
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { Reader } from '../app/reader.ts'
import { failures, PageQuery } from './answers.ts'
import { decodeHistory, encodePast, HistoryPage, HistoryQuery, SpanQuery } from './history-wire.ts'

const AddressParam = Type.Object({ address: Type.String({ description: 'The address.', examples: ['10.0.0.112'] }) })

export interface HistoryRouteParts {
  readonly reader: Pick<Reader, 'past'>
}

export function historyRoutes({ reader }: HistoryRouteParts) {
  const response = { 200: HistoryPage, ...failures(400, 503) }
  return new Elysia({ name: 'history' })
    .get(
      '/v1/history',
      async ({ query }) => {
        const { question, asked } = decodeHistory(query)
        return encodePast(await reader.past(question), asked)
      },
      {
        query: HistoryQuery,
        response,
        detail: {
          tags: ['history'],
          summary: 'Who had which address, when and why',
          description:
            'Parameters combine with AND. With at: what was in force at that time, one element for each address that had an owner then.',
        },
      },
    )
    .get(
      '/v1/ip/:address/history',
      async ({ params, query }) => {
        const { question, asked } = decodeHistory({ ...query, ip: params.address })
        return encodePast(await reader.past(question), asked)
      },
      {
        params: AddressParam,
        query: Type.Object({ ...SpanQuery, ...PageQuery }),
        response,
        detail: { tags: ['history'], summary: 'Who had this address', description: 'Newest first.' },
      },
    )
}
