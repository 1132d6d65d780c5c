/** Owns `floatip events`: none is left out, and a floatip that starts anew does not end it. */

import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createServer } from 'node:net'
import { run } from '../app/asking.ts'
import { pod } from '../app/objects.ts'
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

test('--follow outlives a floatip that is killed in the middle of what it says', async () => {
  const { port, stop } = await answering([
    `${HEAD}transfer-encoding: chunked\r\n\r\n`,
    'HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n',
  ])
  const server = `http://127.0.0.1:${port}`
  const { code, err } = await type(server, 'events --follow --after 7')
  stop()
  expect({ code, err }).toEqual({
    code: 2,
    err: `${server}/v1/events broke off its answer (ECONNRESET); trying again\nfloatip: ${server}/v1/events answered 400\n`,
  })
}, 15_000)

test.each([
  ['ip show 10.0.0.2', '/v1/ip/10.0.0.2'],
  ['pool set web 3', '/v1/pool'],
  ['backup -', '/v1/backup'],
])('%s: an answer that is cut is told in words', async (line, path) => {
  const { port, stop } = await answering([`${HEAD}content-length: 100\r\n\r\n`])
  const server = `http://127.0.0.1:${port}`
  const typed = await type(server, line)
  stop()
  expect(typed).toEqual({ code: 1, out: '', err: `floatip: ${server}${path} broke off its answer (ECONNRESET)\n` })
})

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n'

/** A server that gives these answers, each as it stands, and hangs up; it is not asked whether it is ready. */
async function answering(answers: string[]): Promise<{ readonly port: number; stop(): void }> {
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.once('data', asked => {
      const answer = String(asked).includes('/readyz') ? '' : (answers.shift() ?? '')
      socket.write(answer, () => setTimeout(() => socket.end(), 50))
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  return { port, stop: () => void server.close() }
}

test('what a floatip says that is not ready is marked: it may be old', async () => {
  const before = await openWorld()
  await run(before, pod('p'))
  const { api: server, dir } = before
  await before.stop()
  const door = server.hold('list pods')
  const waiting = startWorld({ api: server, dir })
  await door.arrived
  await until(() => waiting.gate.waitingFor === 'the lists of pods')
  const { url, stop } = serveApi(waiting)
  const warning = `warning: floatip is not ready (waiting for ${waiting.gate.waitingFor}): this is from its own ledger, and may be old\n`
  expect(await type(url, 'export')).toMatchObject({ code: 0, out: expect.stringContaining('10.0.0.2'), err: warning })
  expect((await type(url, 'ip ls --namespace none')).err).toBe(`no address matches\n${warning}`)
  const refused = await type(url, 'check')
  expect(refused).toMatchObject({ code: 1, err: expect.not.stringContaining('warning') })
  door.release()
  await waiting.ready()
  stop()
})

test('one that has nothing to say yet says so', async () => {
  const waiting = startWorld({ entries: null })
  const { url, stop } = serveApi(waiting)
  expect(await type(url, 'ip ls')).toMatchObject({
    code: 1,
    out: '',
    err: expect.stringContaining('floatip is not ready: waiting for'),
  })
  stop()
})
