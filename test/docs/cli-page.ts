/** Owns docs/reference/cli.md: what it says of each command is read from the command itself. */
import type { EventEmitter } from 'node:events'
import type { Command, Option } from 'commander'
import { FORMATS, type Format } from '../../src/cli/show.ts'
import { EXITS } from '../../src/lib/exit.ts'

const MEANS: Readonly<Record<Format, string>> = {
  table:
    'a table as wide as the terminal (longer texts are cut with `…`; nothing is cut in a pipe), or `field  value` lines for one thing',
  wide: 'the table with more columns',
  json: 'what the [HTTP API](api.md) answered, all pages of it',
  yaml: 'the same as YAML',
  name: 'one name a line: addresses, pools, ids; for `xargs`',
}

export const ENVIRONMENT: Readonly<Record<string, string>> = {
  FLOATIP_SERVER: 'the HTTP API, where `--server` is not given',
  NO_COLOR: 'not empty: no colours ([no-color.org](https://no-color.org))',
  FORCE_COLOR: 'not empty and not `0`: colours also where the output is no terminal',
  KUBERNETES_SERVICE_HOST: '`serve` in a pod, without `--kubeconfig` and `--master`: the API server; set by Kubernetes',
  KUBERNETES_SERVICE_PORT: 'the port of the same',
}

/** Options of all commands that ask the API: said once, not with each. */
const SHARED = ['--server', '--output']

export function cliPage(program: Command): string {
  const all = leavesOf(program)
  const shared = all.flatMap(command => command.options).filter(option => SHARED.includes(option.long ?? ''))
  const once = SHARED.flatMap(long => shared.find(option => option.long === long) ?? [])
  return `# Command line

<!-- Generated from the commands by \`bun run docs\`; a test fails when it is not up to date. -->

One binary: the server (\`floatip serve\`), and the commands that ask it over the [HTTP API](api.md). What they print looks like in
[the transcripts](../transcripts/cli.md).

| command | what |
|---|---|
${all.map(command => `| [\`${lineOf(command)}\`](#${anchor(command)}) | ${cell(command.description())} |`).join('\n')}

\`floatip <command> --help\` says the same in the terminal. A command line that starts with a flag means \`serve\`: galaxy-ipam's manifests start
floatip unchanged. \`floatip completion bash|zsh|fish\` prints the completion script of a shell.

## Options of every command that asks the API

${options(once)}

The API listens on port 9041 of floatip's pod. The default fits inside of it (\`kubectl -n kube-system exec deploy/floatip -- floatip ip ls\`), and
outside after \`kubectl -n kube-system port-forward deploy/floatip 9041\`. Long lists are fetched page by page; on a terminal, work that takes longer shows its progress on standard error. What is printed for
programs goes to standard output, everything else (warnings, questions, "no address matches") to standard error.

## Output formats

| \`-o\` | prints |
|---|---|
${FORMATS.map(format => `| \`${format}\` | ${MEANS[format]} |`).join('\n')}

Addresses stand in every format as they are written in the configuration, times as RFC 3339 in UTC.

## Environment

| variable | meaning |
|---|---|
${Object.entries(ENVIRONMENT)
  .map(([name, means]) => `| \`${name}\` | ${means} |`)
  .join('\n')}

## Exit codes

| code | meaning |
|---|---|
${EXITS.map(([code, means]) => `| ${code} | ${means} |`).join('\n')}

\`floatip plan drain node-7 && kubectl drain node-7\` therefore drains only when no pod would wait for its address.

## kubectl plugin

Under the name \`kubectl-floatip\` on \`PATH\`, the same binary is a plugin: \`ln -s "$(which floatip)" ~/bin/kubectl-floatip\`, then
\`kubectl floatip ip ls\`. It talks to the HTTP API like \`floatip\` does, not through the kubeconfig: forward the port first.
${all.map(section).join('')}`
}

/** Those that do something themselves. */
function leavesOf(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leavesOf)
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`
}

function lineOf(command: Command): string {
  const given = command.registeredArguments.map(argument => {
    const name = `${argument.name()}${argument.variadic ? '...' : ''}`
    return argument.required ? `<${name}>` : `[${name}]`
  })
  return [pathOf(command), ...given].join(' ')
}

function anchor(command: Command): string {
  return pathOf(command).replaceAll(' ', '-')
}

function section(command: Command): string {
  const own = command.options.filter(option => !option.hidden && !SHARED.includes(option.long ?? ''))
  const parts = [`\n## ${pathOf(command)}\n`, `\`${lineOf(command)}\`: ${command.description()}.`]
  if (own.length > 0) parts.push('', options(own))
  const more = afterHelp(command)
  if (more !== '') parts.push('', more)
  if (command.name() === 'serve')
    parts.push('', 'More of each, and of the file of `--config`: [flags and files](flags.md).')
  return `${parts.join('\n')}\n`
}

function options(list: readonly Option[]): string {
  const rows = list.map(option => `| ${cell(`\`${option.flags}\``)} | ${cell(describe(option))} |`)
  return ['| option | meaning |', '|---|---|', ...rows].join('\n')
}

function describe({ description, argChoices, defaultValue, defaultValueDescription, envVar }: Option): string {
  const otherwise = defaultValueDescription ?? (defaultValue === false ? undefined : defaultValue)
  const more = [
    argChoices === undefined ? '' : argChoices.map(choice => `\`${choice}\``).join(', '),
    otherwise === undefined ? '' : `default \`${otherwise}\``,
    envVar === undefined ? '' : `or \`${envVar}\``,
  ].filter(Boolean)
  return more.length === 0 ? description : `${description} (${more.join('; ')})`
}

/** What --help says below the options: sentences stay, indented lines are examples. */
function afterHelp(command: Command): string {
  const parts: string[] = []
  // It is an EventEmitter, which its types do not tell.
  ;(command as unknown as EventEmitter).emit('afterHelp', {
    error: false,
    command,
    write: (part: string) => void parts.push(part),
  })
  const text = parts.join('')
  const examples = text.split('\n').filter(line => line.startsWith('  '))
  const sentences = text.split('\n').filter(line => line !== '' && !line.startsWith('  ') && !/^Examples?:$/.test(line))
  return [
    sentences.join(' '),
    examples.length === 0 ? '' : ['```sh', ...examples.map(line => line.slice(2)), '```'].join('\n'),
  ]
    .filter(Boolean)
    .join('\n\n')
}

/** Within a cell `|` ends it, and `<name>` would be a tag; between backticks it is none. */
function cell(text: string): string {
  return text
    .split(/(`[^`]*`)/)
    .map(part => (part.startsWith('`') ? part : part.replaceAll('<', '\\<')).replaceAll('|', '\\|'))
    .join('')
}
