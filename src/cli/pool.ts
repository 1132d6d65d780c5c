/** Owns `floatip pool`: named pools. */

import type { Command } from 'commander'
import { EXIT } from '../lib/exit.ts'
import { Fault } from '../lib/fault.ts'
import { wholeNumber } from './arguments.ts'
import { acting, type Session, type Surface, withOutput, withServer } from './command.ts'
import type { IpItem, Outcome } from './shapes.ts'
import { type Shape, showFields, showList } from './show.ts'

export function poolCommands(program: Command, surface: Surface): void {
  const pool = program.command('pool').description('named pools, shared by workloads of all namespaces')

  withOutput(pool.command('ls'))
    .description('all pools, with their sizes and how many addresses each has')
    .action(acting(surface, list))
  withOutput(pool.command('show <name>'))
    .description('size of a pool and how many addresses it has')
    .action(acting(surface, show))
  withServer(pool.command('set <name> <size>'))
    .description('create a pool or change its size; what is in use stays')
    .option('--preallocate', 'fill it up with addresses at once', false)
    .addHelpText('after', '\nExample:\n  floatip pool set web 4 --preallocate')
    .action(acting(surface, set))
  withServer(pool.command('rm <name>'))
    .description('remove the limit; the pool’s addresses stay with it')
    .action(acting(surface, remove))
}

interface Row {
  readonly name: string
  readonly preAllocateIP: boolean
  readonly allocated: number
  readonly inUse: number
  /** Missing: nothing limits it. */
  readonly size?: number
}

async function list({ client, terminal, format, progress }: Session): Promise<undefined> {
  showList(terminal, format, await client.all<Row>('/v1/pool', {}, progress('pools')), POOLS)
}

async function show(session: Session, name: string): Promise<undefined> {
  const { client, terminal, format } = session
  // galaxy's route of one pool does not know those that have addresses and no size: the list does.
  const pool = (await client.all<Row>('/v1/pool')).find(row => row.name === name)
  if (pool === undefined) throw new Fault(`not found: pool ${name}`, { retryable: false })
  const items = await client.all<IpItem>('/v1/ip', { poolName: name })
  showFields(terminal, format, pool, name, [
    ['Pool', name],
    ['Size', pool.size ?? 'none'],
    ['Allocated', pool.allocated],
    ['In use', pool.inUse],
    ['Pre-allocated', pool.preAllocateIP ? 'yes' : 'no'],
    ['Addresses', items.map(item => item.ip).join(', ')],
  ])
}

async function set(
  { client, terminal }: Session,
  name: string,
  size: string,
  { preallocate }: { preallocate: boolean },
) {
  const body = { name, size: wholeNumber('size', size), preAllocateIP: preallocate }
  const { status, body: answer } = await client.send<Outcome & { realPoolSize?: number }>('POST', '/v1/pool', body)
  const has = answer.realPoolSize === undefined ? '' : `, ${answer.realPoolSize} addresses allocated`
  terminal.out(`pool ${name}: size ${size}${has}\n`)
  if (status === 200) return undefined
  terminal.err(`${answer.message}: only ${answer.realPoolSize} of ${size} addresses could be allocated\n`)
  return EXIT.notAll
}

async function remove({ client, terminal }: Session, name: string): Promise<undefined> {
  await client.send('DELETE', `/v1/pool/${encodeURIComponent(name)}`)
  terminal.out(`pool ${name}: its size is removed, its addresses stay\n`)
}

const POOLS: Shape<Row> = {
  columns: [
    { title: 'POOL', of: row => row.name },
    { title: 'SIZE', of: row => row.size ?? 'none', right: true },
    { title: 'ALLOCATED', of: row => row.allocated, right: true },
    { title: 'IN USE', of: row => row.inUse, right: true },
  ],
  name: row => row.name,
  none: 'there are no pools',
}
