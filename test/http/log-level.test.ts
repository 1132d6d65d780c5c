/** Owns the proof that the log level can be changed while floatip runs, and falls back by itself. */
import { afterEach, expect, test } from 'bun:test'
import { api } from '../app/asking.ts'
import { closeWorlds, openWorld, until, type World } from '../app/world.ts'

afterEach(closeWorlds)

const get = (world: World) => api<{ level: string }>(world, '/v1/log-level')
const put = (world: World, body: object) =>
  api<Record<string, unknown>>(world, '/v1/log-level', {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

test('until further notice', async () => {
  const world = await openWorld()
  expect(await get(world)).toEqual({ status: 200, body: { level: 'debug', startLevel: 'debug' } as never })
  expect(await put(world, { level: 'warn' })).toEqual({ status: 200, body: { level: 'warn', startLevel: 'debug' } })
  expect((await get(world)).body.level).toBe('warn')
  expect(world.logged).toContain('warn the log level changes {"from":"debug","to":"warn"}')
})

test('for a while: whoever raises it need not remember to lower it', async () => {
  const world = await openWorld({ speed: 100 })
  const { body } = await put(world, { level: 'error', seconds: 5 })
  expect(body).toMatchObject({ level: 'error', until: expect.stringMatching(/^\d{4}-.*Z$/) })
  await until(() => world.logged.some(line => line.startsWith('warn the log level is that of the start again')))
  expect((await get(world)).body as object).toEqual({ level: 'debug', startLevel: 'debug' })
})

test('a later change outlives the end of an earlier one', async () => {
  const world = await openWorld({ speed: 100 })
  await put(world, { level: 'error', seconds: 5 })
  await put(world, { level: 'warn' })
  await Bun.sleep(120)
  expect((await get(world)).body.level).toBe('warn')
})

test.each([
  [{}, 'level'],
  [{ level: 'loud' }, 'level'],
  [{ level: 'debug', seconds: 0 }, 'seconds'],
  [{ level: 'debug', seconds: 1e9 }, 'seconds'],
])('%j is a 400 that names the field', async (body, field) => {
  const world = await openWorld()
  const answer = await put(world, body)
  expect(answer.status).toBe(400)
  expect(answer.body.message as string).toContain(field)
})

test('only GET and PUT', async () => {
  const world = await openWorld()
  expect((await api(world, '/v1/log-level', { method: 'DELETE' })).status).toBe(405)
})
