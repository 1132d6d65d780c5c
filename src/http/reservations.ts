/** Owns the routes of reservations. */
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { Gate } from '../app/gate.ts'
import type { Reservations } from '../app/reservations.ts'
import { isRefusal } from '../domain/refusal.ts'
import { objectName } from '../ip/address.ts'
import { encodePage, failure, failures, notReady, PageQuery, pageFrom, pageOf } from './answers.ts'
import { decodeReservation, encodeReservation, ReservationBody, ReservationItem } from './reservation-wire.ts'

const Id = Type.Object({ id: Type.String({ description: 'As the list shows it.', examples: ['5f1c9a52-7c1e'] }) })

const Ended = Type.Object(
  {
    code: Type.Integer(),
    message: Type.String(),
    freed: Type.Integer({ description: 'Addresses that are free now.' }),
    left: Type.Integer({
      description: 'Addresses that a pod has, or had and its policy keeps: they follow that policy from now on.',
    }),
  },
  { description: 'It has ended.', examples: [{ code: 200, message: '', freed: 2, left: 1 }] },
)

const Page = pageOf(ReservationItem, {
  description: 'Reservations.',
  examples: [encodePage(ReservationItem.examples.length, ReservationItem.examples, { size: 10, offset: 0 })],
})

export interface ReservationRouteParts {
  readonly gate: Gate
  readonly reservations: Reservations
}

export function reservationRoutes({ gate, reservations }: ReservationRouteParts) {
  const unknown = (id: string) => failure(404, `reservation ${id} does not exist`)
  return new Elysia({ name: 'reservations' })
    .get('/v1/reservations', ({ query }) => pageFrom(reservations.list(), encodeReservation, query), {
      query: Type.Object(PageQuery),
      response: { 200: Page },
      detail: {
        tags: ['reservations'],
        summary: 'List reservations',
        description:
          'Those made over the API, and addresses that an object with the label `reserved` (or one that cannot be read) keeps out of circulation.',
      },
    })
    .post(
      '/v1/reservations',
      async ({ body, status }) => {
        const request = decodeReservation(body, reservations.now())
        if (!gate.open) return status(503, notReady(gate))
        const made = await reservations.create(request)
        if (!isRefusal(made)) return status(201, encodeReservation(made))
        return status(409, failure(409, made.because))
      },
      {
        parse: 'json',
        body: ReservationBody,
        response: { 201: ReservationItem, ...failures(400, 409, 503) },
        detail: {
          tags: ['reservations'],
          summary: 'Reserve addresses',
          description:
            'For the pods of an app before they exist, or for nobody (out of circulation); all or none. Answered once they are in FloatingIP objects. A StatefulSet’s addresses are reserved pod by pod, those of a Deployment (with policy immutable or never) or a pool for whichever pod comes. While the reservation lasts, the address of a pod that ends goes back to it.',
        },
      },
    )
    .get(
      '/v1/reservations/:id',
      ({ params: { id }, status }) => {
        const found = reservations.get(id)
        return found === null ? status(404, unknown(id)) : encodeReservation(found)
      },
      {
        params: Id,
        response: { 200: ReservationItem, ...failures(404) },
        detail: {
          tags: ['reservations'],
          summary: 'Show a reservation',
          description: 'With who has its addresses now.',
        },
      },
    )
    .delete(
      '/v1/reservations/:id',
      async ({ params: { id }, status }) => {
        if (!gate.open) return status(503, notReady(gate))
        const found = reservations.get(id)
        if (found?.reservation === null) {
          const how = `kubectl delete floatingip ${found.rows.map(row => objectName(row.address)).join(' ')}`
          return status(409, failure(409, `${id} is kept by an object that was not made over the API: ${how}`))
        }
        const ended = await reservations.end(id)
        return ended === null ? status(404, unknown(id)) : { code: 200, message: '', ...ended }
      },
      {
        params: Id,
        response: { 200: Ended, ...failures(404, 409, 503) },
        detail: {
          tags: ['reservations'],
          summary: 'End a reservation',
          description: 'Addresses that no pod has are free; those in use stay with their pods.',
        },
      },
    )
}
