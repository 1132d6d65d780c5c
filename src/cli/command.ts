/** Owns what every command for people shares: the server, the format, and how a result becomes an exit code. */

import cliProgress from 'cli-progress'
import { type Command, Option } from 'commander'
import { UsageFault } from '../lib/exit.ts'
import { type Client, clientOf, SERVER_DEFAULT } from './client.ts'
import { FORMATS, type Format } from './show.ts'
import type { Terminal } from './terminal.ts'

export interface Session {
  readonly terminal: Terminal
  readonly client: Client
  readonly format: Format
  /** Shown to a person while something long goes on. */
  progress(what: string): (done: number, total: number) => void
}

export interface Surface {
  readonly terminal: Terminal
  /** Called with the exit code. */
  done(code: number): void
}

/** A command that asks the API. */
export function withServer(command: Command): Command {
  return command.addOption(
    new Option('--server <url>', 'the HTTP API of floatip').env('FLOATIP_SERVER').default(SERVER_DEFAULT),
  )
}

/** One whose answer is something to look at. */
export function withOutput(command: Command): Command {
  return withServer(command).addOption(
    new Option('-o, --output <format>', 'how to print').choices([...FORMATS]).default('table'),
  )
}

/** True when a person agrees; `--yes` is for where nobody can be asked. */
export async function agreed(terminal: Terminal, question: string, otherwise = ''): Promise<boolean> {
  if (!terminal.isInteractive) throw new UsageFault(`${otherwise}say --yes where nobody can be asked`)
  return await terminal.confirm(question)
}

/** A script's variable that is not set would ask for everything, or release it: the API takes an empty filter for none. */
function refuseEmpty(command: Command): void {
  const isEmpty = (value: unknown) => [value].flat().includes('')
  const typed = command.options.filter(option => command.getOptionValueSource(option.attributeName()) === 'cli')
  const empty =
    command.registeredArguments.find((_, at) => isEmpty(command.processedArgs[at]))?.name() ??
    typed.find(option => isEmpty(command.getOptionValue(option.attributeName())))?.long
  if (empty !== undefined) throw new UsageFault(`${empty} is empty: is a variable not set?`)
}

/** Runs it with what the options say. Whatever it throws is told by the caller of the program. */
export function acting(
  { terminal, done }: Surface,
  act: (session: Session, ...args: never[]) => Promise<number | undefined>,
): (...args: unknown[]) => Promise<void> {
  return async (...args) => {
    const command = args.pop() as Command
    refuseEmpty(command)
    const { server, output = 'table' } = command.opts<{ server: string; output?: Format }>()
    const bars: { stop(): void }[] = []
    const session: Session = {
      terminal,
      client: clientOf(server),
      format: output,
      progress(what) {
        if (!terminal.isInteractive) return () => {}
        const format = `${what} {bar} {value}/{total}`
        const bar = new cliProgress.SingleBar({ format, clearOnComplete: true, hideCursor: true })
        bars.push(bar)
        let started = false
        return (value, total) => {
          // Short work shows none.
          if (!started && value < total) bar.start(total, value)
          started ||= value < total
          if (started) bar.update(value)
        }
      },
    }
    try {
      const waitsFor = session.client.waitsFor()
      const code = (await act(session, ...(args as never[]))) ?? 0
      const waiting = await waitsFor
      if (waiting !== null) {
        terminal.err(`warning: floatip is not ready (${waiting}): this is from its own ledger, and may be old\n`)
      }
      done(code)
    } finally {
      for (const bar of bars) bar.stop()
    }
  }
}
