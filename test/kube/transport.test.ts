/** Owns the proof that requests reach the right server as the right user, and that failures say which kind they are. */
import { afterEach, describe, expect, test } from 'bun:test'
import { slotsOf } from '../../src/kube/limits.ts'
import { ApiError, isNotFound, mergePatch, Unanswered } from '../../src/kube/transport.ts'
import { type FakeApi, fakeApi, status } from './api-server.ts'
import { makeCerts } from './certs.ts'
import { connectTo, failureOf, kubeconfig } from './fixtures.ts'

const certs = makeCerts()
const servers: FakeApi[] = []
const pods = { method: 'GET', path: '/api/v1/pods' } as const

async function serve(options: Parameters<typeof fakeApi>[1] = {}) {
  const server = await fakeApi(certs, options)
  server.answer = () => ({ body: { ok: true } })
  servers.push(server)
  return server
}

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
})

describe('who is at the other end', () => {
  test('a server with a certificate of our CA is asked, with our token', async () => {
    const server = await serve()
    const { api } = connectTo(kubeconfig(certs, server.url, { token: 'secret' }))
    expect(await api.request<unknown>(pods)).toEqual({ status: 200, body: { ok: true } })
    expect(server.asked[0]?.token).toBe('secret')
  })

  const strangers = [
    ['a CA that did not sign it', { 'certificate-authority': certs.strangerCa.certFile }, certs.server],
    ['no CA at all', {}, certs.server],
    ['a certificate for another host', { 'certificate-authority': certs.ca.certFile }, certs.elsewhere],
  ] as const
  for (const [what, cluster, pair] of strangers) {
    test(`${what}: refused, and nothing is sent`, async () => {
      const server = await serve({ pair })
      const { api } = connectTo(kubeconfig(certs, server.url, { token: 'secret' }, cluster))
      const failure = await failureOf(api.request(pods))
      expect(failure).toBeInstanceOf(Unanswered)
      expect((failure as Unanswered).retryable).toBe(false)
      expect((failure as Unanswered).message).toMatch(/its certificate is .*(not signed by|for another host)/)
      expect(server.asked).toEqual([])
    })
  }

  test('a good connection does not vouch for a later one with another CA', async () => {
    const server = await serve()
    await connectTo(kubeconfig(certs, server.url, {})).api.request(pods)
    const wrong = { 'certificate-authority': certs.strangerCa.certFile }
    expect(await failureOf(connectTo(kubeconfig(certs, server.url, {}, wrong)).api.request(pods))).toBeInstanceOf(
      Unanswered,
    )
  })

  test('tls-server-name decides which name is checked', async () => {
    const server = await serve({ pair: certs.elsewhere })
    const cluster = { 'certificate-authority': certs.ca.certFile, 'tls-server-name': 'other.example' }
    expect((await connectTo(kubeconfig(certs, server.url, {}, cluster)).api.request(pods)).status).toBe(200)
    const wrong = { ...cluster, 'tls-server-name': 'third.example' }
    expect(await failureOf(connectTo(kubeconfig(certs, server.url, {}, wrong)).api.request(pods))).toBeInstanceOf(
      Unanswered,
    )
  })

  test('insecure-skip-tls-verify is obeyed, because the kubeconfig says so', async () => {
    const server = await serve({ pair: certs.elsewhere })
    const { api } = connectTo(kubeconfig(certs, server.url, {}, { 'insecure-skip-tls-verify': true }))
    expect((await api.request(pods)).status).toBe(200)
  })

  test('a client certificate is shown; without one the server hangs up', async () => {
    const server = await serve({ clientCert: true })
    const user = { 'client-certificate': certs.client.certFile, 'client-key': certs.client.keyFile }
    expect((await connectTo(kubeconfig(certs, server.url, user)).api.request(pods)).status).toBe(200)
    expect(await failureOf(connectTo(kubeconfig(certs, server.url, {})).api.request(pods))).toBeInstanceOf(Unanswered)
    expect(server.asked.length).toBe(1)
  })
})

