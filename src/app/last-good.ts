/** Owns the last valid configuration over restarts and leaders (R29): in the ledger's file, and in an object that the next leader finds. */
import type { RememberingObject } from '../kube/last-good.ts'
import { notABug } from '../lib/assert.ts'
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
/** Nothing is served before it is read. */
const READ_RETRY_MS = 1_000

export function lastGoodOf({ file, object, clock, log, signal }: LastGoodParts): LastGood {
  const writeFile = newestTo('the ledger’s file', text => file.write(text))
  const writeObject = object === null ? () => {} : newestTo(object.where, text => writeTo(object, text))

  async function writeTo({ where, write }: RememberingObject, text: string): Promise<void> {
    if (await write(text)) return
    log.info(
      { where },
      'there is no such object: a leader with another ledger will not know the last valid configuration',
    )
  }

  /** The newest text is written until it is there, the first time at once; a full disk is no reason not to follow the configuration. */
  function newestTo(where: string, write: (text: string) => void | Promise<void>): (text: string) => void {
    let unwritten: string | null = null
    let writing = false
    async function writeAll(): Promise<void> {
      writing = true
      let said = false
      while (unwritten !== null && !signal.aborted) {
        const text: string = unwritten
        try {
          await write(text)
          if (unwritten === text) unwritten = null
        } catch (error) {
          notABug(error)
          if (!said)
            log.warn({ where, err: messageOf(error) }, 'the last valid configuration is not written, will retry')
          said = true
          await clock.sleep(RETRY_MS, signal)
        }
      }
      writing = false
    }
    return text => {
      unwritten = text
      if (!writing) void writeAll()
    }
  }

  /** One that cannot be read for a moment is asked again: meanwhile what is older must not come into force. */
  async function readFrom(where: string, read: () => string | null | Promise<string | null>): Promise<string | null> {
    for (let said = false; !signal.aborted; said = true) {
      try {
        return await read()
      } catch (error) {
        notABug(error)
        if (!said) log.warn({ where, err: messageOf(error) }, 'the last valid configuration cannot be read')
        if (!(error instanceof Fault && error.retryable)) return null
        await clock.sleep(READ_RETRY_MS, signal)
      }
    }
    return null
  }

  return {
    async read() {
      // Begun before the wait for the other, after which the file may be closed.
      const ours = readFrom('the ledger’s file', () => file.read())
      const theirs = object === null ? null : await readFrom(object.where, () => object.read())
      return theirs ?? (await ours)
    },
    write(text) {
      writeFile(text)
      writeObject(text)
    },
  }
}
