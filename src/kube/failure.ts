/** Owns what it means when a request did not succeed: refused by the server, or nobody knows. */
import { Fault, messageOf } from '../lib/fault.ts'
import type { KubeConnection } from './kubeconfig.ts'
import type { Limits } from './limits.ts'

/** `unknown`: the server may have done it all the same (R5, R13: look before you decide). `refused`: it says that it has not. */
export type Outcome = 'refused' | 'unknown'

/** A proxy's page may say an hour, and the server is back in a minute; timers of more than 2^31 ms fire at once. */
const RETRY_AFTER_MAX_MS = 60_000

/** The server answered, and not with success. */
export class ApiError extends Fault {
  override readonly name = 'ApiError'
  readonly status: number
  /** Of the Status body: `NotFound`, `AlreadyExists`, `Conflict`, `Expired`…; empty when a proxy in between answered. */
  readonly reason: string
  readonly retryAfterMs: number | null
  /** A 5xx may come after success (504 above all). */
  readonly outcome: Outcome
  /** The Status as parsed; its `details` say what it is about. */
  readonly body: unknown

  constructor(what: string, status: number, body: unknown, retryAfter: string | null = null) {
    const { reason, message, details } = statusOf(body)
    super(`${what}: ${status} ${reason || 'without a reason'}${message ? `: ${message}` : ''}`, {
      retryable: status === 429 || status >= 500,
    })
    this.status = status
    this.reason = reason
    this.body = body
    this.outcome = status >= 500 ? 'unknown' : 'refused'
    const seconds = Number(retryAfter ?? details?.retryAfterSeconds ?? Number.NaN)
    this.retryAfterMs = Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds * 1000, RETRY_AFTER_MAX_MS) : null
  }
}

/** No (whole) answer came: network, TLS, time-out, or given up by the caller. */
export class Unanswered extends Fault {
  override readonly name = 'Unanswered'
  readonly outcome: Outcome = 'unknown'
}

/** The server says that the object of this name is not there; a 404 of a proxy or of an unknown path is no evidence of that. */
export function isNotFound(thrown: unknown, name: string): thrown is ApiError {
  if (!(thrown instanceof ApiError) || thrown.status !== 404 || thrown.reason !== 'NotFound') return false
  return (thrown.body as StatusBody).details?.name === name
}

/** What a person can do about the failures of TLS, which look alike in Bun's words. */
const hints: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not signed by the certificate authority that we were given',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not signed by the certificate authority that we were given',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is not signed by the certificate authority that we were given',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is not signed by the certificate authority that we were given',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host name',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  EPROTO: 'the TLS handshake failed: does it ask for a client certificate?',
  ECONNREFUSED: 'nothing listens there',
}
const hopeless = /CERT|SIGNATURE|EPROTO/

export function failureOf(what: string, connection: KubeConnection, thrown: unknown, limits: Limits): Fault {
  if (thrown instanceof Fault) return thrown
  const reason = limits.reason()
  const code = String((thrown as { code?: unknown } | null)?.code ?? '')
  const detail = reason ?? hints[code] ?? messageOf(thrown)
  const retryable = reason === null ? !hopeless.test(code) : !reason.startsWith('given up')
  const tag = reason === null && code !== '' ? ` (${code})` : ''
  return new Unanswered(`${what}: no answer from ${connection.server}, set by ${connection.source}: ${detail}${tag}`, {
    retryable,
    cause: thrown,
  })
}

interface StatusBody {
  kind?: unknown
  reason?: unknown
  message?: unknown
  details?: { retryAfterSeconds?: unknown; name?: unknown } | null
}

function statusOf(body: unknown) {
  const status: StatusBody = typeof body === 'object' && body !== null ? body : { message: body }
  const isStatus = status.kind === 'Status'
  return {
    reason: isStatus && typeof status.reason === 'string' ? status.reason : '',
    message: typeof status.message === 'string' ? status.message.slice(0, 2000).trim() : '',
    details: isStatus ? status.details : undefined,
  }
}
