/** Owns `GET /metrics`: what Prometheus reads. It answers while floatip is not ready, and on those that do not lead. */
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'

export interface Exposition {
  readonly contentType: string
  /** The text of all metrics as they are now. */
  metrics(): Promise<string>
}

export function metricsRoute(exposition: Exposition) {
  return new Elysia({ name: 'metrics' }).get(
    '/metrics',
    async ({ set }) => {
      set.headers['content-type'] = exposition.contentType
      return await exposition.metrics()
    },
    {
      response: {
        200: Type.String({
          description: 'The Prometheus text format, version 0.0.4.',
          examples: ['# TYPE floatip_leader gauge\nfloatip_leader 1\n'],
        }),
      },
      detail: {
        tags: ['operation'],
        summary: 'Metrics for Prometheus',
        description: 'Every metric is listed in docs/reference/metrics.md.',
      },
    },
  )
}
