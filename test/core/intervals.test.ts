/** Owns the table of lists that name each slot once. */
import { expect, test } from 'bun:test'
import { areDisjoint } from '../../src/core/intervals.ts'

const at = (lo: number, hi: number) => ({ lo, hi })

test.each([
  { why: 'nothing', list: [], disjoint: true },
  { why: 'ascending', list: [at(1, 2), at(3, 3), at(7, 9)], disjoint: true },
  { why: 'out of order', list: [at(7, 9), at(1, 2), at(3, 6)], disjoint: true },
  { why: 'overlapping', list: [at(1, 5), at(4, 9)], disjoint: false },
  { why: 'overlapping, out of order', list: [at(4, 9), at(1, 4)], disjoint: false },
  { why: 'one inside the other', list: [at(1, 9), at(3, 4)], disjoint: false },
  { why: 'twice the same', list: [at(2, 2), at(5, 6), at(2, 2)], disjoint: false },
])('$why', ({ list, disjoint }) => {
  expect(areDisjoint(list)).toBe(disjoint)
})
