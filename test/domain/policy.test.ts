/** Owns the table of release policies. */
import { expect, test } from 'bun:test'
import { parsePolicy, policyName, policyOf } from '../../src/domain/policy.ts'

test.each([
  [undefined, 0],
  ['', 0],
  ['immutable', 1],
  ['never', 2],
  ['Immutable', 0],
  ['forever', 0],
])('annotation %p is policy %i', (value, policy) => {
  expect(parsePolicy(value)).toBe(policy as 0 | 1 | 2)
})

test.each([
  [0, 0],
  [1, 1],
  [2, 2],
  [3, null],
  [-1, null],
  ['1', null],
  [null, null],
])('stored %p is policy %p', (value, policy) => {
  expect(policyOf(value)).toBe(policy as 0 | 1 | 2 | null)
})

test('people read names', () => {
  expect(([0, 1, 2] as const).map(policyName)).toEqual(['release at pod end', 'immutable', 'never'])
})