describe('what is sent', () => {
  test('query, body and kind of patch', async () => {
    const server = await serve()
    const { api } = connectTo(kubeconfig(certs, server.url, {}))
    await api.request({
      ...pods,
      method: 'PATCH',
      body: { a: 'é' },
      contentType: mergePatch,
      query: { f: 'a b&c', none: undefined, n: 1 },
    })
    const asked = server.asked[0]
    expect(asked?.contentType).toBe('application/merge-patch+json')
    expect(asked?.body).toBe('{"a":"é"}')
    expect([...(asked?.query ?? [])]).toEqual([
      ['f', 'a b&c'],
      ['n', '1'],
    ])
  })

  test.each(['<html>all is well</html>', '', 'null', '"ok"'])(
    'a 200 of something else is no answer: %s',
    async body => {
      const server = await serve()
      server.answer = () => ({ body })
      const { api } = connectTo(kubeconfig(certs, server.url, {}))
      const failure = await failureOf(api.request(pods))
      expect(failure).toBeInstanceOf(Unanswered)
      expect(failure).toMatchObject({ retryable: true, outcome: 'unknown' })
      expect((failure as Error).message).toContain(`no object of Kubernetes: ${body}`)
    },
  )

  test('a redirect is not followed: it would take the token elsewhere', async () => {
    const server = await serve()
    const other = await serve()
    server.answer = () => ({ status: 302, body: '', headers: { location: `${other.url}/api/v1/pods` } })
    const failure = await failureOf(connectTo(kubeconfig(certs, server.url, { token: 's' })).api.request(pods))
    expect(failure).toMatchObject({ status: 302, outcome: 'refused' })
    expect(other.asked).toEqual([])
  })

  test('no more than 64 requests are under way', async () => {
    const server = await serve()
    const { api } = connectTo(kubeconfig(certs, server.url, {}))
    const release: (() => void)[] = []
    let now = 0
    let most = 0
    server.answer = () => {
      most = Math.max(most, ++now)
      return {
        stream: out => {
          const done = () => {
            now--
            out.raw('{}')
            out.end()
          }
          release.push(done)
        },
      }
    }
    const all = Promise.all(Array.from({ length: 200 }, () => api.request(pods)))
    let finished = false
    void all.then(() => {
      finished = true
    })
    while (!finished) {
      for (const done of release.splice(0)) done()
      await Bun.sleep(1)
    }
    expect(server.asked.length).toBe(200)
    expect(most).toBeLessThanOrEqual(64)
    expect(most).toBeGreaterThan(1)
  })
})

test('whoever waits for a slot may give up waiting; slots go to the first who came', async () => {
  const slots = slotsOf(1)
  const giveUp = new AbortController()
  const patient = new AbortController().signal
  expect(await slots.take(patient)).toBe(true)
  const order: string[] = []
  const impatient = slots.take(giveUp.signal)
  const waiting = ['first', 'second'].map(who => slots.take(patient).then(() => order.push(who)))
  giveUp.abort()
  expect(await impatient).toBe(false)
  expect(await slots.take(giveUp.signal)).toBe(false)
  slots.give()
  slots.give()
  await Promise.all(waiting)
  expect(order).toEqual(['first', 'second'])
})

