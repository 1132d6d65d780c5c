/** Owns how much is logged while floatip runs: a level other than that of the start, for a while or until further notice. */
import type { Clock, WallMs } from '../lib/clock.ts'
import type { LevelledLog, LogLevel } from '../lib/log.ts'

export interface Verbosity {
  readonly level: LogLevel
  /** What it is at the start, and again after a while. */
  readonly startLevel: LogLevel
  /** When it falls back to that; null: it does not. */
  readonly until: WallMs | null
  /** `forMs` null: until further notice. */
  set(level: LogLevel, forMs: number | null): void
}

/** Whoever raises it at 3 a.m. should not have to remember to lower it. */
export function verbosityOf(log: LevelledLog, clock: Clock): Verbosity {
  const startLevel = log.level
  let until: WallMs | null = null
  let timer = new AbortController()
  return {
    get level() {
      return log.level
    },
    startLevel,
    get until() {
      return until
    },
    set(level, forMs) {
      timer.abort()
      timer = new AbortController()
      const { signal } = timer
      // A warning, so that a log which is quieter than usual shows since when.
      log.warn(
        { from: log.level, to: level, ...(forMs !== null && { seconds: forMs / 1000 }) },
        'the log level changes',
      )
      log.level = level
      until = forMs === null ? null : clock.now() + forMs
      if (forMs === null) return
      void clock.sleep(forMs, signal).then(() => {
        if (signal.aborted) return
        until = null
        log.level = startLevel
        log.warn({ from: level, to: startLevel }, 'the log level is that of the start again')
      })
    },
  }
}
