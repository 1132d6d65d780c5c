/** Owns `floatip explain`: why a pod has no address, in words. */

import type { Command } from 'commander'
import { namespaced } from './arguments.ts'
import { acting, type Session, type Surface, withServer } from './command.ts'
import { ownerText } from './ip.ts'
import type { OwnerFields } from './shapes.ts'
import { showRaw, toned } from './show.ts'
import type { Terminal } from './terminal.ts'

interface Explanation {
  readonly pod: string
  readonly reason: string
  readonly because: string
  readonly help: string
  readonly asks?: OwnerFields & {
    readonly policyName: string
    readonly ranges: readonly (readonly string[])[]
    readonly poolSize?: number
    readonly replicas?: number
  }
  readonly has: readonly {
    readonly ip: string
    readonly state: string
    readonly node?: string
    readonly ifThePodEnded?: { readonly kept: boolean; readonly because: string }
  }[]
  readonly blockedBy: readonly (OwnerFields & { readonly ip: string; readonly state: string; readonly node?: string })[]
  readonly blockedByTotal?: number
  readonly nodes?: {
    readonly total: number
    readonly qualifying: number
    readonly more: number
    readonly groups: readonly {
      readonly qualifies: boolean
      readonly nodes: number
      readonly examples: readonly string[]
      readonly nodeSubnets?: string
      readonly because?: string
    }[]
  }
  readonly waiting: { readonly since?: string; readonly lastAskedAt?: string }
}

export function explainCommands(program: Command, surface: Surface): void {
  const explain = program.command('explain').description('why something is as it is')
  withServer(explain.command('pod <namespace/name>'))
    .description('what a pod asks, what it has, what stops it, and what would help')
    .addHelpText('after', '\nExample:\n  floatip explain pod shop/web-7d4b9c-x2x9z')
    .action(acting(surface, pod))
}

async function pod({ client, terminal, format }: Session, text: string): Promise<undefined> {
  const { namespace, name } = namespaced(text, 'pod')
  const path = `/v1/explain/pods/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`
  const found = await client.get<Explanation>(path)
  if (format === 'json' || format === 'yaml') showRaw(terminal, format, found)
  else if (format === 'name') terminal.out(`${found.reason}\n`)
  else tell(terminal, found)
}

function tell(terminal: Terminal, found: Explanation): void {
  const line = (title: string, value: string | undefined) => {
    if (value) terminal.out(`${terminal.paint.bold(title.padEnd(12))}${value}\n`)
  }
  line('Pod', found.pod)
  line('Reason', toned(terminal, found.reason, found.has.length > 0 ? 'good' : 'busy'))
  line('Because', found.because)
  line('What helps', found.help)
  line('Asks', asksText(found.asks))
  for (const { ip, state, node, ifThePodEnded } of found.has) {
    const fate = ifThePodEnded === undefined ? '' : `; if the pod ended: ${ifThePodEnded.because}`
    line('Has', `${ip} (${state}${node ? ` on ${node}` : ''})${fate}`)
  }
  for (const each of found.blockedBy) {
    line('Blocked by', `${each.ip}: ${ownerText(each)} (${each.state}${each.node ? ` on ${each.node}` : ''})`)
  }
  const hidden = (found.blockedByTotal ?? 0) - found.blockedBy.length
  if (hidden > 0) line('', `and ${hidden} more`)
  line('Waits since', found.waiting.since)
  line('Last asked', found.waiting.lastAskedAt)
  nodes(line, found.nodes)
}

function asksText(asks: Explanation['asks']): string | undefined {
  if (asks === undefined) return undefined
  const ranges = asks.ranges.map(list => list.join(', '))
  const parts = [
    ownerText(asks),
    `policy ${asks.policyName}`,
    asks.poolSize === undefined ? '' : `pool size ${asks.poolSize}`,
    asks.replicas === undefined ? '' : `${asks.replicas} replicas`,
    ranges.length === 0 ? '' : `one of each: ${ranges.join(' | ')}`,
  ]
  return parts.filter(Boolean).join('; ')
}

function nodes(line: (title: string, value: string | undefined) => void, found: Explanation['nodes']): void {
  if (found === undefined) return
  line('Nodes', `${found.qualifying} of ${found.total} qualify`)
  for (const group of found.groups) {
    const names = `${group.examples.join(', ')}${group.nodes > group.examples.length ? ', …' : ''}`
    const where = group.nodeSubnets === undefined ? '' : ` in ${group.nodeSubnets}`
    line(
      '',
      `${group.qualifies ? 'yes' : 'no '}  ${group.nodes}${where} (${names})${group.because ? `: ${group.because}` : ''}`,
    )
  }
  if (found.more > 0) line('', `and ${found.more} more kinds of nodes`)
}
