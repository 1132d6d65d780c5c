/** Owns the proof of the table of bad input: each answer exactly as written, and floatip and its ledger as if nothing had been sent. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { carried, run } from '../app/asking.ts'
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
