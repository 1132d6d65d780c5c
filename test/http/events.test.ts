/** Owns GET /v1/events: every change once and in order, resumed where a reader was, and an end for who does not read. */
import { afterEach, expect, test } from 'bun:test'
import type { FeedItem } from '../../src/app/feed.ts'
import { FOLLOWERS_MAX } from '../../src/app/feed.ts'
import { streamOf } from '../../src/http/events.ts'
import { api, run } from '../app/asking.ts'
import { pod } from '../app/objects.ts'
import { closeWorlds, openWorld, until, type World } from '../app/world.ts'

afterEach(closeWorlds)

interface Sent {
  readonly id: number
  readonly event: string
  readonly data: Record<string, unknown>
}

/** Follows like a browser. */
async function follow(world: World, path = '/v1/events', headers: Record<string, string> = {}) {
  const response = await world.apiPort.handle(new Request(`http://floatip${path}`, { headers }))
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  const decoder = new TextDecoder()
  const got: Sent[] = []
  let text = ''
  async function next(): Promise<boolean> {
    const { value, done } = await reader.read()
    text += decoder.decode(value)
    const blocks = text.split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks.filter(each => !each.startsWith(':'))) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? ''
      got.push({ id: Number(field('id')), event: field('event'), data: JSON.parse(field('data')) })
    }
    return !done
  }
  await next()
  return {
    response,
    got,
    async until(count: number): Promise<readonly Sent[]> {
      while (got.length < count && (await next()));
      return got
    },
    end: () => reader.cancel(),
  }
}

const end = async (world: World, name: string, left: number) => {
  world.api.remove('pods', `default/${name}`)
  await until(() => world.rows().length === left)
}

test('changes from now on, with the id of the history, in the form of the history', async () => {
  const world = await openWorld()
  await run(world, pod('before'))
  const stream = await follow(world)
  expect(stream.response.headers.get('content-type')).toBe('text/event-stream')
  await run(world, pod('p'))
  await end(world, 'p', 1)
  const sent = await stream.until(2)
  expect(sent.map(({ id, event }) => `${id} ${event}`)).toEqual(['2 bind', '3 free'])
  const { content } = (await api<{ content: object[] }>(world, '/v1/history?pod=p')).body
  expect(sent.map(({ data }) => data).reverse()).toEqual(content as never)
  await stream.end()
})

test.each([
  ['Last-Event-ID', '/v1/events', { 'last-event-id': '1' }],
  ['after', '/v1/events?after=1', {}],
])('a reader goes on where it was: %s', async (_, path, headers) => {
  const world = await openWorld()
  for (const name of ['p1', 'p2', 'p3']) await run(world, pod(name))
  const stream = await follow(world, path, headers as Record<string, string>)
  expect((await stream.until(2)).map(({ id }) => id)).toEqual([2, 3])
  await run(world, pod('p4'))
  expect((await stream.until(3)).map(({ id }) => id)).toEqual([2, 3, 4])
  await stream.end()
})

test('an id of another ledger, that of the leader before, is a gap, not a silence', async () => {
  const world = await openWorld()
  await run(world, pod('p1'))
  const stream = await follow(world, '/v1/events?after=5000')
  await run(world, pod('p2'))
  const [gap, next] = await stream.until(2)
  expect(gap).toMatchObject({ event: 'gap', data: { after: 5000, next: 2 } })
  expect(next).toMatchObject({ id: 2, event: 'bind' })
  await stream.end()
})

test('what is no longer recorded is a gap, not a silence', async () => {
  const world = await openWorld({ history: { rows: 2, ageMs: 1e12 } })
  for (const name of ['p1', 'p2', 'p3']) {
    await run(world, pod(name))
    await end(world, name, 0)
  }
  await world.stop()
  const again = await openWorld({ dir: world.dir, api: world.api, history: { rows: 2, ageMs: 1e12 } })
  await until(() => true)
  let sent: readonly Sent[] = []
  for (let tries = 0; tries < 100 && sent[0]?.event !== 'gap'; tries++) {
    await Bun.sleep(10)
    const stream = await follow(again, '/v1/events?after=1')
    sent = await stream.until(2)
    await stream.end()
  }
  expect(sent[0]).toMatchObject({ event: 'gap', data: { after: 1, next: 5 } })
  expect(sent[1]?.id).toBe(5)
})

test('too many readers are told, and one that leaves makes room', async () => {
  const world = await openWorld()
  const streams = await Promise.all(Array.from({ length: FOLLOWERS_MAX }, () => follow(world)))
  expect(await api(world, '/v1/events')).toMatchObject({
    status: 503,
    body: { code: 503, message: '64 readers follow the changes already' },
  })
  await streams[0]?.end()
  const late = await follow(world)
  expect(late.response.status).toBe(200)
  await late.end()
  await Promise.all(streams.slice(1).map(stream => stream.end()))
})

test('when floatip stops, readers are told and let go', async () => {
  const world = await openWorld()
  const stream = await follow(world)
  const ended = stream.until(1)
  await world.stop()
  expect(await ended).toMatchObject([{ event: 'cut', data: { because: 'floatip stops' } }])
})

test('a reader that takes nothing is cut, with the reason, and leaves', async () => {
  let left = 0
  let asked = 0
  const item: FeedItem = { kind: 'quiet' }
  const follower = {
    next: async () => {
      asked++
      return item
    },
    leave: () => void left++,
  }
  const reader = streamOf(follower, 20).getReader()
  const read = async () => new TextDecoder().decode((await reader.read()).value)
  expect(await read()).toBe(': floatip\n\n')
  await Bun.sleep(60)
  // Nothing was fetched ahead for it.
  expect([asked, left]).toEqual([1, 1])
  expect(await read()).toContain('event: cut\ndata: {"because":"the reader took nothing for 0.02 s')
  expect((await reader.read()).done).toBe(true)
})
