/** Owns the routes of the log level: how much is logged now, and for how long it is to be more. */
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { Verbosity } from '../app/verbosity.ts'
import { LOG_LEVELS, type LogLevel } from '../lib/log.ts'
import { failures } from './answers.ts'
import { BadRequest } from './json.ts'

/** A day: who needs it for longer starts floatip with it. */
const SECONDS_MAX = 86_400

/** A text with its values told, and read by hand: what TypeBox says of a union helps nobody. */
const Level = Type.String({ enum: LOG_LEVELS, description: 'From the most to the least that is logged.' })

const Answer = Type.Object(
  {
    level: Level,
    startLevel: Type.String({ description: 'What it is at the start, and again after the given time.' }),
    until: Type.Optional(Type.String({ format: 'date-time', description: 'When it falls back; absent: it does not.' })),
  },
  {
    description: 'The level now.',
    examples: [{ level: 'debug', startLevel: 'info', until: '2026-05-01T03:10:00.000Z' }],
  },
)

const Wanted = Type.Object(
  {
    level: Level,
    seconds: Type.Optional(
      Type.Integer({ minimum: 1, maximum: SECONDS_MAX, description: 'For how long; absent: until further notice.' }),
    ),
  },
  { additionalProperties: false, examples: [{ level: 'debug', seconds: 600 }] },
)

function readLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find(each => each === text)
  if (level !== undefined) return level
  throw new BadRequest(`level must be one of ${LOG_LEVELS.join(', ')}, not ${JSON.stringify(text)}`)
}

export function logLevelRoutes(verbosity: Verbosity) {
  const answer = () => {
    const { level, startLevel, until } = verbosity
    return { level, startLevel, ...(until !== null && { until: new Date(until).toISOString() }) }
  }
  return new Elysia({ name: 'log-level' })
    .get('/v1/log-level', answer, {
      response: { 200: Answer },
      detail: {
        tags: ['operation'],
        summary: 'Show the log level',
        description: 'How much is logged now, and until when.',
      },
    })
    .put(
      '/v1/log-level',
      ({ body: { level, seconds } }) => {
        verbosity.set(readLevel(level), seconds === undefined ? null : seconds * 1000)
        return answer()
      },
      {
        parse: 'json',
        body: Wanted,
        response: { 200: Answer, ...failures(400) },
        detail: {
          tags: ['operation'],
          summary: 'Change the log level while floatip runs',
          description:
            'Of this process alone, also while it is not ready or does not lead. With `seconds` it falls back to the level of the start by itself.',
        },
      },
    )
}
