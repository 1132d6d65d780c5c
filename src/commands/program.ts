/** Owns which commands there are, and what each one starts. */
import { Command } from 'commander'
import { withPeopleCommands } from '../cli/cli.ts'
import type { Surface } from '../cli/command.ts'
import { runDemo } from '../demo/demo.ts'
import { EXIT, EXIT_HELP } from '../lib/exit.ts'
import { readServeOptions, withServeOptions } from './options.ts'
import { restoreCommand } from './restore.ts'
import { serve } from './serve.ts'
import { validateConfiguration } from './validate.ts'
import { COMMIT, VERSION } from './version.ts'

/** `name`: as it is called. `itself`: the words that start this program once more. */
export function programOf(name: string, itself: readonly string[], surface: Surface): Command {
  const { done, terminal } = surface
  const floatip = new Command(name)
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
      done(await runDemo({ ...options, serveCommand: [...itself, 'serve'] })),
    )
  floatip
    .command('version')
    .description('print the version')
    .action(() => {
      terminal.out(`floatip ${VERSION} (${COMMIT}), Bun ${Bun.version}\n`)
      done(EXIT.ok)
    })
  restoreCommand(floatip, done)
  withPeopleCommands(floatip, surface, validateConfiguration)
  return floatip
}
