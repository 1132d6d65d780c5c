/** Owns the tables of a request beside what the pod has already: what stays fixed, and what more it may ask for (R21). */
import { expect, test } from 'bun:test'
import { isRefusal } from '../../src/domain/refusal.ts'
import { changesOf, demandOf, entryOf, keptRow, type PodWords, ranges, rowOf, type World, worldOf } from './world.ts'

const key = 'sts_ns_web_web-0'

function bind(world: World, of: string, words: PodWords) {
  return world.decide('bind', { at: 9, demand: demandOf(of, words), node: 'n1', group: world.group('10.1.9.9') })
}

function got(world: World, ...lists: string[]) {
  const done = bind(world, key, { policy: 1, request: lists.map(text => ranges(text)) })
  return isRefusal(done) ? done.code : done.answer.addresses.map(({ address }) => address.text)
}

const untold = (...texts: string[]) => worldOf(texts.map(text => keptRow(text, key)))

test.each([
  [
    'galaxy-ipam told no list: each stays with the one that it lies in',
    ['10.0.1.5', '10.0.1.3'],
    ['10.0.1.4~10.0.1.5', '10.0.1.2~10.0.1.3'],
    ['10.0.1.5', '10.0.1.3'],
  ],
  [
    'overlapping lists: dealt out exactly',
    ['10.0.1.2', '10.0.1.3'],
    ['10.0.1.2~10.0.1.3', '10.0.1.2'],
    ['10.0.1.3', '10.0.1.2'],
  ],
  [
    'one fits none: only that list gets a free one',
    ['10.0.1.2', '10.0.1.3'],
    ['10.0.1.2', '10.0.1.4~10.0.1.5'],
    ['10.0.1.2', '10.0.1.4'],
  ],
])('R21 %s', (_, kept, lists, expected) => {
  expect(got(untold(...kept), ...lists)).toEqual(expected)
})

test('R21 lists in another order keep their addresses', () => {
  const kept = ['10.0.1.2', '10.0.1.3'].map((text, index) => keptRow(text, key, { index }))
  expect(got(worldOf(kept), '10.0.1.3~10.0.1.5', '10.0.1.2')).toEqual(['10.0.1.3', '10.0.1.2'])
})

test('R21 no request any more: what answered the first list, whichever of them rested last', () => {
  const kept = [1, 0].map(index => keptRow(`10.0.1.${2 + index}`, key, { index, revision: 5 + index }))
  expect(got(worldOf(kept))).toEqual(['10.0.1.2'])
})

test('a request that grew is within the size of its pool, too; one that was only changed needs no room', () => {
  const member = 'pool__p_sts_ns_web_web-0'
  const rows = [keptRow('10.0.1.2', member, { policy: 2 }), rowOf('10.0.1.3', 'pool__p_dp_ns_api_x', { policy: 2 })]
  const asks = (...lists: string[]) => ({ policy: 2, poolSize: 2, request: lists.map(text => ranges(text)) }) as const
  const binding = (words: PodWords) => changesOf(bind(worldOf(rows), member, words))
  expect(binding(asks('10.0.1.2', '10.0.1.4'))).toEqual(['refused: limit-reached'])
  expect(binding(asks('10.0.1.4'))).toEqual([`bind 10.0.1.4 -> bound ${member}`])
  expect(binding({ ...asks('10.0.1.2', '10.0.1.4'), poolSize: 3 })).toHaveLength(2)
})

test('a request of more ranges than can be matched is refused beside what the pod has, too', () => {
  const wide = worldOf([keptRow('10.8.0.2', key)], [entryOf('10.1.0.0/16', '10.8.0.0/16', '10.8.0.2~10.8.255.250')])
  const odd = ranges(...Array.from({ length: 4_097 }, (_, at) => `10.8.${1 + (at >> 7)}.${(at & 127) * 2}`))
  expect(bind(wide, key, { policy: 1, request: [odd] })).toMatchObject({ code: 'request-not-possible' })
})
