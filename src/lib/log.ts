/** Owns the shape of a log line: structured, one line per decision, no secrets. The sink is built in main. */
import pino from 'pino'

export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** A synchronous JSON log on standard error. */
export function jsonLog(level: LogLevel): Log {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ fd: 2, sync: true }))
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} }
