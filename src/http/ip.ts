/** Owns the routes of addresses: galaxy-ipam's list and release. */
import { Elysia } from 'elysia'
import type { Addresses } from '../app/addresses.ts'
import type { Gate } from '../app/gate.ts'
import { Done, failure, failures, notReady } from './answers.ts'
import { asGoReads, firstOfEach } from './go-body.ts'
import { decodeList, decodeRelease, encodeList, ListQuery, Page, ReleaseBody, Unreleased } from './ip-wire.ts'

export interface IpParts {
  readonly gate: Gate
  readonly addresses: Addresses
}

export function ipRoutes({ gate, addresses }: IpParts) {
  return new Elysia({ name: 'ip' })
    .get(
      '/v1/ip',
      async ({ query, status }) => {
        const { search, asked } = decodeList(query)
        if (!gate.open && !addresses.remembered()) return status(503, notReady(gate))
        return encodeList(await addresses.list(search), asked)
      },
      {
        transform: firstOfEach(ListQuery),
        query: ListQuery,
        response: { 200: Page, ...failures(400, 503) },
        detail: {
          tags: ['addresses'],
          summary: 'List addresses',
          description:
            'Filters combine with AND. Without any filter every configured address is listed, the free ones too. 503 until floatip is ready, unless it leads and has them on disk.',
        },
      },
    )
    .post(
      '/v1/ip',
      async ({ body, status }) => {
        const requests = decodeRelease(body)
        if (!gate.open) return status(503, notReady(gate))
        const reasons = await addresses.release(requests)
        const left = requests.flatMap(({ address }, at) =>
          reasons[at] ? [{ ip: address.text, reason: reasons[at] }] : [],
        )
        if (left.length === 0) return failure(200, '')
        const message = `${left.length} of ${requests.length} addresses were not released`
        const unreleased = left.map(({ ip }) => ip)
        return status(202, { code: 202, message, unreleased, reasons: left.map(({ reason }) => reason) })
      },
      {
        parse: 'json',
        transform: asGoReads(ReleaseBody),
        body: ReleaseBody,
        response: { 200: Done, 202: Unreleased, ...failures(400, 503) },
        detail: {
          tags: ['addresses'],
          summary: 'Release addresses',
          description:
            'Releases each address whose owner is as given and whose pod is gone; one that is free already counts as released. 202 names those that were not, and why. Keys in any case. 400 for what cannot be read, before anything is released.',
        },
      },
    )
}
