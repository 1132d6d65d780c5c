/** Owns the proof that the end of a run shows each failure with its error, and nothing of what passed. */
import { expect, test } from 'bun:test'
import { failuresIn } from './failures.ts'

const OUTPUT = `bun test v1.4.5

test/a.test.ts:
(pass) one [0.1ms]
12 |   expect(1).toBe(2)
error: expect(received).toBe(expected)
(fail) two [0.2ms]
(skip) three
(pass) four
noise of four
(fail) five > six

 2 pass
 2 fail
`

test('each failure with what stands above it since the last result', () => {
  expect(failuresIn(OUTPUT)).toEqual([
    '12 |   expect(1).toBe(2)\nerror: expect(received).toBe(expected)\n(fail) two [0.2ms]',
    'noise of four\n(fail) five > six',
  ])
})

test('of much that was printed the last lines', () => {
  const [only] = failuresIn(`${'line\n'.repeat(500)}(fail) long`)
  expect(only?.split('\n')).toHaveLength(60)
})

test('nothing where nothing failed', () => expect(failuresIn('(pass) one\n 1 pass\n 0 fail\n')).toEqual([]))
