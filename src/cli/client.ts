/** Owns the talk with floatip's HTTP API: one request, all pages of a list, and what to do when that fails. */
import { UsageFault } from '../lib/exit.ts'
import { Fault, messageOf } from '../lib/fault.ts'

export const SERVER_DEFAULT = 'http://127.0.0.1:9041'
/** A list of 100,000 is twenty pages. */
export const PAGE_SIZE = 5_000
/** A plan over a large ledger takes seconds; nothing takes a minute. */
const ANSWER_WITHIN_MS = 60_000
/** Whether it is ready is asked beside the question itself, and holds nobody up. */
const READY_WITHIN_MS = 2_000

/** The API answered, and it is not what was asked for. */
export class ApiFault extends Fault {
  override readonly name = 'ApiFault'
  readonly status: number
  constructor(status: number, message: string) {
    super(message, { retryable: status === 503 })
    this.status = status
  }
}

export interface Page<T> {
  readonly content: readonly T[]
  readonly totalElements: number
  readonly last: boolean
}

export type Query = Readonly<Record<string, string | number | undefined>>

export interface Client {
  readonly server: string
  get<T>(path: string, query?: Query): Promise<T>
  send<T>(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<{ status: number; body: T }>
  /** Every element of a list, page by page; `onPage` hears how far it is. */
  all<T>(path: string, query?: Query, onPage?: (got: number, total: number) => void): Promise<readonly T[]>
  /** What it waits for, when it is a floatip that is not ready. */
  waitsFor(): Promise<string | null>
  /** The answer as it comes; nobody waits for its end. */
  stream(path: string, headers?: Readonly<Record<string, string>>): Promise<Response>
}

export function clientOf(server: string): Client {
  const base = baseOf(server)

  async function reach(path: string, init: RequestInit): Promise<Response> {
    let reply: Response
    try {
      reply = await fetch(`${base}${path}`, init)
    } catch (error) {
      throw lateOr(base, error, unreachable)
    }
    if (reply.ok) return reply
    throw new ApiFault(reply.status, await refusalText(reply))
  }

  const waiting = () => ({ signal: AbortSignal.timeout(ANSWER_WITHIN_MS) })

  async function get<T>(path: string, query: Query = {}): Promise<T> {
    const reply = await reach(withQuery(path, query), waiting())
    return parsed<T>(reply, await wholeOf(reply))
  }

  return {
    server: base,
    get,
    async send<T>(method: string, path: string, body?: unknown) {
      const headers = { 'content-type': 'application/json' }
      const init = { method, ...waiting(), ...(body !== undefined && { headers, body: JSON.stringify(body) }) }
      const reply = await reach(path, init)
      const text = await wholeOf(reply)
      return { status: reply.status, body: text === '' ? (null as T) : parsed<T>(reply, text) }
    },
    async all<T>(path: string, query: Query = {}, onPage?: (got: number, total: number) => void) {
      const found: T[] = []
      for (let page = 0; ; page++) {
        const { content, last, totalElements } = await get<Page<T>>(path, { ...query, page, size: PAGE_SIZE })
        for (const item of content) found.push(item)
        onPage?.(found.length, totalElements)
        if (last || content.length === 0) return found
      }
    },
    async waitsFor() {
      try {
        const reply = await fetch(`${base}/readyz`, { signal: AbortSignal.timeout(READY_WITHIN_MS) })
        const text = await reply.text()
        return reply.status === 503 && text.startsWith('waiting for ') ? text : null
      } catch {
        return null // Who asks something hears of it there.
      }
    },
    stream: (path, headers = {}) => reach(path, { headers }),
  }
}

/** Empty: nothing is said, as with a variable of the environment that is set to nothing. */
function baseOf(server: string): string {
  const said = server === '' ? SERVER_DEFAULT : server
  const text = said.includes('://') ? said : `http://${said}`
  if (!/^https?:/i.test(text) || !URL.canParse(text)) {
    throw new UsageFault(`${server} is no address of a server: give --server or FLOATIP_SERVER as ${SERVER_DEFAULT}`)
  }
  return text.replace(/\/+$/, '')
}

/** The body as it comes; a Fault when it breaks off. */
export async function* piecesOf(reply: Response): AsyncGenerator<Uint8Array> {
  try {
    yield* reply.body ?? []
  } catch (error) {
    throw lateOr(reply.url, error, brokenOff)
  }
}

async function wholeOf(reply: Response): Promise<string> {
  try {
    return await reply.text()
  } catch (error) {
    throw lateOr(reply.url, error, brokenOff)
  }
}

function lateOr(where: string, error: unknown, otherwise: (where: string, cause: unknown) => Fault): Fault {
  if (!(error instanceof DOMException && error.name === 'TimeoutError')) return otherwise(where, error)
  return new Fault(`${where} did not answer within ${ANSWER_WITHIN_MS / 1000} s`, { retryable: true, cause: error })
}

function brokenOff(where: string, cause: unknown): Fault {
  return new Fault(`${where} broke off its answer (${codeOf(cause)})`, { retryable: true, cause })
}

function unreachable(base: string, cause: unknown): Fault {
  const hint =
    'is floatip running there? Give its address with --server or FLOATIP_SERVER; from outside the cluster: kubectl -n kube-system port-forward deploy/floatip 9041'
  return new Fault(`${base} cannot be reached (${codeOf(cause)}): ${hint}`, { retryable: true, cause })
}

/** `ECONNREFUSED` says more than the sentence that comes with it. */
function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : messageOf(cause)
}

function parsed<T>(reply: Response, text: string): T {
  try {
    return JSON.parse(text) as T
  } catch (cause) {
    throw new Fault(`${reply.url} answered something else than JSON: is a floatip there?`, { retryable: false, cause })
  }
}

async function refusalText(reply: Response): Promise<string> {
  const text = await wholeOf(reply)
  let message = text
  try {
    message = (JSON.parse(text) as { message?: string }).message ?? text
  } catch {
    // Not ours: a proxy's page, say. Its first line tells enough.
    message = text && `${reply.url} answered ${reply.status}: ${text.split('\n')[0]}`
  }
  if (reply.status === 404 && message === 'no such path') {
    return `${reply.url} is not known there: is it the API port (9041) of a floatip of this version?`
  }
  return message === '' ? `${reply.url} answered ${reply.status}` : message
}

function withQuery(path: string, query: Query): string {
  const given = Object.entries(query).filter((pair): pair is [string, string | number] => pair[1] !== undefined)
  const text = new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)])).toString()
  return text === '' ? path : `${path}?${text}`
}
