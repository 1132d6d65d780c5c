/** Owns `floatip import`: what another program recorded is read, tried, shown, and then kept for its owners. */

import { type Command, Option } from 'commander'
import { parse as parseCsv } from 'csv-parse/sync'
import { EXIT, UsageFault } from '../lib/exit.ts'
import { messageOf } from '../lib/fault.ts'
import { ApiFault } from './client.ts'
import { acting, agreed, type Session, type Surface, withServer } from './command.ts'
import { OUT_OF_CIRCULATION } from './ip.ts'
import { readWhole } from './read-file.ts'
import type { OwnerFields } from './shapes.ts'

interface Item {
  readonly ip: string
  readonly key: string
  readonly policy: number
  /** Kept out of circulation: it has no owner for whom to keep it. */
  readonly isWithheld?: true
}

interface Answer {
  readonly done: boolean
  readonly imported: number
  readonly known: number
  readonly conflicts: readonly { readonly ip: string; readonly because: string }[]
  /** Recorded, and not in the cluster yet. */
  readonly waiting: number
}

type Source = 'galaxy' | 'csv' | 'json'

/** As many as the API takes at once: all or none needs one turn for them all. */
const ITEMS_MAX = 50_000
const WITHHELD_SHOWN = 50
const KINDS: Readonly<Record<string, string>> = { statefulset: 'sts', deployment: 'dp' }

export function importCommand(program: Command, surface: Surface): void {
  withServer(program.command('import <file>'))
    .description('keep addresses for the owners that another program recorded; tried first, all or none')
    .addOption(
      new Option(
        '--from <program>',
        'what wrote the file: galaxy (kubectl get fip -o json), csv or json (floatip export); the file - is the standard input',
      )
        .choices(['galaxy', 'csv', 'json'])
        .makeOptionMandatory(),
    )
    .option('--dry-run', 'only say what would be done', false)
    .option('--yes', 'do not ask', false)
    .addHelpText('after', '\nExample:\n  kubectl get fip -o json | floatip import --from galaxy --dry-run -')
    .action(acting(surface, take))
}

async function take(session: Session, file: string, options: { from: Source; dryRun: boolean; yes: boolean }) {
  const { terminal, client, progress } = session
  const read = READERS[options.from](readWhole(file), file)
  const withheld = read.filter(({ isWithheld }) => isWithheld === true)
  const items = read.filter(({ isWithheld }) => isWithheld !== true)
  // Released with its pod: a running pod's address is recorded from its annotation, and another's is free.
  const kept = items.filter(({ policy }) => policy !== 0)
  if (kept.length > ITEMS_MAX) {
    throw new UsageFault(
      `${file} has ${kept.length} addresses to keep, and at most ${ITEMS_MAX} are taken at once, all or none: split it`,
    )
  }
  const send = async (dryRun: boolean) => {
    try {
      return (await client.send<Answer>('POST', '/v1/import', { dryRun, items: kept })).body
    } catch (error) {
      const overtaken = error instanceof ApiFault && error.status === 409
      if (!overtaken) throw error
      throw new ApiFault(
        409,
        'nothing was imported: something came in between; import again to see what stands against it',
      )
    }
  }
  const tried = await send(true)

  for (const { ip, because } of tried.conflicts) terminal.err(`${ip}: ${because}\n`)
  const skipped = items.length - kept.length
  terminal.err(`${tried.imported} new, ${tried.known} known already, `)
  terminal.err(`${skipped} not kept (they go with their pod or reservation), ${tried.conflicts.length} in conflict\n`)
  if (withheld.length > 0) terminal.err(withheldText(withheld.map(({ ip }) => ip)))
  if (tried.conflicts.length > 0) {
    terminal.err('nothing was imported: take what is in conflict out of the file, or release it here\n')
    return EXIT.notAll
  }
  if (options.dryRun || tried.imported + tried.waiting === 0) return EXIT.ok
  if (!options.yes && tried.imported > 0) {
    if (!(await agreed(terminal, 'Import them?'))) return EXIT.notAll
  }
  const { imported, waiting } = await send(false)
  const left = await replicated(waiting, () => send(false), progress('written to the cluster'))
  terminal.out(`${imported} imported\n`)
  if (left === 0) return EXIT.ok
  terminal.err(
    `${left} of them are recorded here and not in the cluster yet: is the API server well? Import again to wait for them\n`,
  )
  return EXIT.notAll
}