describe('failures', () => {
  const answers = [
    [400, 'BadRequest', false, 'refused'],
    [403, 'Forbidden', false, 'refused'],
    [409, 'Conflict', false, 'refused'],
    [410, 'Expired', false, 'refused'],
    [422, 'Invalid', false, 'refused'],
    [429, 'TooManyRequests', true, 'refused'],
    [500, 'InternalError', true, 'unknown'],
    [503, 'ServiceUnavailable', true, 'unknown'],
    [504, 'Timeout', true, 'unknown'],
  ] as const
  for (const [code, reason, retryable, outcome] of answers) {
    test(`${code} ${reason}: retryable ${retryable}, outcome ${outcome}`, async () => {
      const server = await serve()
      server.answer = () => status(code, reason)
      const failure = await failureOf(connectTo(kubeconfig(certs, server.url, {})).api.request(pods))
      expect(failure).toBeInstanceOf(ApiError)
      expect(failure).toMatchObject({ status: code, reason, retryable, outcome })
      expect((failure as Error).message).toBe(`GET /api/v1/pods: ${code} ${reason}: it is ${reason}`)
    })
  }

  test('Retry-After of the header, else of the Status', async () => {
    const server = await serve()
    const { api } = connectTo(kubeconfig(certs, server.url, {}))
    server.answer = () => ({ status: 429, body: 'slow down', headers: { 'retry-after': '7' } })
    expect(await failureOf(api.request(pods))).toMatchObject({ retryAfterMs: 7000, reason: '' })
    server.answer = () => status(429, 'TooManyRequests', { retryAfterSeconds: 2 })
    expect(await failureOf(api.request(pods))).toMatchObject({ retryAfterMs: 2000 })
  })

  test('R13 only a Status about the very object is a NotFound', async () => {
    const server = await serve()
    const { api } = connectTo(kubeconfig(certs, server.url, {}))
    const ask = async () => isNotFound(await failureOf(api.request(pods)), 'web-1')
    server.answer = () => status(404, 'NotFound', { name: 'web-1', kind: 'pods' })
    expect(await ask()).toBe(true)
    server.answer = () => status(404, 'NotFound', { name: 'web-2', kind: 'pods' })
    expect(await ask()).toBe(false)
    server.answer = () => status(404, 'NotFound')
    expect(await ask()).toBe(false)
    server.answer = () => ({ status: 404, body: '404 page not found\n' })
    expect(await ask()).toBe(false)
  })

  test('R5 a connection cut before the answer: the outcome is unknown', async () => {
    const server = await serve()
    server.answer = () => 'reset'
    const failure = await failureOf(
      connectTo(kubeconfig(certs, server.url, {})).api.request({ ...pods, method: 'POST', body: {} }),
    )
    expect(failure).toBeInstanceOf(Unanswered)
    expect(failure).toMatchObject({ outcome: 'unknown', retryable: true })
  })

  for (const [method, times] of [
    ['POST', 1],
    ['PATCH', 1],
    // Bun repeats by itself what HTTP calls idempotent: a PUT may meet the version that it has made itself (R28).
    ['PUT', 2],
    ['DELETE', 2],
  ] as const) {
    test(`R5 ${method} on a kept-alive connection that is cut is sent ${times} x`, async () => {
      const server = await serve()
      const { api } = connectTo(kubeconfig(certs, server.url, {}))
      await api.request(pods)
      server.asked.length = 0
      server.answer = () => 'reset'
      expect(await failureOf(api.request({ ...pods, method, body: {} }))).toBeInstanceOf(Unanswered)
      expect(server.asked.length).toBe(times)
    })
  }

  test('half an answer is none', async () => {
    const server = await serve()
    server.answer = () => ({
      stream(out) {
        out.raw('{"a":')
        out.end()
      },
    })
    expect(await failureOf(connectTo(kubeconfig(certs, server.url, {})).api.request(pods))).toBeInstanceOf(Unanswered)
  })

  test('time-out, silence and giving up are told apart', async () => {
    const server = await serve()
    server.answer = () => 'silence'
    const { api } = connectTo(kubeconfig(certs, server.url, {}))
    const late = await failureOf(api.request({ ...pods, timeoutMs: 30 }))
    expect(late).toMatchObject({ outcome: 'unknown', retryable: true })
    const giveUp = new AbortController()
    const work = failureOf(api.request({ ...pods, signal: giveUp.signal }))
    giveUp.abort()
    expect(await work).toMatchObject({ outcome: 'unknown', retryable: false })
    const before = server.asked.length
    expect(await failureOf(api.request({ ...pods, signal: giveUp.signal }))).toBeInstanceOf(Unanswered)
    expect(server.asked.length).toBe(before)
  })

  test('nobody listens: the message names the server and the kubeconfig', async () => {
    const server = await serve()
    const file = kubeconfig(certs, server.url, {})
    await server.stop()
    const failure = await failureOf(connectTo(file).api.request(pods))
    expect(failure).toMatchObject({ outcome: 'unknown', retryable: true })
    expect((failure as Error).message).toContain(`${server.url}, set by kubeconfig ${file}: nothing listens there`)
  })
})
