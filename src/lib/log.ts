/** Owns the shape of a log line: structured, one line per decision, no secrets. The sink is built in main. */
import pino from 'pino'
import { textOf } from './log-text.ts'

export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export const LOG_FORMATS = ['json', 'text'] as const
export type LogFormat = (typeof LOG_FORMATS)[number]

/** A log whose level can be changed while it is written to. */
export interface LevelledLog extends Log {
  level: LogLevel
}

/** Where lines go; each has its end. */
export interface LogSink {
  write(line: string): unknown
}

/**
 * A synchronous log on standard error. What an error carries besides its text (the request, its headers) stays out; what an error is
 * caused by is told by its message.
 */
export function logTo(
  level: LogLevel,
  format: LogFormat,
  sink: LogSink = pino.destination({ fd: 2, sync: true }),
): LevelledLog {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, serializers: { err: errorOf } }
  return pino(options, format === 'json' ? sink : { write: (line: string) => sink.write(textOf(line)) }) as LevelledLog
}

function errorOf(thrown: unknown): unknown {
  if (!(thrown instanceof Error)) return String(thrown)
  const { name: type, message, stack, cause } = thrown
  return { type, message, stack, ...(cause instanceof Error && { cause: cause.message }) }
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} }
