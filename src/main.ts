/** Owns the command line: how it is read, and what its failures mean for the shell. */
import { basename } from 'node:path'
import { CommanderError } from 'commander'
import { terminalOf } from './cli/terminal.ts'
import { exitCodeOf } from './commands/exit.ts'
import { withDashes } from './commands/galaxy-flags.ts'
import { programOf } from './commands/program.ts'
import { EXIT } from './lib/exit.ts'
import { Fault, messageOf } from './lib/fault.ts'

/** The binary itself when compiled, else the runtime with this file. */
function ourselves(): string[] {
  return Bun.main.startsWith('/$bunfs/') ? [process.execPath] : [process.execPath, Bun.main]
}

/** As a plugin it is found by this name, which may be a link, and called `kubectl floatip …`. */
const isPlugin = basename(process.argv0).startsWith('kubectl-floatip')

/** Options of the commands that ask a server, for those who write them first, as kubectl allows. */
const ASKING = ['--server', '-o', '--output']

/** galaxy-ipam has no commands: a flag in the first place means serve. */
function withCommand(args: readonly string[]): readonly string[] {
  const [first = ''] = args
  const [name = ''] = first.split('=')
  if (ASKING.includes(name)) {
    const count = first === name ? 2 : 1
    return [...withCommand(args.slice(count)), ...args.slice(0, count)]
  }
  const isFlag = !isPlugin && first.startsWith('-') && !['-h', '--help', '--version'].includes(first)
  const named = isFlag ? ['serve', ...args] : args
  return named[0] === 'serve' ? withDashes(named) : named
}

const terminal = terminalOf(process)

async function run(): Promise<number> {
  let code: number = EXIT.ok
  const args = withCommand(process.argv.slice(2))
  const cli = programOf(isPlugin ? 'kubectl floatip' : 'floatip', ourselves(), {
    terminal,
    done(result) {
      code = result
    },
  })
  if (args.length === 0) {
    cli.outputHelp()
    return EXIT.usage
  }
  try {
    await cli.parseAsync(args, { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    if (!(error instanceof Fault)) throw error
    process.stderr.write(`floatip: ${messageOf(error)}\n`)
    return exitCodeOf(error)
  }
}

const code = await run()
process.exit((await terminal.end()) ? code : code || EXIT.failed)
