/** Owns the API's port: which routes it has, and that every mistake is answered in one shape. */
import { Elysia } from 'elysia'
import type { Addresses } from '../app/addresses.ts'
import type { Gate } from '../app/gate.ts'
import type { Pools } from '../app/pools.ts'
import type { Log } from '../lib/log.ts'
import { ipRoutes } from './ip.ts'
import { answerMistake } from './mistakes.ts'
import { poolRoutes } from './pools.ts'
import { probeRoutes } from './probes.ts'

/** 10,000 releases of 100 bytes. */
const BODY_MAX = 1024 * 1024

export interface ApiParts {
  readonly gate: Gate
  readonly addresses: Addresses
  readonly pools: Pools
  readonly log: Log
}

export function apiApp(parts: ApiParts) {
  const app = new Elysia({ serve: { maxRequestBodySize: BODY_MAX } })
  return app
    .onError(mistake => answerMistake(app, parts.log, mistake))
    .use(ipRoutes(parts))
    .use(poolRoutes(parts))
    .use(probeRoutes(parts.gate))
}
