/** Owns `floatip config`: the configuration in force, and the check of one before it is applied. */

import type { Command } from 'commander'
import { parse } from 'yaml'
import { UsageFault } from '../lib/exit.ts'
import { acting, type Session, type Surface, withServer } from './command.ts'
import { readWhole } from './read-file.ts'
import { showFields, showRaw } from './show.ts'

interface InForce {
  readonly source: string
  readonly since?: string
  readonly entries: number
  readonly addresses: number
  readonly warnings: readonly string[]
  readonly floatingips?: readonly unknown[]
  readonly rejected?: { readonly at: string; readonly because: string }
}

/** What the server would say of a text with the entries. */
export type Validate = (
  text: string,
) =>
  | { readonly ok: true; readonly entries: number; readonly addresses: number; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly problems: readonly string[] }

export function configCommands(program: Command, surface: Surface, validate: Validate): void {
  const config = program.command('config').description('the address configuration')
  withServer(config.command('show'))
    .description('what is in force, since when, and what was refused last')
    .action(acting(surface, show))
  config
    .command('validate <file>')
    .description('check a configuration without a server: the JSON array, a ConfigMap, or the config file')
    .option('--key <name>', 'key of the ConfigMap', 'floatingips')
    .addHelpText('after', '\nExample:\n  floatip config validate floatingip-config.yaml')
    .action((file: string, { key }: { key: string }) => surface.done(check(surface, file, key, validate)))
}

async function show({ client, terminal, format }: Session): Promise<undefined> {
  const found = await client.get<InForce>('/v1/config')
  showFields(terminal, format, found, found.source, [
    ['Source', found.source],
    ['Since', found.since ?? 'nothing is in force yet'],
    ['Entries', found.entries],
    ['Addresses', found.addresses],
    ...found.warnings.map(warning => ['Warning', warning] as const),
    ['Refused', found.rejected && `${found.rejected.at}: ${found.rejected.because}`],
  ])
  if (format === 'table' || format === 'wide') {
    terminal.out('\n')
    showRaw(terminal, 'json', found.floatingips ?? [])
  }
}

function check({ terminal }: Surface, file: string, key: string, validate: Validate): number {
  const found = validate(entriesIn(file, key))
  if (!found.ok) {
    for (const problem of found.problems) terminal.err(`${file}: ${problem}\n`)
    return 1
  }
  for (const warning of found.warnings) terminal.err(`${file}: warning: ${warning}\n`)
  terminal.out(`${file}: valid, ${found.entries} entries with ${found.addresses} addresses\n`)
  return 0
}

/** The entries as JSON text, wherever in the file they are. */
export function entriesIn(file: string, key: string): string {
  const text = readWhole(file)
  let document: unknown
  try {
    document = parse(text)
  } catch {
    return text // The reader of the configuration says what is wrong with it.
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return text
  const { kind, data, schedule_plugin: plugin } = document as Record<string, Record<string, unknown> | undefined>
  if ((kind as unknown) === 'ConfigMap') {
    const value = data?.[key]
    if (typeof value === 'string') return value
    throw new UsageFault(`${file}: the ConfigMap has no key ${key} (--key names another)`)
  }
  return plugin?.floatingips === undefined ? text : JSON.stringify(plugin.floatingips)
}
