/** Owns the command line: which commands there are, and what their failures mean for the shell. */
import { basename } from 'node:path'
import { Command, CommanderError } from 'commander'
import { withPeopleCommands } from './cli/cli.ts'
import { terminalOf } from './cli/terminal.ts'
import { exitCodeOf } from './commands/exit.ts'
import { withDashes } from './commands/galaxy-flags.ts'
import { readServeOptions, withServeOptions } from './commands/options.ts'
import { restoreCommand } from './commands/restore.ts'
import { serve } from './commands/serve.ts'
import { validateConfiguration } from './commands/validate.ts'
import { COMMIT, VERSION } from './commands/version.ts'
import { runDemo } from './demo/demo.ts'
import { EXIT, EXIT_HELP } from './lib/exit.ts'
import { Fault, messageOf } from './lib/fault.ts'

/** The binary itself when compiled, else the runtime with this file. */
function ourselves(): string[] {
  return Bun.main.startsWith('/$bunfs/') ? [process.execPath] : [process.execPath, Bun.main]
}

/** As a plugin it is found by this name, and called `kubectl floatip …`. */
const isPlugin = basename(process.execPath).startsWith('kubectl-floatip')

function program(done: (code: number) => void): Command {
  const floatip = new Command(isPlugin ? 'kubectl floatip' : 'floatip')
    .description('Fixed IP addresses for Kubernetes pods: they stay with their workload when pods move.')
    .version(`floatip ${VERSION} (${COMMIT})`, '--version', 'print the version')
    .addHelpText('after', `${EXIT_HELP}\n\nA command line that starts with a flag means "serve".`)
    .exitOverride()
  withServeOptions(floatip.command('serve').description('serve the scheduler extender and the HTTP API'))
    .exitOverride()
    .action(async (_flags, command: Command) => done(await serve(readServeOptions(command))))
  floatip
    .command('demo')
    .description('a miniature cluster in this process, and a story that shows what floatip does')
    .option('--keep', 'leave the cluster and floatip running at the end, and print how to look at them', false)
    .option('--fast', 'without pauses', false)
    .option('--stage <dir>', 'only run the miniature cluster, its files in this directory')
    .option('--scheduler-config <file>', 'KubeSchedulerConfiguration with the extender, for --stage')
    .exitOverride()
    .action(async (options: { keep: boolean; fast: boolean; stage?: string; schedulerConfig?: string }) =>
      done(await runDemo({ ...options, serveCommand: [...ourselves(), 'serve'] })),
    )
  floatip
    .command('version')
    .description('print the version')
    .action(() => {
      process.stdout.write(`floatip ${VERSION} (${COMMIT}), Bun ${Bun.version}\n`)
      done(EXIT.ok)
    })
  restoreCommand(floatip, done)
  withPeopleCommands(floatip, { terminal: terminalOf(process), done }, validateConfiguration)
  return floatip
}

/** galaxy-ipam has no commands: a flag in the first place means serve. */
function withCommand(args: readonly string[]): readonly string[] {
  const first = args[0]
  const isFlag = !isPlugin && first?.startsWith('-') && !['-h', '--help', '--version'].includes(first)
  const named = isFlag ? ['serve', ...args] : args
  return named[0] === 'serve' ? withDashes(named) : named
}

async function run(): Promise<number> {
  let code: number = EXIT.ok
  const args = withCommand(process.argv.slice(2))
  const cli = program(result => {
    code = result
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

process.exit(await run())
