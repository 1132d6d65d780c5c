/** Owns the proof of the table of bad input: each answer exactly as written, and floatip and its ledger as if nothing had been sent. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { OpenApi } from '../../src/http/openapi.ts'
import { api, carried, run } from '../app/asking.ts'
import { pod } from '../app/objects.ts'
import { closeWorlds, openWorld, type World } from '../app/world.ts'
import { ROWS, send } from './bad-input.ts'

let world: World

beforeAll(async () => {
  world = await openWorld()
  world.extender.listen({ hostname: '127.0.0.1', port: 0 })
  world.apiPort.listen({ hostname: '127.0.0.1', port: 0 })
  await run(world, pod('before'))
})
afterAll(async () => {
  await Promise.all([world.extender.stop(), world.apiPort.stop()])
  await closeWorlds()
})

test('the table has at least 60 rows, and none twice', () => {
  expect(ROWS.length).toBeGreaterThanOrEqual(60)
  expect(new Set(ROWS.map(({ line, what }) => `${line} ${what}`)).size).toBe(ROWS.length)
})

test('every error that the API’s description names has a row, and so has every route with a method that it does not take', async () => {
  const { paths } = (await api<OpenApi>(world, '/docs/json')).body
  const rowsOf = (path: string) => {
    const pattern = new RegExp(`^[A-Z]+ ${path.replaceAll(/\{\w+\}/g, '[^/?]+')}(\\?.*)?$`)
    return ROWS.filter(({ port, line }) => port === 'api' && pattern.test(line))
  }
  const missing = Object.entries(paths).flatMap(([path, operations]) => [
    ...(rowsOf(path).some(({ status }) => status === 405) ? [] : [`405 ${path}`]),
    ...Object.entries(operations).flatMap(([method, { responses }]) =>
      Object.keys(responses)
        .filter(status => /^4/.test(status))
        .map(status => ({ name: `${status} ${method.toUpperCase()} ${path}`, status: Number(status) }))
        .filter(({ status }) => {
          const of = (line: string) => line.startsWith(`${method.toUpperCase()} `)
          return !rowsOf(path).some(row => row.status === status && of(row.line))
        })
        .map(({ name }) => name),
    ),
  ])
  // A 409 of the others needs a state: their own tests have it.
  expect(missing).toEqual(['409 DELETE /v1/reservations/{id}'])
})

test.each(ROWS.map(row => [row.line, row.what, row] as const))('%s: %s', async (_, __, row) => {
  const { revision } = world.ledger
  expect(await send(world, row)).toEqual({ status: row.status, text: row.text })
  expect(world.ledger.revision).toBe(revision)
  expect(world.verify()).toBeNull()
  for (const [app, path] of [
    [world.extender, '/healthy'],
    [world.apiPort, '/readyz'],
  ] as const) {
    const alive = await fetch(`http://127.0.0.1:${app.server?.port}${path}`)
    expect([alive.status, await alive.text()]).toEqual([200, 'ok'])
  }
})

test('after all of them a pod still goes its whole way', async () => {
  await run(world, pod('after'))
  expect(carried(world, 'after')).toEqual(['10.0.0.3'])
  expect(world.logged.filter(line => line.startsWith('error'))).toEqual([])
})
