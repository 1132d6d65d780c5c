/** Owns the flags that galaxy-ipam's manifests may have and that change little or nothing here: klog's, and the kind of its lock. */
import { type Command, InvalidArgumentError, Option } from 'commander'

/** Where klog's lines go and how they look is not ours to follow: they go to standard error, as --log-format says. */
const KLOG_FLAGS = [
  '--alsologtostderr [bool]',
  '--vmodule <pattern>',
  '--log-dir <dir>',
  '--log-file <file>',
  '--log-file-max-size <size>',
  '--log-backtrace-at <where>',
  '--stderrthreshold <level>',
  '--log-flush-frequency <duration>',
  '--skip-headers [bool]',
  '--skip-log-headers [bool]',
  '--add-dir-header [bool]',
  '--one-output [bool]',
]

export function withGalaxyFlags(command: Command): Command {
  command
    .option('-v, --v <level>', 'klog verbosity: 4 and more is debug', readVerbosity)
    .option(
      '--logtostderr [bool]',
      'accepted as klog’s, like its other flags; logs always go to standard error',
      readBool,
    )
    .option('--leader-elect-resource-lock <kind>', 'accepted as galaxy-ipam’s: the lock is a Lease')
  for (const flags of KLOG_FLAGS) {
    const option = new Option(flags, 'accepted as klog’s').hideHelp()
    command.addOption(flags.includes('[bool]') ? option.argParser(readBool) : option)
  }
  return command
}

/** An older galaxy-ipam locks an Endpoints or ConfigMap: that lock is honoured, and not held by us. */
export function notYet(command: Command): readonly string[] {
  const { leaderElect, leaderElectResourceLock: lock } = command.opts<{
    leaderElect: boolean
    leaderElectResourceLock?: string
  }>()
  const isLease = lock === undefined || lock === 'leases'
  return isLease || !leaderElect ? [] : [`--leader-elect-resource-lock=${lock}`]
}

/** galaxy-ipam takes `_` for `-` in the names of flags: klog's own are written so. */
export function withDashes(args: readonly string[]): readonly string[] {
  return args.map(arg => arg.replace(/^--[^=]+/, name => name.replaceAll('_', '-')))
}

/** Go's form of booleans: `--flag`, `--flag=true`, `--flag=false`. */
export function readBool(text: string): boolean {
  if (/^(true|1|t|on|yes)$/i.test(text)) return true
  if (/^(false|0|f|off|no)$/i.test(text)) return false
  throw new InvalidArgumentError('use true or false.')
}

function readVerbosity(text: string): number {
  // `-v=3` arrives with its `=`.
  const digits = text.replace(/^=/, '')
  if (/^\d+$/.test(digits)) return Number(digits)
  throw new InvalidArgumentError('use a whole number such as 3.')
}
