/** Owns the probes: the process lives, and it serves. */
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { Gate } from '../app/gate.ts'

const Alive = Type.String({ description: 'ok', examples: ['ok'] })
const Waiting = Type.String({
  description: 'Not ready: what floatip waits for.',
  examples: ['waiting for the FloatingIP objects'],
})

export function probeRoutes(gate: Gate) {
  return new Elysia({ name: 'probes' })
    .get('/livez', () => 'ok', {
      response: { 200: Alive },
      detail: { tags: ['operation'], summary: 'Is the process alive?', description: 'Answers as long as it runs.' },
    })
    .get('/healthz', () => 'ok', {
      response: { 200: Alive },
      detail: { tags: ['operation'], summary: 'Is the process alive?', description: 'The same as /livez.' },
    })
    .get('/readyz', ({ status }) => (gate.open ? 'ok' : status(503, `waiting for ${gate.waitingFor}`)), {
      response: { 200: Alive, 503: Waiting },
      detail: {
        tags: ['operation'],
        summary: 'Does it serve?',
        description:
          '200 once this process leads and knows ledger, objects, pods and configuration; else 503 and what it waits for.',
      },
    })
}
