/** Owns the proof that a list is one whole snapshot, however it is paged. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { listAll } from '../../src/kube/list.ts'
import { ApiError, type Transport, Unanswered } from '../../src/kube/transport.ts'
import { type Asked, type FakeApi, fakeApi, list, status, thing } from './api-server.ts'
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

const names = (limit?: number) =>
  listAll(api, path, { quorum: true, pick: raw => raw.metadata.name, ...(limit ? { limit } : {}) })
const asked = (one: Asked) => Object.fromEntries(one.query)

/** Pages whose versions grow, as no good server's do: a watch must begin at the oldest, 10. */
function paged({ query }: Asked) {
  const at = Number(query.get('continue') ?? '0')
  const all = ['a', 'b', 'c'].map(name => thing(name, name, 1))
  if (!query.has('limit')) return list(20, all)
  return list(10 + at, all.slice(at, at + 1), at < 2 ? String(at + 1) : undefined)
}

test('pages are joined; a quorum list never names a version', async () => {
  server.answer = paged
  expect(await names(1)).toEqual({ items: ['a', 'b', 'c'], resourceVersion: '10' })
  expect(server.asked.map(asked)).toEqual([
    { limit: '1' },
    { limit: '1', continue: '1' },
    { limit: '1', continue: '2' },
  ])
})

test('without quorum the first page may come from the cache; selectors go along with every page', async () => {
  server.answer = paged
  await listAll(api, path, { quorum: false, limit: 2, pick: raw => raw, labelSelector: 'a=b', fieldSelector: 'c=d' })
  const selectors = { labelSelector: 'a=b', fieldSelector: 'c=d', limit: '2' }
  expect(asked(server.asked[0] as Asked)).toEqual({ ...selectors, resourceVersion: '0' })
  expect(asked(server.asked[1] as Asked)).toEqual({ ...selectors, continue: '1' })
})

test('pick leaves out what does not concern us; an empty collection may have null items', async () => {
  server.answer = paged
  const picked = await listAll(api, path, {
    quorum: true,
    pick: raw => (raw.metadata.name === 'b' ? raw.metadata.uid : null),
  })
  expect(picked.items).toEqual(['b'])
  server.answer = () => ({ body: { metadata: { resourceVersion: '7' }, items: null } })
  expect(await names()).toEqual({ items: [], resourceVersion: '7' })
})

describe('410 in the middle', () => {
  test('begins again, and mixes no pages of different snapshots', async () => {
    let expired = false
    server.answer = one => {
      if (one.query.get('continue') === '1' && !expired) {
        expired = true
        return status(410, 'Expired')
      }
      return paged(one)
    }
    expect((await names(1)).items).toEqual(['a', 'b', 'c'])
    expect(server.asked.map(one => one.query.get('continue'))).toEqual([null, '1', null, '1', '2'])
  })

  test('again and again: the last attempt is unpaged', async () => {
    server.answer = one => (one.query.has('continue') ? status(410, 'Expired') : paged(one))
    expect(await names(1)).toEqual({ items: ['a', 'b', 'c'], resourceVersion: '20' })
    expect(server.asked.length).toBe(5)
  })

  test('for ever: an error, not an endless loop', async () => {
    server.answer = () => status(410, 'Expired')
    expect(await failureOf(names(1))).toBeInstanceOf(ApiError)
    expect(server.asked.length).toBe(3)
  })
})

test('other errors in the middle end the list', async () => {
  server.answer = one => (one.query.has('continue') ? status(500, 'InternalError') : paged(one))
  expect(await failureOf(names(1))).toMatchObject({ status: 500 })
})

test('a list without a version is none: no watch could go on from it', async () => {
  server.answer = () => ({ body: { items: [] } })
  expect(await failureOf(names())).toBeInstanceOf(Unanswered)
})

test.each([
  ['a page of a proxy', 'Service temporarily unavailable'],
  ['an object that is no page', { kind: 'Status', metadata: {} }],
])('%s in the middle is no end of the list: nothing is taken for absent', async (_, body) => {
  server.answer = one => (one.query.get('continue') === '1' ? { body } : paged(one))
  const failure = await failureOf(names(1))
  expect(failure).toBeInstanceOf(Unanswered)
  expect(failure).toMatchObject({ retryable: true })
})
