/** Owns `floatip ip reserve` and `unreserve`: addresses for an app before its pods exist, or for nobody. */

import type { Command } from 'commander'
import { EXIT } from '../lib/exit.ts'
import { Fault } from '../lib/fault.ts'
import { parseAge } from './age.ts'
import { wholeNumber } from './arguments.ts'
import { acting, type Session, type Surface, withServer } from './command.ts'
import { ownerText } from './ip.ts'
import type { OwnerFields } from './shapes.ts'
import { type Shape, showList } from './show.ts'

interface Reservation {
  readonly id: string
  readonly madeBy: string
  readonly outOfCirculation: boolean
  readonly expiresAt?: string
  readonly note?: string
  readonly addresses: readonly (OwnerFields & { readonly ip: string; readonly state: string })[]
}

interface ReserveOptions {
  readonly app?: string
  readonly kind?: string
  readonly namespace?: string
  readonly pool?: string
  readonly count?: string
  readonly range?: readonly string[]
  readonly contiguous?: boolean
  readonly firstOrdinal?: string
  readonly for?: string
  readonly note?: string
}

export function reserveCommands(ip: Command, surface: Surface): void {
  withServer(ip.command('reserve [addresses...]'))
    .description('keep addresses for an app before its pods exist, or out of circulation')
    .option('--app <name>', 'for the pods of this workload')
    .option('--kind <kind>', 'of the workload', 'statefulset')
    .option('--namespace <name>', 'of the workload')
    .option('--pool <name>', 'for this named pool')
    .option('--count <n>', 'how many')
    .option('--range <range...>', 'from these ranges only')
    .option('--contiguous', 'neighbouring addresses')
    .option('--first-ordinal <n>', 'number of the first pod')
    .option('--for <age>', 'until then: 12h, 7d; without it until unreserved')
    .option('--note <text>', 'what for')
    .addHelpText(
      'after',
      '\nExamples:\n  floatip ip reserve --app web --namespace shop --count 3 --contiguous --for 7d\n  floatip ip reserve 10.0.0.9 --note firewall',
    )
    .action(acting(surface, reserve))
  withServer(ip.command('reservations')).description('list reservations').action(acting(surface, list))
  withServer(ip.command('unreserve <ids...>'))
    .description('end reservations; addresses that pods have by now stay theirs')
    .action(acting(surface, unreserve))
}

async function reserve(
  { client, terminal, format }: Session,
  addresses: readonly string[],
  options: ReserveOptions,
): Promise<undefined> {
  const { app, kind, namespace, pool, range, contiguous, note } = options
  const body = {
    ...(app !== undefined && { appName: app, appType: kind, namespace: namespace ?? 'default' }),
    poolName: pool,
    count: optionalNumber('--count', options.count),
    firstOrdinal: optionalNumber('--first-ordinal', options.firstOrdinal),
    ips: addresses.length === 0 ? undefined : addresses,
    ranges: range,
    contiguous,
    note,
    expiresInSeconds: options.for === undefined ? undefined : Math.round(parseAge(options.for) / 1000),
  }
  const made = await client.send<Reservation>('POST', '/v1/reservations', body)
  showList(terminal, format, [made.body], RESERVATIONS)
}

async function list({ client, terminal, format, progress }: Session): Promise<undefined> {
  const found = await client.all<Reservation>('/v1/reservations', {}, progress('reservations'))
  showList(terminal, format, found, RESERVATIONS)
}

async function unreserve({ client, terminal }: Session, ids: readonly string[]) {
  let left = 0
  for (const id of ids) {
    try {
      await client.send('DELETE', `/v1/reservations/${encodeURIComponent(id)}`)
      terminal.out(`${id} ended\n`)
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      terminal.err(`${id} not ended: ${error.message}\n`)
      left++
    }
  }
  return left === 0 ? undefined : EXIT.notAll
}

function optionalNumber(option: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : wholeNumber(text, `${option} ${text}`)
}

const RESERVATIONS: Shape<Reservation> = {
  columns: [
    { title: 'ID', of: item => item.id },
    { title: 'ADDRESSES', of: item => item.addresses.map(({ ip }) => ip).join(', ') },
    { title: 'FOR', of: item => (item.outOfCirculation ? 'nobody' : ownerText(item.addresses[0] ?? {})) },
    { title: 'EXPIRES', of: item => item.expiresAt ?? 'never' },
    { title: 'NOTE', of: item => item.note },
    { title: 'MADE BY', of: item => item.madeBy, wide: true },
  ],
  name: item => item.id,
  none: 'nothing is reserved',
}
