/** Owns the table of the three families of errors as values: bug, fault, and the clock that never rejects. */
import { describe, expect, test } from 'bun:test'
import { assert, Bug, present, unreachable } from '../../src/lib/assert.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { Fault, messageOf } from '../../src/lib/fault.ts'
import { isNestedDeeper } from '../../src/lib/nesting.ts'

test('assert and present throw a Bug with what should have held', () => {
  expect(() => assert(true, 'x')).not.toThrow()
  expect(() => assert(false, 'one owner')).toThrow(new Bug('one owner'))
  expect([present(0, 'x'), present('', 'x'), present(false, 'x')]).toEqual([0, '', false])
  expect(() => present(null, 'row')).toThrow(new Bug('absent: row'))
  expect(() => present(undefined, 'row')).toThrow(Bug)
  expect(() => unreachable({ odd: 1 } as never)).toThrow('unreachable: {"odd":1}')
})

test('a fault says whether to try again, and carries its cause', () => {
  const cause = new Error('disk full')
  const fault = new Fault('not written', { retryable: true, cause })
  expect(fault).toMatchObject({ name: 'Fault', message: 'not written', retryable: true, cause })
  expect('cause' in new Fault('x', { retryable: false })).toBe(false)
  expect([messageOf(cause), messageOf('text'), messageOf(null)]).toEqual(['disk full', 'text', 'null'])
})

test('a sleep ends in time, at once when it is aborted, and never rejects', async () => {
  const aborted = new AbortController()
  aborted.abort()
  await systemClock.sleep(60_000, aborted.signal)
  const later = new AbortController()
  const asleep = systemClock.sleep(60_000, later.signal)
  later.abort()
  await asleep
  const began = performance.now()
  await systemClock.sleep(20)
  expect(performance.now() - began).toBeGreaterThan(15)
})

describe('nesting', () => {
  const nested = (depth: number, open = '[', close = ']') =>
    JSON.parse(`${open.repeat(depth)}1${close.repeat(depth)}`) as unknown

  test('so many levels and no more', () => {
    expect(isNestedDeeper(1, 0)).toBe(false)
    expect([1, 2, 3, 4].map(depth => isNestedDeeper(nested(depth), 2))).toEqual([false, false, false, true])
    expect(isNestedDeeper(nested(4, '{"a":', '}'), 2)).toBe(true)
    expect(isNestedDeeper([1, { a: [] }, { a: [{}] }], 2)).toBe(true)
    expect(isNestedDeeper(nested(100_000), 1_000)).toBe(true)
  })

  test('two million values are looked at in moments: nothing else is answered meanwhile', () => {
    const many = Array.from({ length: 1_000_000 }, () => ({ a: 1 }))
    const began = performance.now()
    expect(isNestedDeeper(many, 32)).toBe(false)
    expect(performance.now() - began).toBeLessThan(3_000)
  })
})
