/** Owns the proof that every end of a watch is noticed and told for what it is. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { type Transport, Unanswered } from '../../src/kube/transport.ts'
import { type WatchEvent, type WatchOptions, watchOnce } from '../../src/kube/watch.ts'
import { bookmark, type FakeApi, fakeApi, type Out, status, thing } from './api-server.ts'
import { makeCerts } from './certs.ts'
import { connectTo, failureOf, kubeconfig } from './fixtures.ts'

const path = '/api/v1/things'
const certs = makeCerts()
let server: FakeApi
let api: Transport

beforeAll(async () => {
  server = await fakeApi(certs)
  api = connectTo(kubeconfig(certs, server.url, {})).api
})
afterAll(() => server.stop())
beforeEach(() => {
  server.asked.length = 0
})

/** What came before the end, and the end. */
async function watched(stream: (out: Out) => void, options: Partial<WatchOptions> = {}) {
  server.answer = () => ({ stream })
  const events: WatchEvent[] = []
  const work = (async () => {
    for await (const event of watchOnce(api, path, { resourceVersion: '5', random: () => 0, ...options }))
      events.push(event)
  })()
  const failure = await failureOf(
    work.then(() => {
      throw 'good end'
    }),
  )
  return { kinds: events.map(event => event.type).join(' '), events, failure }
}

test('events and bookmarks until the server’s good end', async () => {
  const { events, failure } = await watched(out => {
    out.line({ type: 'ADDED', object: thing('a', 'u1', 6) })
    out.line(bookmark(8))
    out.end()
  })
  expect(failure).toBe('good end')
  expect(events).toEqual([
    { type: 'OPENED' },
    { type: 'ADDED', object: thing('a', 'u1', 6) },
    { type: 'BOOKMARK', resourceVersion: '8' },
  ])
})

test('asks for bookmarks, from the version, for 290 to 590 s', async () => {
  await watched(out => out.end(), { random: () => 0, labelSelector: 'a=b' })
  await watched(out => out.end(), { random: () => 0.999 })
  const asked = server.asked.map(one => Object.fromEntries(one.query))
  const same = { watch: 'true', allowWatchBookmarks: 'true', resourceVersion: '5' }
  expect(asked).toEqual([
    { ...same, timeoutSeconds: '290', labelSelector: 'a=b' },
    { ...same, timeoutSeconds: '590' },
  ])
})

test('a chunk that ends inside a character', async () => {
  const bytes = new TextEncoder().encode(`${JSON.stringify({ type: 'ADDED', object: thing('a', 'u', 6, 'ä€𝄞') })}\n`)
  const { events } = await watched(out => {
    let at = 0
    const next = () => {
      if (at === bytes.length) return out.end()
      out.raw(bytes.subarray(at, ++at))
      setImmediate(next)
    }
    next()
  })
  expect(events[1]).toEqual({ type: 'ADDED', object: thing('a', 'u', 6, 'ä€𝄞') })
})

test('OPENED comes before any event: silence right after the opening is not mistaken for no connection', async () => {
  const { kinds, failure } = await watched(() => {}, { idleMs: 40 })
  expect(kinds).toBe('OPENED')
  expect(failure).toBeInstanceOf(Unanswered)
})

test('half-open silence is ended by our own timer, and the connection is given back', async () => {
  let closed: Promise<void> | undefined
  const { kinds, failure } = await watched(
    out => {
      closed = out.closed
      out.line(bookmark(6))
    },
    { idleMs: 40 },
  )
  expect(kinds).toBe('OPENED BOOKMARK')
  expect(failure).toMatchObject({ name: 'Unanswered', retryable: true })
  expect(String(failure)).toContain('silence for 40 ms')
  await closed
})

test('each byte starts the idle timer again', async () => {
  const { kinds } = await watched(
    async out => {
      for (let n = 0; n < 6; n++) {
        out.raw(' ')
        await Bun.sleep(100)
      }
      out.line(bookmark(6))
      out.end()
    },
    { idleMs: 400 },
  )
  expect(kinds).toBe('OPENED BOOKMARK')
})

test('a reset connection', async () => {
  const { kinds, failure } = await watched(out => {
    out.line(bookmark(6))
    setTimeout(out.reset, 20)
  })
  expect(kinds).toBe('OPENED BOOKMARK')
  expect(failure).toBeInstanceOf(Unanswered)
})

test('a line cut in two by the end is a broken connection', async () => {
  const { failure } = await watched(out => {
    out.raw('{"type":"ADDED","obj')
    out.end()
  })
  expect(failure).toBeInstanceOf(Unanswered)
})

test('ERROR events are thrown with their code, what came before is kept', async () => {
  const { kinds, failure } = await watched(out => {
    out.line(bookmark(6))
    out.line({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' } })
  })
  expect(kinds).toBe('OPENED BOOKMARK')
  expect(failure).toMatchObject({
    name: 'ApiError',
    status: 410,
    reason: 'Expired',
    message: `watch ${path}: 410 Expired: too old`,
  })
})

test('a refusal before the stream', async () => {
  server.answer = () => status(403, 'Forbidden')
  const watch = watchOnce(api, path, { resourceVersion: '5', random: () => 0 })
  expect(await failureOf(watch.next())).toMatchObject({ status: 403 })
})

for (const last of ['OPENED', 'BOOKMARK'])
  test(`leaving the loop after ${last} closes the connection`, async () => {
    let closed: Promise<void> | undefined
    server.answer = () => ({
      stream(out) {
        closed = out.closed
        out.line(bookmark(6))
      },
    })
    for await (const event of watchOnce(api, path, { resourceVersion: '5', random: () => 0 }))
      if (event.type === last) break
    await closed
  })

test('aborting closes it too', async () => {
  const giveUp = new AbortController()
  let closed: Promise<void> | undefined
  const { failure } = await watched(
    out => {
      closed = out.closed
      out.line(bookmark(6))
      setTimeout(() => giveUp.abort(), 20)
    },
    { signal: giveUp.signal },
  )
  expect(failure).toMatchObject({ name: 'Unanswered', retryable: false })
  await closed
})
