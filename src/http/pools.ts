/** Owns the routes of named pools, in galaxy-ipam's form. */
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import type { Gate } from '../app/gate.ts'
import type { Pools } from '../app/pools.ts'
import { isPoolName } from '../domain/owner.ts'
import { BadRequest } from './json.ts'

const PoolItem = Type.Object({
  name: Type.String(),
  size: Type.Integer({ description: 'The most addresses that pods of the pool may have together.' }),
  preAllocateIP: Type.Boolean(),
})

const PoolBody = Type.Object({
  name: Type.String({ description: 'A DNS-1123 name.' }),
  size: Type.Integer({ minimum: 0 }),
  preAllocateIP: Type.Optional(Type.Boolean({ description: 'Allocate up to the size at once.' })),
})

const Answer = Type.Object({ code: Type.Integer(), message: Type.String() })
const Found = Type.Object({ code: Type.Integer(), message: Type.String(), pool: PoolItem })
const Sized = Type.Object({ code: Type.Integer(), message: Type.String(), realPoolSize: Type.Integer() })
const Name = Type.Object({ name: Type.String() })

export function poolRoutes(pools: Pools, gate: Gate) {
  const closed = () => ({ code: 503, message: `floatip is not ready: waiting for ${gate.waitingFor}` })
  const unknown = (name: string) => ({ code: 404, message: `pool ${name} does not exist` })
  return new Elysia({ name: 'pools' })
    .get(
      '/v1/pool/:name',
      async ({ params, set }) => {
        const pool = await pools.get(params.name)
        if (pool === null) {
          set.status = 404
          return unknown(params.name)
        }
        return { code: 200, message: '', pool: { name: pool.name, size: pool.size, preAllocateIP: pool.preallocate } }
      },
      { params: Name, response: { 200: Found, 404: Answer }, detail: { summary: 'Show a pool' } },
    )
    .post(
      '/v1/pool',
      async ({ body, set }) => {
        const { name, size, preAllocateIP = false } = body
        if (!gate.open) {
          set.status = 503
          return closed()
        }
        if (!isPoolName(name))
          throw new BadRequest(`name must be a DNS-1123 name such as web-pool, not ${JSON.stringify(name)}`)
        const allocated = await pools.put(name, size, preAllocateIP)
        if (allocated === null) return { code: 200, message: '' }
        if (allocated >= size) return { code: 200, message: '', realPoolSize: allocated }
        set.status = 202
        return { code: 202, message: 'No enough IPs', realPoolSize: allocated }
      },
      {
        type: 'json',
        body: PoolBody,
        response: { 200: Type.Union([Sized, Answer]), 202: Sized, 400: Answer, 503: Answer },
        detail: { summary: 'Create or resize a pool' },
      },
    )
    .delete(
      '/v1/pool/:name',
      async ({ params, set }) => {
        if (!gate.open) {
          set.status = 503
          return closed()
        }
        if (await pools.remove(params.name)) return { code: 200, message: '' }
        set.status = 404
        return unknown(params.name)
      },
      {
        params: Name,
        response: { 200: Answer, 404: Answer, 503: Answer },
        detail: { summary: 'Delete a pool; its addresses stay' },
      },
    )
}
