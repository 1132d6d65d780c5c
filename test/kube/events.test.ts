/** Owns the rules by which what is said becomes Event objects: counted, put together, bounded, and never faster than promised. */
import { describe, expect, test } from 'bun:test'
import { allSeries, type Said } from '../../src/kube/event-series.ts'
import { eventsOn } from '../../src/kube/events.ts'
import type { KubeRequest, Transport } from '../../src/kube/transport.ts'
import { ApiError } from '../../src/kube/transport.ts'
import type { Clock } from '../../src/lib/clock.ts'

const MINUTE = 60_000
const pod = (name: string) => ({ apiVersion: 'v1', kind: 'Pod', namespace: 'ns', name, uid: `${name}-uid` })
const said = (name: string, message: string): Said => ({ regarding: pod(name), type: 'Warning', reason: 'R', message })

describe('series', () => {
  test('the same again counts up, and is another Event after ten minutes of silence', () => {
    const series = allSeries()
    const first = series.observe(said('p', 'm'), 0)
    expect(series.observe(said('p', 'm'), 9 * MINUTE)).toBe(first)
    expect(first).toMatchObject({ count: 2, firstAt: 0, lastAt: 9 * MINUTE })
    const later = series.observe(said('p', 'm'), 20 * MINUTE)
    expect(later).toMatchObject({ count: 1, firstAt: 20 * MINUTE })
    expect(later?.name).not.toBe(first?.name ?? '')
  })

  test('another object, reason or text is another Event', () => {
    const series = allSeries()
    const names = new Set(
      [said('p', 'm'), said('q', 'm'), said('p', 'n'), { ...said('p', 'm'), reason: 'S' }].map(
        each => series.observe(each, 0)?.name,
      ),
    )
    expect(names.size).toBe(4)
  })

  test('from the tenth different text on, one Event stands for all and says the newest', () => {
    const series = allSeries()
    const names = Array.from({ length: 20 }, (_, at) => series.observe(said('p', `m${at}`), at)?.name)
    expect(new Set(names.slice(0, 10)).size).toBe(10)
    expect(new Set(names.slice(9))).toEqual(new Set([names[9]]))
    expect(series.observe(said('p', 'last'), 30)).toMatchObject({
      message: '(combined from similar events): last',
      count: 12,
    })
  })

  test('of one object 25 at once, then one in five minutes', () => {
    const series = allSeries()
    const at = (ms: number) => series.observe(said('p', 'm'), ms) !== null
    expect(Array.from({ length: 40 }, () => at(0)).filter(Boolean)).toHaveLength(25)
    expect(at(4 * MINUTE)).toBe(false)
    expect(at(5 * MINUTE)).toBe(true)
    expect(at(5 * MINUTE)).toBe(false)
    expect(series.observe(said('q', 'm'), 5 * MINUTE)).not.toBeNull()
  })

  test('a name of 253 characters leaves room for the time', () => {
    const name = allSeries().observe(said(`${'a'.repeat(229)}.${'b'.repeat(23)}`, 'm'), Date.now())?.name ?? ''
    expect(name.length).toBeLessThanOrEqual(253)
    expect(name).toMatch(/^a+\.[0-9a-f]+$/)
  })
})

/** Time stands still but for those who sleep. */
function manualClock() {
  let now = 1_000_000
  const clock: Clock = {
    now: () => now,
    async sleep(ms) {
      now += ms
      await Promise.resolve()
    },
  }
  return clock
}

type Body = Record<string, unknown> & { metadata?: { name: string; namespace: string } }

function stage(answer: (request: KubeRequest) => void = () => {}) {
  const requests: { method: string; path: string; body: Body; at: number }[] = []
  const clock = manualClock()
  const logged: string[] = []
  const log = { debug() {}, info() {}, warn: (_: object, text: string) => void logged.push(text), error() {} }
  const dropped: string[] = []
  let inFlight = 0
  let most = 0
  const transport: Transport = {
    async request(request) {
      most = Math.max(most, ++inFlight)
      requests.push({ method: request.method, path: request.path, body: request.body as Body, at: clock.now() })
      await Promise.resolve()
      inFlight--
      answer(request)
      return { status: 201, body: undefined as never }
    },
    stream: () => Promise.reject(new Error('no streams here')),
  }
  const events = eventsOn(transport, { clock, log, onDropped: why => void dropped.push(why) })
  return { events, requests, logged, dropped, clock, most: () => most }
}

