/** Owns `floatip completion`: words for the shell, read from the commands themselves. */
import { Argument, type Command, type Option } from 'commander'
import type { Surface } from './command.ts'

const SHELLS = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof SHELLS)[number]

/** Commands by their words (`ip ls`), each with what may follow. */
type Words = ReadonlyMap<string, readonly string[]>

export function completionCommand(program: Command, surface: Surface): void {
  const setUp = SHELLS.map(shell => `  ${SETUP[shell]}`).join('\n')
  program
    .command('completion')
    .description('print the completion script of a shell')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .addHelpText('after', `\nIn the file that the shell reads when it starts:\n${setUp}`)
    .action((shell: Shell) => {
      surface.terminal.out(SCRIPTS[shell](wordsOf(program)))
      surface.done(0)
    })
}

const SETUP: Readonly<Record<Shell, string>> = {
  bash: 'source <(floatip completion bash)',
  zsh: 'source <(floatip completion zsh)',
  fish: 'floatip completion fish | source',
}

function wordsOf(program: Command): Words {
  const words = new Map<string, readonly string[]>()
  function visit(command: Command, path: readonly string[]): void {
    const commands = command.commands.map(child => child.name())
    const options = command.options.filter(option => !option.hidden).flatMap((option: Option) => option.long ?? [])
    const choices = command.registeredArguments.flatMap(argument => argument.argChoices ?? [])
    words.set(path.join(' '), [...commands, ...choices, ...options, '--help'])
    for (const child of command.commands) visit(child, [...path, child.name()])
  }
  visit(program, [])
  return words
}

const SCRIPTS: Readonly<Record<Shell, (words: Words) => string>> = {
  bash: words => `# bash completion for floatip
_floatip() {
  local path="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) ;; *) path="\${path:+$path }$word" ;; esac
  done
  local words=""
  while :; do
    case "$path" in
${cases(words, '      ')}
    esac
    [ -n "$words" ] || [ -z "$path" ] && break
    case "$path" in *" "*) path="\${path% *}" ;; *) path="" ;; esac
  done
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _floatip floatip kubectl-floatip
`,
  zsh: words => `# zsh completion for floatip
autoload -U +X bashcompinit && bashcompinit
${SCRIPTS.bash(words)}`,
  fish: words => `# fish completion for floatip
set -g __floatip_commands ${[...words.keys()].map(path => `'${path}'`).join(' ')}
function __floatip_at
  set -l path ''
  for word in (commandline -opc)
    set -l longer (string trim "$path $word")
    contains -- "$longer" $__floatip_commands; and set path $longer
  end
  test "$path" = "$argv"
end
${[...words].flatMap(fishLines).join('\n')}
`,
}

function cases(words: Words, indent: string): string {
  return [...words].map(([path, next]) => `${indent}"${path}") words="${next.join(' ')}" ;;`).join('\n')
}

/** One line for what follows and one for the options: in a line with options, `-a` would say what follows those. */
function fishLines([path, next]: readonly [string, readonly string[]]): readonly string[] {
  const at = `complete -c floatip -n '__floatip_at ${path}'`
  const words = next.filter(word => !word.startsWith('-'))
  return [...(words.length === 0 ? [] : [`${at} -f -a '${words.join(' ')}'`]), `${at}${longs(next)}`]
}

function longs(next: readonly string[]): string {
  const options = next.filter(word => word.startsWith('--'))
  return options.map(option => ` -l ${option.slice(2)}`).join('')
}
