/** Owns the terminal as the commands see it: where they write, how wide it is, whether it shows colours, and whom they can ask. */
import { createInterface } from 'node:readline/promises'
import { Ansis } from 'ansis'
import { messageOf } from '../lib/fault.ts'

/** Where nobody looks, lines are as long as they are. */
const UNBOUNDED = Number.POSITIVE_INFINITY

export interface Terminal {
  out(text: string): void
  err(text: string): void
  /** Characters in a line; infinite when the output goes to a file or a program. */
  readonly width: number
  readonly paint: Ansis
  /** True when a person can see a progress bar and answer a question. */
  readonly isInteractive: boolean
  /** False once the reader of the output went away, or nothing more can be written. */
  readonly isRead: boolean
  /** Asks a person; anything but y or yes is no. */
  confirm(question: string): Promise<boolean>
}

export interface ProcessTerminal extends Terminal {
  /**
   * Waits until all is written: a pipe takes 64 kB at once, and the rest would end with the process. False: it could not be written, which
   * is told. A reader that went away (`head`) has what it wants.
   */
  end(): Promise<boolean>
}

/** NO_COLOR (no-color.org) turns colours off, FORCE_COLOR on; else only a terminal gets them. */
export function terminalOf(process: NodeJS.Process): ProcessTerminal {
  const { stdout, stderr, stdin, env } = process
  const isColoured = env.NO_COLOR ? false : env.FORCE_COLOR ? env.FORCE_COLOR !== '0' : stdout.isTTY === true
  let lost: NodeJS.ErrnoException | null = null
  stdout.on('error', error => {
    lost ??= error
  })
  return {
    get isRead() {
      return lost === null
    },
    async end() {
      if (lost === null) await new Promise<void>(resolve => void stdout.on('error', () => resolve()).end(resolve))
      const isWhole = lost === null || lost.code === 'EPIPE'
      if (!isWhole) stderr.write(`floatip: the output could not be written: ${messageOf(lost)}\n`)
      await new Promise<void>(resolve => void stderr.on('error', () => resolve()).end(resolve))
      return isWhole
    },
    out: text => void stdout.write(text),
    err: text => void stderr.write(text),
    width: stdout.isTTY ? stdout.columns || 80 : UNBOUNDED,
    paint: new Ansis(isColoured ? 2 : 0),
    isInteractive: stdin.isTTY === true && stderr.isTTY === true,
    async confirm(question) {
      const asking = createInterface({ input: stdin, output: stderr })
      // Ctrl-C ends the program as it does anywhere else, instead of an error of readline.
      asking.once('SIGINT', () => {
        asking.close()
        stderr.write('\n')
        process.kill(process.pid, 'SIGINT')
      })
      try {
        return /^y(es)?$/i.test((await asking.question(`${question} [y/N] `)).trim())
      } catch {
        // Ctrl-D: there will be no answer.
        stderr.write('\n')
        return false
      } finally {
        asking.close()
      }
    },
  }
}
