/** Owns how these tests type a command: the real commands, the real API on a loopback port, a terminal that remembers. */
import { Ansis } from 'ansis'
import { Command, CommanderError } from 'commander'
import { withPeopleCommands } from '../../src/cli/cli.ts'
import { exitCodeOf } from '../../src/commands/exit.ts'
import { validateConfiguration } from '../../src/commands/validate.ts'
import { EXIT } from '../../src/lib/exit.ts'
import { Fault, messageOf } from '../../src/lib/fault.ts'
import type { World } from '../app/world.ts'

export interface Typed {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface Sitting {
  readonly width?: number
  readonly colours?: boolean
  /** What the person answers; undefined: nobody is there. */
  readonly answer?: boolean
}

/** Types `floatip <line>`; words are separated by blanks; `␣` is a blank within one, `∅` one that is empty. */
export async function type(server: string, line: string, sitting: Sitting = {}): Promise<Typed> {
  let out = ''
  let err = ''
  let code: number = EXIT.ok
  const program = new Command('floatip').exitOverride().configureOutput({
    writeOut: text => {
      out += text
    },
    writeErr: text => {
      err += text
    },
  })
  const terminal = {
    out(text: string) {
      out += text
    },
    err(text: string) {
      err += text
    },
    width: sitting.width ?? Number.POSITIVE_INFINITY,
    paint: new Ansis(sitting.colours ? 2 : 0),
    isRead: true,
    isInteractive: sitting.answer !== undefined,
    async confirm(question: string) {
      err += `${question}\n`
      return sitting.answer === true
    },
  }
  const done = (result: number) => {
    code = result
  }
  withPeopleCommands(program, { terminal, done }, validateConfiguration)
  const words = line
    .split(' ')
    .filter(Boolean)
    .map(word => word.replaceAll('␣', ' ').replaceAll('∅', ''))
  const isLocal = ['config validate', 'completion'].some(local => line.startsWith(local))
  try {
    await program.parseAsync(words.includes('--server') || isLocal ? words : [...words, '--server', server], {
      from: 'user',
    })
  } catch (error) {
    if (error instanceof CommanderError) return { code: error.exitCode === 0 ? EXIT.ok : EXIT.usage, out, err }
    if (!(error instanceof Fault)) throw error
    return { code: exitCodeOf(error), out, err: `${err}floatip: ${messageOf(error)}\n` }
  }
  return { code, out, err }
}

/** The world's API on a port. */
export function serveApi(world: World): { readonly url: string; stop(): void } {
  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: request => world.apiPort.handle(request) })
  return { url: `http://127.0.0.1:${server.port}`, stop: () => void server.stop(true) }
}
