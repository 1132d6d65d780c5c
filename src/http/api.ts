/** Owns the API's port: what people and scripts ask about addresses, and the probes. */
import { Elysia } from 'elysia'
import type { Addresses } from '../app/addresses.ts'
import type { Check } from '../app/check.ts'
import type { Explaining } from '../app/explain.ts'
import type { Gate } from '../app/gate.ts'
import type { Import } from '../app/import.ts'
import type { Planning } from '../app/plan.ts'
import type { Pools } from '../app/pools.ts'
import type { Repair } from '../app/repair.ts'
import type { Reservations } from '../app/reservations.ts'
import type { Verbosity } from '../app/verbosity.ts'
import { messageOf } from '../lib/fault.ts'
import type { Log } from '../lib/log.ts'
import { checkRoutes } from './check.ts'
import { explainRoutes } from './explain.ts'
import { importRoute } from './import.ts'
import { decodeList, decodeRelease, encodePage, ListQuery, Outcome, Page, ReleaseBody, Unreleased } from './ip-wire.ts'
import { BadRequest } from './json.ts'
import { logLevelRoutes } from './log-level.ts'
import { type Exposition, metricsRoute } from './metrics.ts'
import { planRoutes } from './plan.ts'
import { poolRoutes } from './pools.ts'
import { profileRoute } from './profile.ts'
import { reservationRoutes } from './reservations.ts'

/** 10,000 releases of 100 bytes. */
const BODY_MAX = 1024 * 1024

export interface ApiParts {
  readonly gate: Gate
  readonly addresses: Addresses
  readonly pools: Pools
  readonly explaining: Explaining
  readonly reservations: Reservations
  readonly check: Check
  readonly repair: Repair
  readonly planning: Planning
  readonly importing: Import
  readonly metrics: Exposition
  readonly verbosity: Verbosity
  /** Serves CPU profiles. */
  readonly profiling: boolean
  readonly log: Log
}

export function apiApp(parts: ApiParts) {
  const { gate, addresses, pools, metrics, verbosity, profiling, log } = parts
  const app = new Elysia({ serve: { maxRequestBodySize: BODY_MAX } })
    .onError(({ error, code, set }) => {
      const status = statusOf(error, code)
      set.status = status
      if (status === 500) log.error({ err: error }, 'API request failed')
      return { code: status, message: textOf(error, code) }
    })
    .get(
      '/v1/ip',
      ({ query }) => {
        const { search, page, size } = decodeList(query)
        return encodePage(addresses.list(search), page, size)
      },
      {
        query: ListQuery,
        response: { 200: Page, 400: Outcome },
        detail: { summary: 'List addresses, by owner or all' },
      },
    )
    .post(
      '/v1/ip',
      async ({ body, set }) => {
        const requests = decodeRelease(body)
        if (!gate.open) {
          set.status = 503
          return { code: 503, message: `floatip is not ready: waiting for ${gate.waitingFor}` }
        }
        const reasons = await Promise.all(requests.map(request => addresses.release(request)))
        const left = requests.flatMap(({ address }, at) =>
          reasons[at] ? [{ ip: address.text, reason: reasons[at] }] : [],
        )
        if (left.length === 0) return { code: 200, message: '' }
        set.status = 202
        const message = `${left.length} of ${requests.length} addresses were not released`
        return { code: 202, message, unreleased: left.map(({ ip }) => ip), reasons: left.map(({ reason }) => reason) }
      },
      {
        type: 'json',
        parse: 'json',
        body: ReleaseBody,
        response: { 200: Outcome, 202: Unreleased, 400: Outcome, 503: Outcome },
        detail: { summary: 'Release addresses whose owner matches and whose pod is gone' },
      },
    )
    .all('/v1/ip', ({ set }) => {
      set.status = 405
      set.headers.allow = 'GET, POST'
      return { code: 405, message: '/v1/ip takes GET and POST' }
    })
    .use(poolRoutes(pools, gate))
    .use(explainRoutes(parts))
    .use(reservationRoutes(parts))
    .use(checkRoutes(parts))
    .use(planRoutes(parts))
    .use(importRoute(parts))
    .use(metricsRoute(metrics))
    .use(logLevelRoutes(verbosity))
    .get('/livez', () => 'ok')
    .get('/healthz', () => 'ok')
    .get('/readyz', ({ set }) => {
      if (gate.open) return 'ok'
      set.status = 503
      return `waiting for ${gate.waitingFor}`
    })
  return profiling ? app.use(profileRoute()) : app
}

function statusOf(error: unknown, code: string | number): number {
  if (error instanceof BadRequest || code === 'VALIDATION' || code === 'PARSE') return 400
  return code === 'NOT_FOUND' ? 404 : 500
}

function textOf(error: unknown, code: string | number): string {
  if (code === 'NOT_FOUND') return 'no such path'
  if (code === 'PARSE') return 'the body is not JSON'
  if (code === 'VALIDATION') return validationText(error)
  return messageOf(error)
}

/** The first thing that is wrong and where, instead of Elysia's internals. */
function validationText(error: unknown): string {
  const { all, type } = error as { all?: { path?: string; message?: string; summary?: string }[]; type?: string }
  const first = all?.[0]
  const where = first?.path ? ` at ${first.path}` : ''
  return `${type ?? 'request'}${where}: ${first?.summary ?? first?.message ?? 'not of the expected form'}`
}
