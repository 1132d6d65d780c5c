/** Owns the proof that a mirror follows its collection whichever way its watches end, and stops when told. */
import { describe, expect, test } from 'bun:test'
import { type Answer, bookmark, list, type Out, status, thing } from './api-server.ts'
import { follow, lists, path, script, stage, until, versions, watches } from './following.ts'

stage()

test('R31 lists with quorum, then watches on from that version', async () => {
  script({
    lists: [list(10, [thing('a', 'u1', 3)])],
    watches: [out => out.line({ type: 'ADDED', object: thing('b', 'u2', 11) })],
  })
  const { it, told, states } = follow()
  expect(it.isSynced).toBe(false)
  expect(it.ageMs).toBe(Number.POSITIVE_INFINITY)
  await it.synced
  expect([it.isSynced, it.state, it.size, it.get('ns/a')]).toEqual([true, 'following', 1, 'a/u1'])
  await until(() => told.length === 2)
  expect(told).toEqual(['seen - a/u1', 'seen - b/u2'])
  expect([...it.values()]).toEqual(['a/u1', 'b/u2'])
  expect([...it.entries()][1]).toEqual(['ns/b', 'b/u2'])
  expect(versions(lists())).toEqual([null])
  expect(versions(watches())).toEqual(['10'])
  expect(states).toEqual(['following'])
  await it.stop()
  expect(it.state).toBe('stopped')
})

test('synced is told after every object of the list', async () => {
  script({ lists: [list(10, [thing('a', 'u1', 3), thing('b', 'u2', 3)])], watches: [] })
  let seen = 0
  const { it } = follow({ onChange: () => void seen++ })
  await it.synced
  expect(seen).toBe(2)
})

describe('the watch ends', () => {
  test('in good order: it goes on from the last event or bookmark, without a list', async () => {
    script({
      lists: [list(10, [])],
      watches: [
        out => {
          out.line(bookmark(15))
          out.end()
        },
        out => {
          out.line({ type: 'ADDED', object: thing('a', 'u1', 17) })
          out.end()
        },
        () => {},
      ],
    })
    const { it } = follow()
    await until(() => watches().length === 3)
    expect(versions(watches())).toEqual(['10', '15', '17'])
    expect(lists().length).toBe(1)
    expect(it.state).toBe('following')
  })

  test('by a reset: the same, and once is not worth a word', async () => {
    let first: Out | undefined
    const cut = (out: Out) => {
      first = out
      out.line({ type: 'ADDED', object: thing('a', 'u1', 15) })
    }
    script({ lists: [list(10, [])], watches: [cut, () => {}] })
    const { states, logged, told } = follow()
    // A reset takes what was not read yet with it.
    await until(() => told.length === 1)
    first?.reset()
    await until(() => watches().length === 2)
    expect(versions(watches())).toEqual(['10', '15'])
    expect(states).toEqual(['following'])
    expect(logged).toEqual([`info following ${path}`])
  })

  test('by silence: the idle timer', async () => {
    script({ lists: [list(10, [])], watches: [out => out.line(bookmark(15)), () => {}] })
    follow({ idleMs: 40 })
    await until(() => watches().length >= 2)
    expect(versions(watches()).slice(0, 2)).toEqual(['10', '15'])
  })

  for (const [what, ends] of [
    [
      'an ERROR event',
      (out: Out) => out.line({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } }),
    ],
    ['an answer', status(410, 'Expired')],
  ] as const) {
    test(`R7 by 410 in ${what}: a new list, which finds the vanished and the replaced`, async () => {
      script({
        lists: [
          list(10, [thing('a', 'u1', 1), thing('b', 'u2', 2), thing('c', 'u3', 3)]),
          list(50, [thing('b', 'u9', 40), thing('c', 'u3', 3)]),
        ],
        watches: [ends, () => {}] as Answer[],
      })
      const { it, told } = follow()
      await until(() => watches().length === 2)
      expect(told.slice(3)).toEqual(['seen b/u2 b/u9', 'vanished a/u1'])
      expect(versions(watches())).toEqual(['10', '50'])
      expect([...it.values()].sort()).toEqual(['b/u9', 'c/u3'])
    })
  }

  test('again and again without one event: a list, lest we wait at a version that never was', async () => {
    script({ lists: [list(10, [])], watches: [out => out.end()] })
    follow()
    await until(() => lists().length === 3)
    expect(watches().length).toBeGreaterThanOrEqual(10)
    expect(watches().length).toBeLessThanOrEqual(11)
  })
})

describe('stop', () => {
  test('closes the watch, and nothing is told afterwards', async () => {
    let current: Out | undefined
    script({ lists: [list(10, [])], watches: [out => (current = out)] as ((out: Out) => void)[] })
    const { it, told, states } = follow()
    await until(() => current !== undefined)
    await it.stop()
    await current?.closed
    expect(told).toEqual([])
    expect(states).toEqual(['following', 'stopped'])
  })

  test('in the middle of a list, and from inside onChange', async () => {
    script({ lists: ['silence'], watches: [] })
    const first = follow()
    await until(() => lists().length === 1)
    await first.it.stop()
    expect(first.it.isSynced).toBe(false)

    script({ lists: [list(10, [thing('a', 'u1', 1), thing('b', 'u2', 1)])], watches: [] })
    const seen: string[] = []
    const second = follow({
      onChange(change) {
        seen.push(change.key)
        void second.it.stop()
      },
    })
    await until(() => second.it.state === 'stopped')
    expect(seen).toEqual(['ns/a'])
  })

  test('before the start', async () => {
    const { it } = follow()
    await it.stop()
    await it.stop()
    expect(it.state).toBe('stopped')
  })
})
