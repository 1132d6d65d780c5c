/** Owns the proof that a mirror goes on for ever, says so once, and hides neither the world's failures nor our own. */
import { describe, expect, test } from 'bun:test'
import { backoffMs } from '../../src/kube/mirror.ts'
import { list, type Out, status, thing } from './api-server.ts'
import { follow, lists, path, script, server, stage, until, watches } from './following.ts'

stage()

describe('failures', () => {
  test('before the first list: it tries for ever, with growing waits, and logs once', async () => {
    let refusals = 0
    server.answer = ({ query }) => {
      if (query.has('watch')) return { stream: () => {} }
      return ++refusals <= 12 ? status(500, 'InternalError') : list(10, [])
    }
    const { it, sleeps, logged, states } = follow()
    await it.synced
    expect(sleeps).toEqual([250, 500, 1000, 2000, 4000, 8000, 15000, 15000, 15000, 15000, 15000, 15000])
    expect(states).toEqual(['failing', 'following'])
    expect(logged).toEqual([`warn ${path} cannot be followed now`, `info following ${path}`])
  })

  test('after it: what we have stays, with its age', async () => {
    let down = false
    let now = 0
    let current: Out | undefined
    server.answer = ({ query }) => {
      if (down) return 'reset'
      if (!query.has('watch')) return list(10, [thing('a', 'u1', 1)])
      return {
        stream: out => {
          current = out
          out.line({ type: 'ADDED', object: thing('b', 'u2', 11) })
        },
      }
    }
    const { it, told, states } = follow({ monotonicMs: () => now })
    await until(() => told.length === 2)
    down = true
    current?.reset()
    now = 5000
    await until(() => it.state === 'failing')
    expect([it.isSynced, it.get('ns/a'), it.ageMs]).toEqual([true, 'a/u1', 5000])
    down = false
    await until(() => it.state === 'following')
    expect(it.ageMs).toBe(0)
    expect(states).toEqual(['following', 'failing', 'following'])
  })

  test('a watch that is forbidden while lists work: said once, objects kept fresh by lists', async () => {
    script({ lists: [list(10, []), list(11, [thing('a', 'u1', 11)])], watches: [status(403, 'Forbidden')] })
    const { it, logged, sleeps } = follow()
    await until(() => lists().length === 12)
    expect(it.get('ns/a')).toBe('a/u1')
    expect(logged).toEqual([`info following ${path}`, `warn ${path} cannot be followed now`])
    expect(sleeps.slice(0, 8)).toEqual([250, 500, 1000, 2000, 4000, 8000, 15000, 15000])
  })

  test('a server that is away is asked every few seconds; refusals while it comes back begin anew', async () => {
    const answers = [
      ...Array.from({ length: 9 }, () => 'reset' as const),
      status(403, 'Forbidden'),
      status(500, 'Error'),
    ]
    server.answer = ({ query }) => (query.has('watch') ? { stream: () => {} } : (answers.shift() ?? list(10, [])))
    const { it, sleeps } = follow()
    await it.synced
    expect(sleeps).toEqual([250, 500, 1000, 2000, 2500, 2500, 2500, 2500, 2500, 3000, 250])
  })

  test('it is back, and our version too old for it: listed at once', async () => {
    let current: Out | undefined
    const refusals: ('reset' | ReturnType<typeof status>)[] = ['reset', 'reset', 'reset', status(410, 'Expired')]
    server.answer = ({ query }) => {
      if (!query.has('watch')) return list(10, [])
      const refusal = current === undefined ? undefined : refusals.shift()
      return refusal ?? { stream: out => (current = out) }
    }
    const { sleeps } = follow()
    await until(() => current !== undefined)
    current?.reset()
    await until(() => lists().length === 2)
    expect(sleeps).toEqual([250, 500, 1000, 2000])
  })

  test('Retry-After is the least that is waited', async () => {
    script({ lists: [status(429, 'TooManyRequests', { retryAfterSeconds: 9 }), list(10, [])], watches: [] })
    const { it, sleeps } = follow()
    await it.synced
    expect(sleeps[0]).toBe(9000)
  })

  test('a Retry-After of weeks is no time that a timer knows, nor one for which anybody is left waiting', async () => {
    const answer = status(503, 'ServiceUnavailable', { retryAfterSeconds: 3_000_000 })
    script({ lists: [answer, list(10, [])], watches: [] })
    const { it, sleeps } = follow()
    await it.synced
    expect(sleeps[0]).toBe(60_000)
  })

  test('full jitter: between nothing and the bound, which ends at 30 s', () => {
    expect([1, 2, 7, 1000].map(failures => backoffMs(failures, () => 0.9999999))).toEqual([499, 999, 29999, 29999])
    expect(backoffMs(5, () => 0)).toBe(0)
  })
})

describe('a collection that the server does not know', () => {
  test('is absent, asked for every few seconds, and followed once it is there', async () => {
    let defined = false
    server.answer = ({ query }) => {
      if (!defined) return { status: 404, body: '404 page not found\n' }
      return query.has('watch') ? { stream: () => {} } : list(10, [thing('a', 'u1', 1)])
    }
    const { it, sleeps, logged } = follow()
    await until(() => sleeps.length > 3)
    expect([it.state, it.isSynced]).toEqual(['absent', false])
    expect(new Set(sleeps)).toEqual(new Set([3000]))
    defined = true
    await it.synced
    expect(it.get('ns/a')).toBe('a/u1')
    expect(logged.length).toBe(2)
  })

  test('R7 removed while followed: absent, and no object is said to be gone', async () => {
    script({
      lists: [list(10, [thing('a', 'u1', 1)]), { status: 404, body: '404 page not found\n' }],
      watches: [status(404, 'NotFound')],
    })
    const { it, told } = follow()
    await until(() => lists().length > 2)
    expect(it.state).toBe('absent')
    expect(told).toEqual(['seen - a/u1'])
  })
})

describe('our own callbacks', () => {
  for (const where of ['onChange', 'pick'] as const) {
    test(`what ${where} throws surfaces, and the mirror ends`, async () => {
      script({ lists: [list(10, [thing('a', 'u1', 1)])], watches: [] })
      const bug = new Error('wrong')
      const { it, failures, logged } = follow({
        [where]: () => {
          throw bug
        },
      })
      await until(() => failures.length > 0)
      expect(failures).toEqual([bug])
      expect([it.state, it.isSynced]).toEqual(['broken', false])
      expect(logged).toEqual([`error ${path} is no longer followed`])
      expect(lists().length).toBe(1)
    })
  }

  test('also in an event, and the connection is closed', async () => {
    let closed: Promise<void> | undefined
    script({
      lists: [list(10, [])],
      watches: [
        out => {
          closed = out.closed
          out.line({ type: 'ADDED', object: thing('a', 'u1', 11) })
        },
      ],
    })
    const { failures } = follow({
      onChange() {
        throw new Error('wrong')
      },
    })
    await until(() => failures.length > 0)
    await closed
    expect(watches().length).toBe(1)
  })
})
