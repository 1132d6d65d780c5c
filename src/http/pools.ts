/** Owns the routes of named pools, in galaxy-ipam's form. */
import { type Static, Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { Gate } from '../app/gate.ts'
import type { PoolListed, Pools } from '../app/pools.ts'
import { isObjectName } from '../domain/owner.ts'
import { Done, encodePage, failure, failures, notReady, PageQuery, pageFrom, pageOf } from './answers.ts'
import { asGoReads, firstOfEach } from './go-body.ts'
import { BadRequest } from './json.ts'

const PoolItem = Type.Object({
  name: Type.String(),
  size: Type.Integer({ description: 'The most addresses that pods of the pool may have together.' }),
  preAllocateIP: Type.Boolean(),
})

const ListedItem = Type.Object({
  name: Type.String(),
  size: Type.Optional(Type.Integer({ description: 'Missing: it has addresses and no size, and nothing limits it.' })),
  preAllocateIP: Type.Boolean(),
  allocated: Type.Integer({ description: 'Addresses that it has, with a pod or without.' }),
  inUse: Type.Integer({ description: 'Of these with a pod.' }),
})
const LISTED = { name: 'web', size: 4, preAllocateIP: true, allocated: 4, inUse: 2 }
const PoolsPage = pageOf(ListedItem, {
  description: 'One page of pools, by name.',
  examples: [encodePage(1, [LISTED], { size: 10, offset: 0 })],
})

const PoolsQuery = Type.Object(PageQuery)

const PoolBody = Type.Object(
  {
    name: Type.String({ description: 'A DNS-1123 name.' }),
    size: Type.Integer({ minimum: 0, description: 'The most addresses that pods of the pool may have together.' }),
    preAllocateIP: Type.Optional(Type.Boolean({ description: 'Allocate up to the size at once.' })),
  },
  { examples: [{ name: 'web', size: 4, preAllocateIP: true }] },
)

const Found = Type.Object(
  { code: Type.Integer(), message: Type.String(), pool: PoolItem },
  {
    description: 'The pool.',
    examples: [{ code: 200, message: '', pool: { name: 'web', size: 4, preAllocateIP: false } }],
  },
)
const Sized = Type.Object(
  { code: Type.Integer(), message: Type.String(), realPoolSize: Type.Integer() },
  {
    description: 'realPoolSize: the addresses that the pool has now.',
    examples: [{ code: 202, message: 'No enough IPs', realPoolSize: 3 }],
  },
)
const Name = Type.Object({ name: Type.String({ description: 'Name of the pool.', examples: ['web'] }) })

export interface PoolRouteParts {
  readonly gate: Gate
  readonly pools: Pools
}

export function poolRoutes({ gate, pools }: PoolRouteParts) {
  const unknown = (name: string) => failure(404, `not found: pool ${name}`)
  return new Elysia({ name: 'pools' })
    .get('/v1/pool', ({ query }) => pageFrom(pools.list(), encodeListed, query), {
      transform: firstOfEach(PoolsQuery),
      query: PoolsQuery,
      response: { 200: PoolsPage, ...failures(503) },
      detail: {
        tags: ['pools'],
        summary: 'List pools',
        description: 'All that have a size or addresses, of every namespace.',
      },
    })
    .get(
      '/v1/pool/:name',
      async ({ params, status }) => {
        const pool = isObjectName(params.name) ? await pools.get(params.name) : null
        if (pool === null) return status(404, unknown(params.name))
        return { code: 200, message: '', pool: { name: pool.name, size: pool.size, preAllocateIP: pool.preallocate } }
      },
      {
        params: Name,
        response: { 200: Found, ...failures(404, 503) },
        detail: { tags: ['pools'], summary: 'Show a pool', description: 'As the API server has it now.' },
      },
    )
    .post(
      '/v1/pool',
      async ({ body, status }) => {
        const { name, size, preAllocateIP = false } = body
        if (!gate.open) return status(503, notReady(gate))
        if (!isObjectName(name))
          throw new BadRequest(`name must be a DNS-1123 name such as web-pool, not ${JSON.stringify(name)}`)
        const allocated = await pools.put(name, size, preAllocateIP)
        if (allocated === null) return { code: 200, message: '' }
        if (allocated >= size) return { code: 200, message: '', realPoolSize: allocated }
        return status(202, { code: 202, message: 'No enough IPs', realPoolSize: allocated })
      },
      {
        parse: 'json',
        transform: asGoReads(PoolBody),
        body: PoolBody,
        response: {
          200: Type.Union([Sized, Done], {
            description: 'Done.',
            examples: [{ code: 200, message: '', realPoolSize: 4 }],
          }),
          202: Sized,
          ...failures(400, 503),
        },
        detail: {
          tags: ['pools'],
          summary: 'Create or resize a pool',
          description:
            'With preAllocateIP the addresses are allocated at once; 202 when there were not enough. A smaller size frees what no pod uses.',
        },
      },
    )
    .delete(
      '/v1/pool/:name',
      async ({ params, status }) => {
        if (!gate.open) return status(503, notReady(gate))
        const removed = isObjectName(params.name) && (await pools.remove(params.name))
        return removed ? { code: 200, message: '' } : status(404, unknown(params.name))
      },
      {
        params: Name,
        response: { 200: Done, ...failures(404, 503) },
        detail: { tags: ['pools'], summary: 'Delete a pool', description: 'Its addresses stay with their owners.' },
      },
    )
}

function encodeListed({ name, pool, allocated, inUse }: PoolListed): Static<typeof ListedItem> {
  const counts = { allocated, inUse }
  return { name, ...(pool !== null && { size: pool.size }), preAllocateIP: pool?.preallocate ?? false, ...counts }
}
