/** Owns a small API server over real TLS, whose answers each test writes itself. */
import { createServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Certs, Pair } from './certs.ts'

export interface Asked {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly token: string | null
  readonly contentType: string | null
  readonly body: string
}

export interface Out {
  line(event: unknown): void
  /** Bytes as they are, in a chunk of their own. */
  raw(bytes: Uint8Array | string): void
  end(): void
  reset(): void
  /** Resolves when the client has gone. */
  readonly closed: Promise<void>
}

export type Answer =
  | { readonly status?: number; readonly body: unknown; readonly headers?: Record<string, string> }
  | { readonly stream: (out: Out) => void }
  /** Cut the connection without a word, or never say one. */
  | 'reset'
  | 'silence'

export interface FakeApi {
  readonly url: string
  readonly port: number
  readonly asked: Asked[]
  answer: (asked: Asked) => Answer
  stop(): Promise<void>
}

export async function fakeApi(certs: Certs, options: { pair?: Pair; clientCert?: boolean } = {}): Promise<FakeApi> {
  const pair = options.pair ?? certs.server
  const tls: ServerOptions = { cert: pair.cert, key: pair.key }
  if (options.clientCert) Object.assign(tls, { ca: certs.ca.cert, requestCert: true, rejectUnauthorized: true })
  const asked: Asked[] = []
  const server = createServer(tls, (request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', text => {
      body += text
    })
    request.on('error', () => {})
    response.on('error', () => {})
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'https://x')
      const one: Asked = {
        method: request.method ?? '',
        path: url.pathname,
        query: url.searchParams,
        token: request.headers.authorization?.replace('Bearer ', '') ?? null,
        contentType: request.headers['content-type'] ?? null,
        body,
      }
      asked.push(one)
      const answer = api.answer(one)
      if (answer === 'silence') return
      if (answer === 'reset') {
        request.socket.destroy()
        return
      }
      if ('body' in answer) {
        const isText = typeof answer.body === 'string'
        const type = isText ? 'text/plain' : 'application/json'
        response.writeHead(answer.status ?? 200, { 'content-type': type, ...answer.headers })
        response.end(isText ? answer.body : JSON.stringify(answer.body))
        return
      }
      response.writeHead(200, { 'content-type': 'application/json' })
      response.flushHeaders()
      answer.stream({
        line: event => void response.write(`${JSON.stringify(event)}\n`),
        raw: bytes => void response.write(bytes),
        end: () => void response.end(),
        reset: () => void request.socket.destroy(),
        closed: new Promise(resolve => response.on('close', () => resolve())),
      })
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const api: FakeApi = {
    url: `https://127.0.0.1:${port}`,
    port,
    asked,
    answer: () => ({ status: 500, body: 'this test has no answer' }),
    stop: async () => {
      server.closeAllConnections()
      server.close()
    },
  }
  return api
}

export function status(code: number, reason: string, details: object = {}): Answer {
  return {
    status: code,
    body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', message: `it is ${reason}`, reason, details, code },
  }
}

export interface Thing {
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly uid: string
    readonly resourceVersion: string
  }
  readonly note?: string
}

export function thing(name: string, uid: string, version: number, note = ''): Thing {
  return { metadata: { name, namespace: 'ns', uid, resourceVersion: String(version) }, note }
}

export function list(version: number, items: readonly Thing[], next?: string): Answer {
  return {
    body: { kind: 'List', metadata: { resourceVersion: String(version), ...(next ? { continue: next } : {}) }, items },
  }
}

export function bookmark(version: number) {
  return { type: 'BOOKMARK', object: { kind: 'Thing', metadata: { resourceVersion: String(version) } } }
}
