/** Owns the table of what nobody should send, and the exact answer to each; docs/reference/errors.md shows it. */
import { connect } from 'node:net'
import type { World } from '../app/world.ts'
import { API_ROWS } from './bad-input-api.ts'
import { DOING_ROWS } from './bad-input-doing.ts'
import { BODY_ROWS } from './bad-input-extender.ts'
import { ROUTE_ROWS } from './bad-input-routes.ts'
import { VERB_ROWS } from './bad-input-verbs.ts'

export interface BadRow {
  readonly what: string
  readonly port: 'extender' | 'api'
  /** `POST /v1/filter`. */
  readonly line: string
  readonly body?: string | Uint8Array<ArrayBuffer> | undefined
  readonly headers?: Readonly<Record<string, string>>
  readonly status: number
  /** What the answer says: its error, or the refusal of node a1, or its whole text. */
  readonly text: string
}

export const ROWS: readonly BadRow[] = [...BODY_ROWS, ...VERB_ROWS, ...API_ROWS, ...ROUTE_ROWS, ...DOING_ROWS]

export async function send(
  world: World,
  { port, line, body, headers }: BadRow,
): Promise<{ status: number; text: string }> {
  const to = (port === 'extender' ? world.extender : world.apiPort).server?.port
  const [method = '', path = ''] = line.split(' ')
  if (headers?.['content-length'] !== undefined) return sendHead(Number(to), line, headers)
  const init = {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body }),
  }
  const response = await fetch(`http://127.0.0.1:${to}${path}`, init)
  return { status: response.status, text: saidIn(await response.text()) }
}

/** Only the head of a request whose body would be too large to send in a test. */
function sendHead(port: number, line: string, headers: Readonly<Record<string, string>>) {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>()
  const socket = connect(port, '127.0.0.1', () =>
    socket.write(`${line} HTTP/1.1\r\nhost: floatip\r\n${lines.join('')}\r\n`),
  )
  socket.on('data', data => {
    const [head = '', text = ''] = data.toString().split('\r\n\r\n')
    resolve({ status: Number(head.split(' ')[1]), text: saidIn(text) })
    socket.destroy()
  })
  socket.on('error', reject)
  return promise
}

interface Answer {
  readonly Error?: string
  readonly message?: string
  readonly FailedAndUnresolvableNodes?: Readonly<Record<string, string>>
}

function saidIn(text: string): string {
  let body: Answer
  try {
    body = JSON.parse(text) as Answer
  } catch {
    return text
  }
  return body.Error || body.message || body.FailedAndUnresolvableNodes?.a1 || text
}
