/** Owns `floatip export`: every allocation, for a spreadsheet or another floatip. */

import type { Command } from 'commander'
import { stringify } from 'csv-stringify/sync'
import { Fault } from '../lib/fault.ts'
import { type Client, PAGE_SIZE, type Page } from './client.ts'
import { acting, type Session, type Surface, withServer } from './command.ts'
import { ANY_KEY } from './ip.ts'
import type { IpItem } from './shapes.ts'

/** Also the columns that `import --from csv` reads. */
const CSV_COLUMNS = ['ip', 'namespace', 'appType', 'appName', 'podName', 'poolName', 'policy', 'status', 'updateTime']

export function exportCommand(program: Command, surface: Surface): void {
  withServer(program.command('export'))
    .description('print every allocation, to be read by other programs or by floatip import')
    .option('--csv', 'comma-separated values with a head line')
    .option('--json', 'JSON (default)')
    .addHelpText('after', '\nExample:\n  floatip export --csv > addresses.csv')
    .action(acting(surface, all))
}

async function all({ client, terminal, progress }: Session, { csv }: { csv?: boolean }): Promise<undefined> {
  const items = await everyRow(client, progress('addresses'))
  if (csv) terminal.out(stringify([...items], { header: true, columns: CSV_COLUMNS }))
  else terminal.out(`${JSON.stringify(items, null, 2)}\n`)
}

/** Page after page from the last address of the one before: what goes or comes meanwhile moves no other row out of sight. */
async function everyRow(client: Client, told: (got: number, total: number) => void): Promise<readonly IpItem[]> {
  const rows: IpItem[] = []
  for (;;) {
    const after = rows.at(-1)?.ip
    const page = await client.get<Page<IpItem>>('/v1/ip', { keyword: ANY_KEY, after, size: PAGE_SIZE })
    if (page.content.some(({ ip }) => ip === after))
      throw new Fault(`${client.server} is of another version: it knows no list from an address on`, {
        retryable: false,
      })
    for (const row of page.content) rows.push(row)
    told(rows.length, rows.length - page.content.length + page.totalElements)
    if (page.last) return rows
  }
}