/** With the command that keeps them out here too. */
function withheldText(ips: readonly string[]): string {
  const more = ips.length > WITHHELD_SHOWN ? ` … and ${ips.length - WITHHELD_SHOWN} more` : ''
  const command = `floatip ip reserve ${ips.slice(0, WITHHELD_SHOWN).join(' ')}${more}`
  return `${ips.length} kept out of circulation there, which is not imported: ${command}\n`
}

/** Asks again, which waits, as long as it gets less; how many are left. */
async function replicated(
  first: number,
  again: () => Promise<Answer>,
  told: (done: number, total: number) => void,
): Promise<number> {
  let left = first
  while (left > 0) {
    told(first - left, first)
    const { waiting } = await again()
    if (waiting >= left) return waiting
    left = waiting
  }
  return 0
}

interface GalaxyObject {
  readonly metadata?: { readonly name?: string; readonly labels?: Readonly<Record<string, string>> }
  readonly spec?: { readonly key?: string; readonly policy?: number }
}

const READERS: Readonly<Record<Source, (text: string, file: string) => readonly Item[]>> = {
  galaxy(text, file) {
    const { items } = (json(text, file) ?? {}) as { items?: readonly (GalaxyObject | null)[] }
    if (!Array.isArray(items)) throw new UsageFault(`${file} is no list of FloatingIP objects`)
    return items.map((object: GalaxyObject | null, at) => {
      const { metadata, spec } = object ?? {}
      const { key, policy } = spec ?? {}
      const name = metadata?.name
      if (name === undefined || key === undefined) throw new UsageFault(`${file}: items[${at}] has no name or key`)
      // Names of IPv6 objects have `-` for `:`.
      const ip = name.includes('.') ? name : name.replaceAll('-', ':')
      const isReserved = metadata?.labels?.reserved !== undefined
      return { ip, key, policy: policy ?? 0, ...(isReserved && { isWithheld: true }) }
    })
  },
  csv(text, file) {
    try {
      const columns = (names: string[]) => {
        for (const needed of ['ip', 'policy']) {
          if (!names.includes(needed)) throw new Error(`it has no column ${needed}`)
        }
        return names
      }
      if (text.trim() === '') throw new Error('it is empty')
      const rows = parseCsv(text, { columns, skip_empty_lines: true, trim: true }) as Record<string, string>[]
      // An empty cell would be the number 0, and its address left out.
      return rows.map((row, at) => item({ ...row, policy: Number(row.policy || Number.NaN) }, `${file}, row ${at + 1}`))
    } catch (error) {
      if (error instanceof UsageFault) throw error
      throw new UsageFault(`${file} is no CSV with a head line: ${messageOf(error)}`, error)
    }
  },
  json(text, file) {
    const rows = json(text, file)
    if (!Array.isArray(rows)) throw new UsageFault(`${file} is no JSON array: floatip export --json writes one`)
    return rows.map((row, at) => item(row ?? {}, `${file}, element ${at}`))
  },
}

function json(text: string, file: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new UsageFault(`${file} is not JSON: ${messageOf(error)}`, error)
  }
}

function item(row: OwnerFields & { readonly ip?: string; readonly policy?: number }, where: string): Item {
  const { ip, namespace, appType = '', appName = '', podName = '', poolName, policy } = row
  if (!ip) throw new UsageFault(`${where}: ip is missing`)
  if (policy === undefined || ![0, 1, 2].includes(policy)) {
    throw new UsageFault(`${where}: policy must be 0, 1 (immutable) or 2 (never)`)
  }
  if (appType === OUT_OF_CIRCULATION) return { ip, key: '', policy, isWithheld: true }
  const pool = poolName ? `pool__${poolName}_` : ''
  const own = namespace ? `${KINDS[appType] ?? appType}_${namespace}_${appName}_${podName}` : ''
  if (pool === '' && own === '') throw new UsageFault(`${where}: it names neither a namespace nor a pool`)
  return { ip, key: `${pool}${own}`, policy }
}