const settle = () => Bun.sleep(30)

describe('writing', () => {
  test('the object, as kubectl describe looks for it', async () => {
    const { events, requests } = stage()
    events.tell(pod('p'), 'Normal', 'AddressAllocated', 'has 10.0.0.2')
    events.tell({ apiVersion: 'v1', kind: 'Node', namespace: '', name: 'n1' }, 'Warning', 'Gone', 'text')
    await settle()
    const [node, one] = requests
    expect(one).toMatchObject({ method: 'POST', path: '/api/v1/namespaces/ns/events' })
    expect(one?.body).toMatchObject({
      involvedObject: pod('p'),
      ...{ type: 'Normal', reason: 'AddressAllocated', message: 'has 10.0.0.2', count: 1 },
      source: { component: 'floatip' },
      reportingComponent: 'floatip',
      firstTimestamp: '1970-01-01T00:16:40Z',
    })
    expect(node).toMatchObject({ path: '/api/v1/namespaces/default/events' })
    expect(node?.body.involvedObject).toEqual({ apiVersion: 'v1', kind: 'Node', name: 'n1' })
  })

  test('the same again is a patch of count and time; one that has expired is made anew', async () => {
    let expired = false
    const { events, requests } = stage(({ method, path }) => {
      const status = { kind: 'Status', reason: 'NotFound', details: { name: path.split('/').at(-1) } }
      if (expired && method === 'PATCH') throw new ApiError(path, 404, status, null)
    })
    for (let n = 0; n < 3; n++) {
      events.tell(pod('p'), 'Warning', 'R', 'm')
      await settle()
    }
    expired = true
    events.tell(pod('p'), 'Warning', 'R', 'm')
    await settle()
    expect(requests.map(({ method, body }) => `${method} ${body.count}`)).toEqual([
      ...['POST 1', 'PATCH 2', 'PATCH 3', 'PATCH 4', 'POST 4'],
    ])
  })

  test('said while it waits to be written: one write with the newest count', async () => {
    const { events, requests } = stage()
    for (let n = 0; n < 5; n++) events.tell(pod('p'), 'Warning', 'R', 'm')
    await settle()
    expect(requests.map(({ method, body }) => `${method} ${body.count}`)).toEqual(['POST 5'])
  })

  test('warn says the same once in half an hour', async () => {
    const { events, requests } = stage()
    for (let n = 0; n < 5; n++) events.warn(pod('p'), 'R', 'm')
    await settle()
    for (let n = 0; n < 5; n++) events.warn(pod('p'), 'R', 'm')
    await settle()
    expect(requests).toHaveLength(1)
  })

  test('5,000 pods at once: one request at a time, a hundred at once and then 20 a second, the rest dropped and said once', async () => {
    const { events, requests, logged, dropped, most } = stage()
    for (let n = 0; n < 5_000; n++) events.tell(pod(`p${n}`), 'Warning', 'WaitingForAddress', 'no free address')
    while (requests.length < 2_000) await settle()
    await settle()
    expect(requests).toHaveLength(2_000)
    expect(most()).toBe(1)
    expect(dropped).toHaveLength(3_000)
    expect(logged).toEqual([
      'too many Events at once: some are not written',
      'Events were not written, for there were too many at once',
    ])
    const began = requests[0]?.at ?? 0
    const within = (ms: number) => requests.filter(({ at }) => at - began <= ms).length
    expect(within(0)).toBe(100)
    expect(within(10_000)).toBeLessThanOrEqual(301)
    expect((requests.at(-1)?.at ?? 0) - began).toBeLessThanOrEqual(96_000)
  })

  test('a warning takes the place of what is merely good to know', async () => {
    const { events, requests } = stage()
    for (let n = 0; n < 2_000; n++) events.tell(pod(`p${n}`), 'Normal', 'AddressAllocated', 'm')
    events.tell(pod('late'), 'Warning', 'AddressConflict', 'm')
    while (requests.length < 2_000) await settle()
    expect(requests.findIndex(({ body }) => body.reason === 'AddressConflict')).toBe(0)
  })
})
