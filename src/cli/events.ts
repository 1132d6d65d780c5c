/** Owns `floatip events`: every change as it happens, over interruptions of the connection. */
import type { Command } from 'commander'
import { stringify } from 'yaml'
import { Fault, messageOf } from '../lib/fault.ts'
import { wholeNumber } from './arguments.ts'
import type { Page } from './client.ts'
import { acting, type Session, type Surface, withOutput } from './command.ts'
import { ownerText } from './ip.ts'
import { serverSentEvents } from './server-sent.ts'
import type { HistoryItem } from './shapes.ts'

/** Between two tries to reach the server again. */
const AGAIN_MS = 1_000
/** Of the past, where nobody says how much. */
const LATEST = 20
const AT_ONCE = 1_000

export function eventsCommand(program: Command, surface: Surface): void {
  withOutput(program.command('events'))
    .description('the latest changes; with --follow those to come')
    .option('-f, --follow', 'go on until interrupted', false)
    .option('--after <id>', 'begin after this change of the history (column ID of ip history -o wide)')
    .addHelpText('after', '\nExample:\n  floatip events --follow -o json | jq .because')
    .action(acting(surface, events))
}

async function events(session: Session, { follow, after }: { follow: boolean; after?: string }): Promise<undefined> {
  const from = after === undefined ? null : wholeNumber('--after', after)
  if (!follow) {
    for (const item of from === null ? await newest(session, LATEST) : await since(session, from)) print(session, item)
    return undefined
  }
  // Named from the start: where nothing happens before floatip starts anew, nothing of what comes then is missed.
  let last = `${from ?? (await newest(session, 1))[0]?.id ?? 0}`
  let wasReached = false
  for (;;) {
    try {
      const reply = await session.client.stream('/v1/events', { 'last-event-id': last })
      wasReached = true
      for await (const { id, event, data } of serverSentEvents(reply)) {
        if (event === 'gap') session.terminal.err(`changes in between are no longer recorded: ${data}\n`)
        else if (event !== 'cut') print(session, JSON.parse(data) as HistoryItem)
        last = id ?? last
        if (!session.terminal.isRead) return undefined
      }
    } catch (error) {
      if (!wasReached || !(error instanceof Fault) || !error.retryable) throw error
      session.terminal.err(`${messageOf(error)}; trying again\n`)
    }
    await Bun.sleep(AGAIN_MS)
  }
}

/** Oldest first. */
async function newest({ client }: Session, size: number): Promise<readonly HistoryItem[]> {
  return (await client.get<Page<HistoryItem>>('/v1/history', { size })).content.toReversed()
}

/** All after that change, oldest first. */
async function since({ client }: Session, from: number): Promise<readonly HistoryItem[]> {
  const found = new Map<number, HistoryItem>()
  for (let page = 0; ; page++) {
    const { content, last } = await client.get<Page<HistoryItem>>('/v1/history', { page, size: AT_ONCE })
    // What happens meanwhile moves the pages: an item may come twice.
    for (const item of content) if (item.id > from) found.set(item.id, item)
    if (last || content.some(({ id }) => id <= from)) return [...found.values()].sort((a, b) => a.id - b.id)
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
