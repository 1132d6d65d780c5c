/** Owns how a request reaches the API server: Bun's fetch with the connection's TLS and credentials, and what its failures mean. */
import { Fault } from '../lib/fault.ts'
import { type CallName, callName } from './call-name.ts'
import { ApiError, failureOf } from './failure.ts'
import type { Credentials, KubeConnection } from './kubeconfig.ts'
import { type Limits, limitsOf, slotsOf } from './limits.ts'
import { linesOf } from './lines.ts'

export { ApiError, isNotFound, type Outcome, Unanswered } from './failure.ts'

export const mergePatch = 'application/merge-patch+json'
export const jsonPatch = 'application/json-patch+json'

/**
 * Requests under way at once; the others wait their turn. The ledger commits at most some 12,000 binds a second, and an API server on
 * the same network answers in about 5 ms: 12,000 x 0.005 = 60. Bun itself stops at 256 per process, watches (about 10) included.
 */
const maxInFlight = 64
/** kube-scheduler's extender time-out is 5 s by default and a bind needs two writes; a slower answer is of no use to anyone. */
const defaultTimeoutMs = 15_000

export interface StreamRequest {
  /** Begins with `/`, its parts already encoded. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  /** Until the answer's first byte for a stream, until its last for a request. */
  readonly timeoutMs?: number
  /** Silence of this length in the middle of a stream ends it with {@link Unanswered}. */
  readonly idleMs?: number
  readonly signal?: AbortSignal
}

export interface KubeRequest extends Omit<StreamRequest, 'idleMs'> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly body?: unknown
  /** `application/json` unless given; a PATCH must name its kind. */
  readonly contentType?: string
  /** Asked in the step in which it leaves, after its wait for a slot; false: it does not leave, and the call throws a Fault. */
  readonly maySend?: () => boolean
}

export interface Reply<T> {
  readonly status: number
  /** Parsed JSON: an object. */
  readonly body: T
}

/**
 * The port to the API server. Its calls throw {@link ApiError} when the server answered, {@link Unanswered} when it is not known what
 * became of the request, and a plain Fault when there are no credentials: then nothing was sent.
 *
 * Bun repeats a GET, PUT or DELETE (never a POST or PATCH) whose kept-alive connection was cut before the answer. So a PUT's 409 may be
 * about its own success, and so may a DELETE's 404: compare what is there before you conclude anything (R28).
 */
export interface Transport {
  request<T>(request: KubeRequest): Promise<Reply<T>>
  /** A GET whose answer is read line by line as it comes; resolves when the server has begun to answer. */
  stream(request: StreamRequest): Promise<AsyncIterable<string>>
}

/** A call as measured: from its leaving (not from its wait for a slot) to its answer, a stream's to its beginning. */
export interface MeasuredCall extends CallName {
  /** HTTP status, or `unanswered`. */
  readonly code: string
  readonly ms: number
}

export interface TransportOptions {
  readonly userAgent?: string
  readonly onCall?: (call: MeasuredCall) => void
}

