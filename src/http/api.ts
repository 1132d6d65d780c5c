/** Owns the API's port: which routes it has, and that every mistake is answered in one shape. */
import { Elysia } from 'elysia'
import type { Verbosity } from '../app/verbosity.ts'
import type { Log } from '../lib/log.ts'
import { isJson, JSON_TYPE } from './answers.ts'
import { type BackupRouteParts, backupRoutes } from './backup.ts'
import { type CheckRouteParts, checkRoutes } from './check.ts'
import { refuseOtherSites } from './cross-site.ts'
import { docsRoutes } from './docs.ts'
import { type EventRouteParts, eventRoutes } from './events.ts'
import { type ExplainRouteParts, explainRoutes } from './explain.ts'
import { type HistoryRouteParts, historyRoutes } from './history.ts'
import { type ImportRouteParts, importRoute } from './import.ts'
import { type IpParts, ipRoutes } from './ip.ts'
import { refuseDepth } from './json.ts'
import { logLevelRoutes } from './log-level.ts'
import { type Exposition, metricsRoute } from './metrics.ts'
import { answerMistake } from './mistakes.ts'
import { type OneAddressRouteParts, oneAddressRoutes } from './one-address.ts'
import { SILENT_MAX_S } from './patience.ts'
import { type PlanRouteParts, planRoutes } from './plan.ts'
import { type PoolRouteParts, poolRoutes } from './pools.ts'
import { probeRoutes } from './probes.ts'
import { profileRoute } from './profile.ts'
import { type ReservationRouteParts, reservationRoutes } from './reservations.ts'
import { type SubnetRouteParts, subnetRoutes } from './subnets.ts'

/** An import of 50,000 addresses, at up to 300 bytes each. */
const BODY_MAX = 16 * 1024 * 1024

export interface ApiParts
  extends IpParts,
    PoolRouteParts,
    OneAddressRouteParts,
    HistoryRouteParts,
    EventRouteParts,
    SubnetRouteParts,
    BackupRouteParts,
    ExplainRouteParts,
    ReservationRouteParts,
    CheckRouteParts,
    PlanRouteParts,
    ImportRouteParts {
  readonly metrics: Exposition
  readonly verbosity: Verbosity
  /** Serves CPU profiles. */
  readonly profiling: boolean
  readonly log: Log
  readonly version: string
  /** The Swagger 1.2 listing is served too. */
  readonly swagger12: boolean
}

/** All that people and scripts ask; the reference page describes these. */
function routesOf(parts: ApiParts) {
  const app = new Elysia()
    .use(ipRoutes(parts))
    .use(oneAddressRoutes(parts))
    .use(historyRoutes(parts))
    .use(eventRoutes(parts))
    .use(subnetRoutes(parts))
    .use(poolRoutes(parts))
    .use(explainRoutes(parts))
    .use(planRoutes(parts))
    .use(reservationRoutes(parts))
    .use(checkRoutes(parts))
    .use(importRoute(parts))
    .use(backupRoutes(parts))
    .use(logLevelRoutes(parts.verbosity))
    .use(metricsRoute(parts.metrics))
    .use(probeRoutes(parts.gate))
  return parts.profiling ? app.use(profileRoute()) : app
}

export function apiApp(parts: ApiParts) {
  // Else Elysia would make a body fit before it is looked at, and a list would pass for an object without fields.
  const app = new Elysia({ normalize: false, serve: { maxRequestBodySize: BODY_MAX, idleTimeout: SILENT_MAX_S } })
  const { version, swagger12 } = parts
  return app
    .onError(mistake => answerMistake(app, parts.log, mistake))
    .onRequest(refuseOtherSites)
    .onTransform(({ body }) => refuseDepth(body))
    .onAfterHandle(({ response, set }) => {
      if (isJson(response)) set.headers['content-type'] ??= JSON_TYPE
    })
    .use(routesOf(parts))
    .use(docsRoutes({ routes: () => routesOf(parts), version, swagger12 }))
}
