/** Owns what every route of the API shares: the error shape with its statuses, pages, and the words of the documentation. */
import { type TSchema, Type } from '@sinclair/typebox'
import { ElysiaStatus } from 'elysia'
import type { Gate } from '../app/gate.ts'

/** The groups of the reference page, in its order. */
export const TAGS = {
  addresses: 'Addresses: who has which, and their release.',
  pools: 'Named pools, whose addresses several Deployments share.',
  history: 'Who had which address, when and why; every change as it happens.',
  subnets: 'The address space: how much of it is used, and the configuration in force.',
  explain: 'Why a pod waits, and what would happen if.',
  reservations: 'Addresses kept ahead of their pods, or out of circulation.',
  check: 'Whether ledger, objects and pods tell the same story.',
  operation: 'Probes, metrics, the log level and backup.',
} as const

const shape = (code: number, description: string, message: string) =>
  Type.Object(
    { code: Type.Integer({ description: 'The HTTP status once more.' }), message: Type.String() },
    { description, examples: [{ code, message }] },
  )

/** The one error shape, `{code, message}`, by status. A route names those that it answers with {@link failures}. */
const FAILURES = {
  400: shape(400, 'The request cannot be read; the message says what is wrong, and where.', 'the body is not JSON'),
  404: shape(404, 'There is no such thing.', 'not found: pool web'),
  409: shape(409, 'It cannot be done as things are; the message says what stands against it.', '10.0.0.9 is in use'),
  503: shape(
    503,
    'Not now: floatip is not ready, or what it needs does not answer. The same request may succeed later.',
    'floatip is not ready: waiting for the FloatingIP objects',
  ),
} as const

/** What galaxy-ipam's routes answer when there is nothing else to say. */
export const Done = Type.Object(
  { code: Type.Integer(), message: Type.String() },
  { description: 'Done.', examples: [{ code: 200, message: '' }] },
)

/** galaxy-ipam's, to the letter; Bun's own names a charset, which JSON does not have. */
export const JSON_TYPE = 'application/json'

/** True of what is written as JSON: not of texts, files and streams. */
export function isJson(answer: unknown): boolean {
  const value = answer instanceof ElysiaStatus ? answer.response : answer
  return Array.isArray(value) || (typeof value === 'object' && value !== null && value.constructor === Object)
}

type FailureCode = keyof typeof FAILURES

/** For a route's `response`: `{ 200: …, ...failures(400, 503) }`. */
export function failures<C extends FailureCode>(...codes: readonly C[]): Pick<typeof FAILURES, C> {
  return Object.fromEntries(codes.map(code => [code, FAILURES[code]])) as Pick<typeof FAILURES, C>
}

/** For `return status(404, failure(404, '…'))`. */
export function failure(code: number, message: string): { code: number; message: string } {
  return { code, message }
}

/** For `status(503, …)` of a route that changes something while the gate is closed. */
export function notReady(gate: Gate): { code: number; message: string } {
  return failure(503, `floatip is not ready: waiting for ${gate.waitingFor}`)
}

/** Page parameters are texts, as galaxy has them: too much is clamped; unreadable, and a size of nothing, mean the default. */
export const PageQuery = {
  page: Type.Optional(Type.String({ description: 'Counted from 0; 0-99999.', examples: ['0'] })),
  size: Type.Optional(Type.String({ description: 'Items on a page, 1-9999; 10 by default.', examples: ['10'] })),
}

const PAGE_MAX = 99_999
const SIZE_MAX = 9_999
const SIZE_DEFAULT = 10

export interface PageAsked {
  readonly size: number
  /** Of the page's first item. */
  readonly offset: number
}

export function decodePage(query: { page?: string; size?: string }): PageAsked {
  const page = bounded(query.page, 0, PAGE_MAX, 0)
  const size = bounded(query.size, 1, SIZE_MAX, SIZE_DEFAULT)
  return { size, offset: page * size }
}

/** Go's int: a number beyond it is no number. */
const INT_MAX = 2 ** 63

function bounded(text: string | undefined, least: number, most: number, otherwise: number): number {
  const number = /^[+-]?\d+$/.test(text ?? '') ? Number(text) : otherwise
  return number < least || number >= INT_MAX ? otherwise : Math.min(most, number)
}

const pageFields = {
  last: Type.Boolean({ description: 'No page comes after this one.' }),
  totalElements: Type.Integer({ description: 'Of all pages.' }),
  totalPages: Type.Integer(),
  first: Type.Boolean(),
  numberOfElements: Type.Integer({ description: 'On this page.' }),
  size: Type.Integer({ description: 'The most items on a page.' }),
  number: Type.Integer({ description: 'This page, counted from 0; of one beyond the end, where the end is.' }),
}

/** The schema of a list of these. */
export function pageOf<T extends TSchema>(item: T, options: { description: string; examples: unknown[] }) {
  return Type.Object({ ...pageFields, content: Type.Array(item) }, options)
}

/** Of a list that is in memory. */
export function pageFrom<T, U>(all: readonly T[], encode: (item: T) => U, query: Parameters<typeof decodePage>[0]) {
  const asked = decodePage(query)
  return encodePage(all.length, all.slice(asked.offset, asked.offset + asked.size).map(encode), asked)
}

/** galaxy's arithmetic: a page beyond the end is the end itself. */
export function encodePage<T>(total: number, content: T[], { size, offset }: PageAsked) {
  const start = Math.min(offset, total)
  return {
    last: start + size >= total,
    totalElements: total,
    totalPages: Math.ceil(total / size),
    first: start === 0,
    numberOfElements: content.length,
    size,
    number: Math.floor(start / size),
    content,
  }
}

/** A point in time as the API writes it: RFC 3339, UTC. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString()
}

/** An owner, empty fields left out; the same names everywhere. */
export const ownerFields = {
  namespace: Type.Optional(Type.String({ description: 'Namespace of the pod.' })),
  appName: Type.Optional(Type.String({ description: 'Name of the workload; NULL for a pod without one.' })),
  podName: Type.Optional(Type.String({ description: 'Missing: kept without a pod.' })),
  poolName: Type.Optional(Type.String({ description: 'The named pool.' })),
  appType: Type.Optional(Type.String({ description: 'deployment, statefulset, NULL, or another kind.' })),
}
