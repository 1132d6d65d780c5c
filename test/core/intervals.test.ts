/** Owns the table of canonical interval lists. */
import { expect, test } from 'bun:test'
import { canonical } from '../../src/core/intervals.ts'

const at = (lo: number, hi: number) => ({ lo, hi })

test.each([
  { why: 'nothing', list: [], canon: [] },
  {
    why: 'already ascending and disjoint',
    list: [at(1, 2), at(3, 3), at(7, 9)],
    canon: [at(1, 2), at(3, 3), at(7, 9)],
  },
  { why: 'out of order', list: [at(7, 9), at(1, 2)], canon: [at(1, 2), at(7, 9)] },
  { why: 'overlapping', list: [at(1, 5), at(4, 9)], canon: [at(1, 9)] },
  { why: 'one inside the other', list: [at(1, 9), at(3, 4)], canon: [at(1, 9)] },
  { why: 'twice the same', list: [at(2, 2), at(2, 2)], canon: [at(2, 2)] },
  { why: 'touching, out of order', list: [at(3, 4), at(1, 2)], canon: [at(1, 4)] },
])('$why', ({ list, canon }) => {
  expect(canonical(list)).toEqual(canon)
})
