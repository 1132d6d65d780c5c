/** Owns `floatip events`: none is left out, and a floatip that starts anew does not end it. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { closeWorlds, openWorld, startWorld, until, type World } from '../app/world.ts'
import { serveApi, type } from './asking.ts'

let world: World
let served: ReturnType<typeof serveApi>

const RESERVED = 30

beforeAll(async () => {
  world = await openWorld()
  served = serveApi(world)
  const headers = { 'content-type': 'application/json' }
  for (let at = 0; at < RESERVED; at++) {
    const body = JSON.stringify({ ips: ['10.0.0.2'] })
    const made = await fetch(`${served.url}/v1/reservations`, { method: 'POST', headers, body })
    const { id } = (await made.json()) as { id: string }
    await fetch(`${served.url}/v1/reservations/${id}`, { method: 'DELETE' })
  }
})
afterAll(async () => {
  served.stop()
  await closeWorlds()
})

const ids = (out: string) =>
  out.split('\n').flatMap(line => (line === '' ? [] : [(JSON.parse(line) as { id: number }).id]))

test('the latest twenty, oldest first', async () => {
  const found = ids((await type(served.url, 'events -o json')).out)
  expect(found).toEqual(Array.from({ length: 20 }, (_, at) => 2 * RESERVED - 19 + at))
})

test('--after: all that came after it, however many', async () => {
  const found = ids((await type(served.url, 'events -o json --after 5')).out)
  expect(found).toEqual(Array.from({ length: 2 * RESERVED - 5 }, (_, at) => 6 + at))
  expect(ids((await type(served.url, `events -o json --after ${2 * RESERVED}`)).out)).toEqual([])
})

test('--follow where nothing happens outlives a floatip that starts anew, and goes on after what was last', async () => {
  const asked: (string | null)[] = []
  const answers = [
    () => new Response(': floatip\n\n'),
    () => new Response('{"code":503,"message":"starting"}', { status: 503 }),
    () => new Response(`id: 8\nevent: free\ndata: {"id":8,"ip":"10.0.0.2","verb":"free","at":"t","because":"b"}\n\n`),
    () => new Response('{"code":400,"message":"enough"}', { status: 400 }),
  ]
  const other = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch(request) {
      if (!request.url.includes('/v1/events')) return Response.json({ content: [{ id: 7 }], last: true })
      asked.push(request.headers.get('last-event-id'))
      return answers.shift()?.() ?? new Response('', { status: 400 })
    },
  })
  const typed = await type(`http://127.0.0.1:${other.port}`, 'events --follow -o name')
  await other.stop(true)
  expect(typed).toEqual({ code: 2, out: '10.0.0.2\n', err: 'starting; trying again\nfloatip: enough\n' })
  expect(asked).toEqual(['7', '7', '7', '8'])
}, 15_000)

test('what a floatip says that is not ready is marked: it may be old', async () => {
  const waiting = startWorld({ entries: null })
  await until(() => waiting.gate.waitingFor.includes('does not exist'))
  const { url, stop } = serveApi(waiting)
  const warning = `warning: floatip is not ready (waiting for ${waiting.gate.waitingFor}): this is from its own ledger, and may be old\n`
  expect(await type(url, 'export')).toEqual({ code: 0, out: '[]\n', err: warning })
  expect((await type(url, 'ip ls')).err).toBe(`no address matches\n${warning}`)
  const refused = await type(url, 'check')
  expect(refused).toMatchObject({ code: 1, err: expect.not.stringContaining('warning') })
  stop()
})
