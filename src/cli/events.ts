/** Owns `floatip events`: every change as it happens, over interruptions of the connection. */
import type { Command } from 'commander'
import { stringify } from 'yaml'
import { Fault, messageOf } from '../lib/fault.ts'
import { acting, type Session, type Surface, withServer } from './command.ts'
import { ownerText } from './ip.ts'
import { serverSentEvents } from './server-sent.ts'
import type { HistoryItem } from './shapes.ts'

/** Between two tries to reach the server again. */
const AGAIN_MS = 1_000

export function eventsCommand(program: Command, surface: Surface): void {
  withServer(program.command('events'))
    .description('the latest changes; with --follow those to come')
    .option('-f, --follow', 'go on until interrupted', false)
    .option('--after <id>', 'begin after this change of the history')
    .addHelpText('after', '\nExample:\n  floatip events --follow -o json | jq .because')
    .action(acting(surface, events))
}

async function events(session: Session, { follow, after }: { follow: boolean; after?: string }): Promise<undefined> {
  if (!follow) {
    const { content } = await session.client.get<{ content: readonly HistoryItem[] }>('/v1/history', { size: 20 })
    const from = after === undefined ? 0 : Number(after)
    for (const item of [...content].reverse()) if (item.id > from) print(session, item)
    return undefined
  }
  let last = after
  for (;;) {
    try {
      const reply = await session.client.stream('/v1/events', last === undefined ? {} : { 'last-event-id': last })
      for await (const { id, event, data } of serverSentEvents(reply)) {
        if (event === 'gap') session.terminal.err(`changes in between are no longer recorded: ${data}\n`)
        else if (event !== 'cut') print(session, JSON.parse(data) as HistoryItem)
        last = id ?? last
      }
    } catch (error) {
      if (last === undefined || !(error instanceof Fault) || !error.retryable) throw error
      session.terminal.err(`${messageOf(error)}; trying again\n`)
    }
    await Bun.sleep(AGAIN_MS)
  }
}

function print({ terminal, format }: Session, item: HistoryItem): void {
  const owner = ownerText(item.after ?? item.before ?? {})
  if (format === 'json') terminal.out(`${JSON.stringify(item)}\n`)
  else if (format === 'yaml') terminal.out(`---\n${stringify(item)}`)
  else if (format === 'name') terminal.out(`${item.ip}\n`)
  else
    terminal.out(`${[item.at, item.ip, item.verb, owner, item.node ?? '', item.because].filter(Boolean).join('  ')}\n`)
}
