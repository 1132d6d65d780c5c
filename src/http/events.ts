/** Owns the stream of changes as server-sent events: resumable, one batch in memory, and an end for who does not read. */
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { Feed, FeedItem, Follower } from '../app/feed.ts'
import { unreachable } from '../lib/assert.ts'
import { failures } from './answers.ts'
import { encodeChange } from './history-wire.ts'
import { BadRequest } from './json.ts'

/** A reader that takes nothing for so long has a connection that leads nowhere, or cannot keep up. */
const SLOW_MS = 30_000

const Stream = Type.String({
  contentMediaType: 'text/event-stream',
  description: 'Server-sent events: id, event (the verb), data (an element of /v1/history).',
  examples: ['id: 4711\nevent: bind\ndata: {"id":4711,"ip":"10.0.0.112"}\n\n'],
})

export interface EventRouteParts {
  readonly feed: Feed
}

export function eventRoutes({ feed }: EventRouteParts) {
  return new Elysia({ name: 'events' }).get(
    '/v1/events',
    ({ query, headers, request, server }) => {
      // floatip says itself when nothing happens.
      server?.timeout(request, 0)
      const follower = feed.follow(decodeAfter(query.after ?? headers['last-event-id']))
      return new Response(streamOf(follower, SLOW_MS), {
        headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache', 'x-accel-buffering': 'no' },
      })
    },
    {
      query: Type.Object({
        after: Type.Optional(Type.String({ description: 'Go on after the change of this id.', examples: ['4710'] })),
      }),
      headers: Type.Object({
        'last-event-id': Type.Optional(Type.String({ description: 'The same, as browsers send it.' })),
      }),
      response: { 200: Stream, ...failures(400, 503) },
      detail: {
        tags: ['history'],
        summary: 'Follow the changes',
        description:
          'Every change as it happens, as server-sent events; id is that of the history. event gap: changes in between are no longer recorded. event cut: the last one, and why.',
      },
    },
  )
}

function decodeAfter(text: string | undefined): number | null {
  if (text === undefined || text === '') return null
  const id = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(id)) return id
  throw new BadRequest(`after (or Last-Event-ID) must be the id of a change, not ${JSON.stringify(text)}`)
}

/** Reads on only when the connection has taken what it got. */
export function streamOf(follower: Follower, slowMs: number): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let slow: ReturnType<typeof setTimeout> | undefined
  return new ReadableStream<Uint8Array>(
    {
      async pull(stream) {
        clearTimeout(slow)
        const write = (item: FeedItem) => stream.enqueue(encoder.encode(encodeItem(item)))
        const item = await follower
          .next()
          .catch((): FeedItem => ({ kind: 'end', because: 'the ledger cannot be read' }))
        if (item === null) return
        write(item)
        if (item.kind !== 'end') {
          slow = setTimeout(() => {
            write({ kind: 'end', because: `the reader took nothing for ${slowMs / 1000} s: go on from the last id` })
            stream.close()
            follower.leave()
          }, slowMs)
          return
        }
        stream.close()
        follower.leave()
      },
      cancel() {
        clearTimeout(slow)
        follower.leave()
      },
    },
    { highWaterMark: 0 },
  )
}

function encodeItem(item: FeedItem): string {
  switch (item.kind) {
    case 'changes':
      return item.rows
        .map(row => `id: ${row.id}\nevent: ${row.verb}\ndata: ${JSON.stringify(encodeChange(row))}\n\n`)
        .join('')
    case 'gap':
      return `event: gap\ndata: ${JSON.stringify({ after: item.after, next: item.next })}\n\n`
    case 'quiet':
      return ': floatip\n\n'
    case 'end':
      return `event: cut\ndata: ${JSON.stringify({ because: item.because })}\n\n`
    default:
      return unreachable(item)
  }
}
