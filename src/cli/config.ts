/** Owns `floatip config`: the configuration in force, and the check of one before it is applied. */

import type { Command } from 'commander'
import { parseAllDocuments } from 'yaml'
import { EXIT, UsageFault } from '../lib/exit.ts'
import { acting, type Session, type Surface, withOutput } from './command.ts'
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

/** A file that is something else altogether has dozens. */
const PROBLEMS_SHOWN = 20

/** What the server would say of a text with the entries. */
export type Validate = (
  text: string,
) =>
  | { readonly ok: true; readonly entries: number; readonly addresses: number; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly problems: readonly string[] }

export function configCommands(program: Command, surface: Surface, validate: Validate): void {
  const config = program.command('config').description('the address configuration')
  withOutput(config.command('show'))
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
    for (const problem of found.problems.slice(0, PROBLEMS_SHOWN)) terminal.err(`${file}: ${problem}\n`)
    const more = found.problems.length - PROBLEMS_SHOWN
    if (more > 0) terminal.err(`and ${more} more\n`)
    return EXIT.failed
  }
  for (const warning of found.warnings) terminal.err(`${file}: warning: ${warning}\n`)
  terminal.out(`${file}: valid; entries: ${found.entries}, addresses: ${found.addresses}\n`)
  return 0
}

/** What of a manifest, or of the config file, is read here. */
interface Part {
  readonly kind?: unknown
  readonly data?: Readonly<Record<string, unknown>>
  readonly items?: readonly unknown[]
  readonly schedule_plugin?: { readonly floatingips?: unknown }
}

/** The entries as JSON text, wherever in the file they are. */
export function entriesIn(file: string, key: string): string {
  const text = readWhole(file)
  const parts = partsOf(text)
  const maps = parts.filter(({ kind }) => kind === 'ConfigMap')
  if (maps.length > 0) {
    const value = maps.map(({ data }) => data?.[key]).find(each => typeof each === 'string')
    if (typeof value === 'string') return value
    throw new UsageFault(`${file}: the ConfigMap has no key ${key} (--key names another)`)
  }
  const inFile = parts[0]?.schedule_plugin?.floatingips
  return inFile === undefined ? text : JSON.stringify(inFile)
}

/** The objects of a manifest, those in a list of kubectl's too. None: the reader of the configuration says what is wrong with the text. */
function partsOf(text: string): readonly Part[] {
  const documents = parseAllDocuments(text)
  if (!Array.isArray(documents) || documents.some(({ errors }) => errors.length > 0)) return []
  const objects = documents.map(document => document.toJS() as unknown).filter(isObject)
  return objects.flatMap(object => (object.kind === 'List' ? (object.items ?? []).filter(isObject) : [object]))
}

function isObject(value: unknown): value is Part {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
