/** Owns the last valid configuration over restarts and leaders (R29): in the ledger's file, and in an object that the next leader finds. */
import type { RememberingObject } from '../kube/last-good.ts'
import type { Clock } from '../lib/clock.ts'
import { Fault, messageOf } from '../lib/fault.ts'
import type { Log } from '../lib/log.ts'

export interface LastGood {
  /** The object's before the file's: another leader may have been in force since this file was written. Null: nobody remembers one. */
  read(): Promise<string | null>
  /** Never throws and never waits. */
  write(text: string): void
}

export interface LastGoodParts {
  readonly file: { read(): string | null; write(text: string): void }
  /** Null: the configuration is in the config file, which a leader elsewhere does not share. */
  readonly object: RememberingObject | null
  readonly clock: Clock
  readonly log: Log
  readonly signal: AbortSignal
}

const RETRY_MS = 30_000

export function lastGoodOf({ file, object, clock, log, signal }: LastGoodParts): LastGood {
  let unwritten: string | null = null
  let writing = false

  async function writeAll({ where, write }: RememberingObject): Promise<void> {
    writing = true
    let said = false
    while (unwritten !== null && !signal.aborted) {
      const text = unwritten
      try {
        if (!(await write(text)))
          log.info(
            { where },
            'there is no such object: a leader with another ledger will not know the last valid configuration',
          )
        if (unwritten === text) unwritten = null
      } catch (error) {
        if (!(error instanceof Fault)) throw error
        if (!said) log.warn({ where, err: messageOf(error) }, 'the last valid configuration is not written, will retry')
        said = true
        await clock.sleep(RETRY_MS, signal)
      }
    }
    writing = false
  }

  return {
    async read() {
      // Before the wait, after which the file may be closed.
      const ours = file.read()
      try {
        return (await object?.read()) ?? ours
      } catch (error) {
        if (!(error instanceof Fault)) throw error
        log.warn({ where: object?.where, err: messageOf(error) }, 'the last valid configuration cannot be read')
        return ours
      }
    },
    write(text) {
      file.write(text)
      unwritten = text
      if (object !== null && !writing) void writeAll(object)
    },
  }
}
