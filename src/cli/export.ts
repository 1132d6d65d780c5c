/** Owns `floatip export`: every allocation, for a spreadsheet or another floatip. */

import type { Command } from 'commander'
import { stringify } from 'csv-stringify/sync'
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
  const items = await client.all<IpItem>('/v1/ip', { keyword: ANY_KEY }, progress('addresses'))
  if (csv) terminal.out(stringify([...items], { header: true, columns: CSV_COLUMNS }))
  else terminal.out(`${JSON.stringify(items, null, 2)}\n`)
}
