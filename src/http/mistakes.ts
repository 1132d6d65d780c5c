/** Owns what a request gets that no route answers: the status and text of every error, 405 with Allow on a known path. */
import type { AnyElysia } from 'elysia'
import { Fault, messageOf } from '../lib/fault.ts'
import type { Log } from '../lib/log.ts'
import { failure, JSON_TYPE } from './answers.ts'
import { BadRequest } from './json.ts'
import { urlOf } from './url.ts'

interface Mistake {
  readonly error: unknown
  readonly code: string | number
  readonly request: Request
  readonly set: { status?: number | string; headers: Record<string, string | number> }
}

/** For `onError` of the API's port, which all routes below it inherit. */
export function answerMistake(app: AnyElysia, log: Log, { error, code, request, set }: Mistake) {
  set.headers['content-type'] = JSON_TYPE
  const path = urlOf(request).pathname
  const allowed = code === 'NOT_FOUND' ? methodsOf(app, path) : []
  if (allowed.length > 0) {
    set.status = 405
    set.headers.allow = allowed.join(', ')
    return failure(405, `${path} takes ${allowed.join(' and ')}`)
  }
  const status = statusOf(error, code)
  set.status = status
  if (status === 500) log.error({ err: error, path }, 'API request failed')
  return failure(status, textOf(error, code, status))
}

/** The methods that routes of this path take; none: the path is unknown. */
function methodsOf(app: AnyElysia, path: string): string[] {
  const routes = app.routes.filter(route => matches(route.path, path))
  return [...new Set(routes.map(({ method }) => method))].filter(method => /^[A-Z]+$/.test(method)).sort()
}

function matches(pattern: string, path: string): boolean {
  const wanted = pattern.split('/')
  const given = path.split('/')
  return (
    wanted.length === given.length &&
    wanted.every((part, at) => part === given[at] || (part.startsWith(':') && given[at] !== ''))
  )
}

function statusOf(error: unknown, code: string | number): number {
  if (error instanceof BadRequest || code === 'PARSE') return 400
  // An answer that is not as promised is our fault, not the asker's.
  if (code === 'VALIDATION') return (error as { type?: string }).type === 'response' ? 500 : 400
  if (code === 'NOT_FOUND') return 404
  return error instanceof Fault && error.retryable ? 503 : 500
}

function textOf(error: unknown, code: string | number, status: number): string {
  if (code === 'NOT_FOUND') return 'no such path'
  if (code === 'PARSE') return 'the body is not JSON'
  if (code === 'VALIDATION' && status === 400) return validationText(error)
  return messageOf(error)
}

interface Wrong {
  readonly path?: string
  readonly message?: string
  readonly summary?: string
  readonly schema?: { readonly enum?: readonly string[] }
}

/** The first thing that is wrong and where, instead of Elysia's internals. */
function validationText(error: unknown): string {
  const { all, type } = error as { all?: Wrong[]; type?: string }
  const first = all?.[0]
  const where = first?.path ? ` at ${first.path}` : ''
  const words = first?.schema?.enum
  const what = words === undefined ? (first?.summary ?? first?.message) : `must be one of ${words.join(', ')}`
  return `${type ?? 'request'}${where}: ${what ?? 'not of the expected form'}`
}
