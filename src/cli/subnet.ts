/** Owns `floatip subnet`: the address space by entry, as figures and as a map. */
import type { Command } from 'commander'
import { Fault } from '../lib/fault.ts'
import { acting, type Session, type Surface, withOutput, withServer } from './command.ts'
import { ANY_KEY } from './ip.ts'
import { mapOf } from './map.ts'
import type { IpItem, SubnetItem } from './shapes.ts'
import { type Shape, showList } from './show.ts'

export function subnetCommands(program: Command, surface: Surface): void {
  const subnet = program.command('subnet').description('the address space')
  withOutput(subnet.command('ls'))
    .description('how full each entry of the configuration is')
    .action(acting(surface, list))
  withServer(subnet.command('map [subnet]'))
    .description('one character for each address, or for a block of them where there are many')
    .addHelpText('after', '\nExample:\n  floatip subnet map 10.0.0.0/24')
    .action(acting(surface, map))
}

async function list({ client, terminal, format }: Session): Promise<undefined> {
  showList(terminal, format, await client.all<SubnetItem>('/v1/subnets'), SUBNETS)
}

async function map({ client, terminal, progress }: Session, wanted: string | undefined): Promise<undefined> {
  const subnets = await client.all<SubnetItem>('/v1/subnets')
  const chosen = subnets.filter(({ subnet }) => wanted === undefined || subnet === wanted)
  if (chosen.length === 0) {
    if (wanted !== undefined) {
      throw new Fault(`${wanted} is not configured: floatip subnet ls lists what is`, { retryable: false })
    }
    terminal.err(`${SUBNETS.none}\n`)
    return undefined
  }
  const items = await client.all<IpItem>('/v1/ip', { keyword: ANY_KEY }, progress('addresses'))
  terminal.out(mapOf(terminal, chosen, items))
}

function percentUsed(item: SubnetItem): string {
  return item.total === 0 ? '' : `${Math.round((100 * (item.total - item.free)) / item.total)} %`
}

const SUBNETS: Shape<SubnetItem> = {
  columns: [
    { title: 'SUBNET', of: item => item.subnet },
    { title: 'TOTAL', of: item => item.total, right: true },
    {
      title: 'FREE',
      of: item => item.free,
      right: true,
      tone: item => (item.free === 0 ? 'bad' : item.free * 5 < item.total ? 'busy' : 'good'),
    },
    { title: 'FULL', of: percentUsed, right: true },
    { title: 'USED', of: item => item.used, right: true },
    { title: 'RESERVED', of: item => item.reserved, right: true },
    { title: 'HELD', of: item => item.held, right: true },
    { title: 'RESTING', of: item => item.resting, right: true, wide: true },
    { title: 'ORPHANED', of: item => item.orphaned, right: true, tone: item => (item.orphaned > 0 ? 'bad' : null) },
    { title: 'NODE SUBNETS', of: item => item.nodeSubnets.join(', ') },
    { title: 'GATEWAY', of: item => item.gateway, wide: true },
    { title: 'LARGEST FREE RUN', of: item => item.largestFreeRun.length, right: true, wide: true },
    { title: 'RANGES', of: item => item.ips.join(', '), wide: true },
    { title: 'VLAN', of: item => item.vlan, wide: true },
  ],
  name: item => item.subnet,
  none: 'no entry is configured',
}
