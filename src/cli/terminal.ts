/** Owns the terminal as the commands see it: where they write, how wide it is, whether it shows colours, and whom they can ask. */
import { createInterface } from 'node:readline/promises'
import { Ansis } from 'ansis'

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
  /** Asks a person; anything but y or yes is no. */
  confirm(question: string): Promise<boolean>
}

/** NO_COLOR (no-color.org) turns colours off, FORCE_COLOR on; else only a terminal gets them. */
export function terminalOf(process: NodeJS.Process): Terminal {
  const { stdout, stderr, stdin, env } = process
  const isColoured = env.NO_COLOR ? false : env.FORCE_COLOR ? env.FORCE_COLOR !== '0' : stdout.isTTY === true
  return {
    out: text => void stdout.write(text),
    err: text => void stderr.write(text),
    width: stdout.isTTY ? stdout.columns || 80 : UNBOUNDED,
    paint: new Ansis(isColoured ? 2 : 0),
    isInteractive: stdin.isTTY === true && stderr.isTTY === true,
    async confirm(question) {
      const asking = createInterface({ input: stdin, output: stderr })
      try {
        return /^y(es)?$/i.test((await asking.question(`${question} [y/N] `)).trim())
      } finally {
        asking.close()
      }
    },
  }
}
