/** Owns the reading of server-sent events (WHATWG HTML, 9.2.6): lines to events, whatever the chunks. */
import { piecesOf } from './client.ts'

export interface ServerSent {
  readonly id: string | null
  readonly event: string
  readonly data: string
}

export async function* serverSentEvents(reply: Response): AsyncGenerator<ServerSent> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of piecesOf(reply)) {
    rest += decoder.decode(chunk, { stream: true })
    const blocks = rest.split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const event = parse(block)
      if (event !== null) yield event
    }
  }
}

/** Null: only comments. */
function parse(block: string): ServerSent | null {
  const fields = block
    .split('\n')
    .filter(line => line !== '' && !line.startsWith(':'))
    .map(line => /^([^:]*)(?:: ?(.*))?$/.exec(line) ?? [])
  const of = (name: string) => fields.filter(([, field]) => field === name).map(([, , value = '']) => value)
  const data = of('data')
  if (data.length === 0) return null
  return { id: of('id').at(-1) ?? null, event: of('event').at(-1) ?? 'message', data: data.join('\n') }
}