export function transport(connection: KubeConnection, options: TransportOptions = {}): Transport {
  const userAgent = options.userAgent ?? 'floatip'
  const { onCall } = options
  const slots = slotsOf(maxInFlight)

  function measured(method: string, path: string, beganMs: number, outcome: number | unknown): void {
    if (onCall === undefined) return
    const status = outcome instanceof ApiError ? outcome.status : outcome
    const code = typeof status === 'number' ? String(status) : 'unanswered'
    onCall({ ...callName(method, path), code, ms: performance.now() - beganMs })
  }

  async function send(what: string, url: string, request: KubeRequest, limits: Limits): Promise<Response> {
    let credentials = await inTime(what, connection.credentials(), limits)
    let response = await attempt(credentials)
    if (response.status === 401) {
      // A token may have been rotated since it was read: read everything again and ask once more.
      const renewed = await inTime(what, connection.renew(credentials), limits)
      if (renewed !== credentials) {
        await response.body?.cancel()
        credentials = renewed
        response = await attempt(credentials)
      }
    }
    if (response.ok) return response
    const text = await response.text()
    throw new ApiError(what, response.status, parsedOr(text), response.headers.get('retry-after'))

    function attempt(using: Credentials): Promise<Response> {
      if (request.maySend?.() === false)
        throw new Fault(`${what}: not sent, it is too late for it`, { retryable: true })
      const headers: Record<string, string> = { accept: 'application/json', 'user-agent': userAgent, ...using.headers }
      if (request.body !== undefined) headers['content-type'] = request.contentType ?? 'application/json'
      return fetch(url, {
        method: request.method,
        headers,
        // Bun ends a silent body after some minutes unless told otherwise; limits are ours.
        timeout: false,
        // A redirect would carry the token to another host.
        redirect: 'manual',
        signal: limits.signal,
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
        ...(using.tls === null ? {} : { tls: using.tls }),
        ...(connection.proxy === null ? {} : { proxy: connection.proxy }),
      } as RequestInit)
    }
  }

  return {
    async request<T>(request: KubeRequest): Promise<Reply<T>> {
      const what = `${request.method} ${request.path}`
      const limits = limitsOf(request.timeoutMs ?? defaultTimeoutMs, request.signal)
      const taken = await slots.take(limits.signal)
      const began = performance.now()
      try {
        limits.check()
        const response = await send(what, urlOf(connection, request), request, limits)
        const text = await response.text()
        measured(request.method, request.path, began, response.status)
        const body = parsedOr(text)
        // A proxy's page with status 200, say.
        if (typeof body !== 'object' || body === null) throw new Error(`no object of Kubernetes: ${text.slice(0, 100)}`)
        return { status: response.status, body: body as T }
      } catch (thrown) {
        measured(request.method, request.path, began, thrown)
        throw failureOf(what, connection, thrown, limits)
      } finally {
        if (taken) slots.give()
        limits.clear()
      }
    },

    async stream(request: StreamRequest): Promise<AsyncIterable<string>> {
      const what = `GET ${request.path} (stream)`
      const limits = limitsOf(request.timeoutMs ?? defaultTimeoutMs, request.signal)
      const began = performance.now()
      try {
        limits.check()
        const response = await send(what, urlOf(connection, request), { ...request, method: 'GET' }, limits)
        measured('WATCH', request.path, began, response.status)
        if (response.body === null) throw new Error('an answer without a body')
        limits.expectWithin(request.idleMs)
        return lines(what, response.body, limits, request.idleMs)
      } catch (thrown) {
        measured('WATCH', request.path, began, thrown)
        limits.clear()
        throw failureOf(what, connection, thrown, limits)
      }
    },
  }

  async function* lines(what: string, body: ReadableStream<Uint8Array>, limits: Limits, idleMs: number | undefined) {
    try {
      yield* linesOf(body, () => limits.expectWithin(idleMs))
    } catch (thrown) {
      throw failureOf(what, connection, thrown, limits)
    } finally {
      // Also when the reader leaves early: the connection must not stay open behind its back.
      limits.abandon()
    }
  }
}

/** A plugin may take a minute: whoever asks with less patience has not sent anything, and hears so. */
async function inTime(what: string, coming: Promise<Credentials>, { signal, reason }: Limits): Promise<Credentials> {
  const ended = Promise.withResolvers<never>()
  const end = () =>
    ended.reject(new Fault(`${what}: no credentials in time: ${reason() ?? 'no longer read'}`, { retryable: true }))
  signal.addEventListener('abort', end)
  try {
    return await Promise.race([coming, ended.promise])
  } finally {
    signal.removeEventListener('abort', end)
  }
}

/** A part that is empty, a dot or two. */
const NAMELESS = /\/\.{0,2}(?:\/|$)/

function urlOf(connection: KubeConnection, request: StreamRequest): string {
  // Whatever is written for a dot, fetch takes it out of the path, and an empty name with it: what is left names something else.
  if (NAMELESS.test(request.path))
    throw new Fault(`${request.path}: not sent, a name in it is none`, { retryable: false })
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(request.query ?? {})) {
    if (value !== undefined) query.set(name, String(value))
  }
  const asked = query.toString()
  return `${connection.server}${request.path}${asked === '' ? '' : `?${asked}`}`
}

function parsedOr(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
