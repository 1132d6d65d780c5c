/** Owns the contract of match(): one distinct free slot for each list, all or none, the first of each list in the order of the lists. */
import { expect, test } from 'bun:test'
import { MATCH_LISTS_MAX, type SlotInterval } from '../../src/core/core.ts'
import { type CreateCore, drawing, drawn } from './core.contract.ts'

/** `"0-3,7"` as a list of intervals; the empty text is the empty list. */
export function list(text: string): SlotInterval[] {
  if (text === '') return []
  return text.split(',').map(part => {
    const [lo, hi = lo] = part.split('-').map(Number)
    return { lo: lo ?? Number.NaN, hi: hi ?? Number.NaN }
  })
}

export function matchContract(create: CreateCore): void {
  test.each<{ why: string; row: string; lists: string[]; slots: number[] | null }>([
    { why: 'no lists ask for nothing', row: '....', lists: [], slots: [] },
    { why: 'the first free slot', row: 'x...', lists: ['0-3'], slots: [1] },
    { why: 'the first piece that has one, not the lowest', row: '.x.x.', lists: ['3,4,0-2'], slots: [4] },
    { why: 'an empty list has no slot', row: '....', lists: ['0-3', ''], slots: null },
    { why: 'a full list has no slot', row: '..xx', lists: ['0-1', '2-3'], slots: null },
    { why: 'equal lists share what they cover', row: '....', lists: ['1-3', '1-3', '1-3'], slots: [1, 2, 3] },
    { why: 'three lists cannot share two slots', row: '.x.', lists: ['0-2', '0-2', '0-2'], slots: null },
    { why: 'a wide list makes way for a narrow one', row: '....', lists: ['0-3', '0'], slots: [1, 0] },
    { why: 'making way goes on along a chain', row: '....', lists: ['0-1', '1-2', '2-3', '0'], slots: [1, 2, 3, 0] },
    { why: 'a chain without an end', row: '...x', lists: ['0-1', '1-2', '2-3', '0'], slots: null },
    { why: 'nobody moves without need', row: '....', lists: ['0-3', '2', '0-3'], slots: [0, 2, 1] },
    { why: 'lists may be in pieces', row: '.x.x.', lists: ['0,4', '0', '2-3'], slots: [4, 0, 2] },
    { why: 'pieces in any order, each list in its own', row: '......', lists: ['4-5,1-3', '4,1'], slots: [4, 1] },
    {
      why: 'the first piece makes way, and no more than it must',
      row: '......',
      lists: ['4,5,1-3', '4'],
      slots: [5, 4],
    },
    {
      why: 'a list that prefers what only the next one can have',
      row: '...',
      lists: ['2,0-1', '1-2', '2'],
      slots: [0, 1, 2],
    },
  ])('match: $why: $lists of $row', ({ row, lists, slots }) => {
    const core = drawn(create, row)
    expect(core.match(lists.map(list))).toEqual(slots)
    expect(drawing(core)).toEqual([row])
    expect(core.peek(0)).toBe(row.indexOf('.'))
  })

  test('match crosses entries', () => {
    const core = drawn(create, 'x.', '.x', '..')
    expect(core.match([list('0-5'), list('0-2'), list('2-4')])).toEqual([1, 2, 4])
  })

  test('the most lists there may be, all equal', () => {
    const core = create([MATCH_LISTS_MAX])
    const lists = Array.from({ length: MATCH_LISTS_MAX }, () => [{ lo: 0, hi: MATCH_LISTS_MAX - 1 }])
    expect(core.match(lists)).toEqual(Array.from({ length: MATCH_LISTS_MAX }, (_, slot) => slot))
  })

  test('the most edges there may be: lists that share nothing, in as many pieces as allowed', () => {
    const core = create([MATCH_LISTS_MAX * 128])
    //  List i: the 64 even slots of [128 i, 128 i + 127], one interval each.
    const lists = Array.from({ length: MATCH_LISTS_MAX }, (_, i) =>
      Array.from({ length: 64 }, (_, j) => ({ lo: i * 128 + j * 2, hi: i * 128 + j * 2 })),
    )
    expect(core.match(lists)).toEqual(lists.map((_, i) => i * 128))
  })
}
