/** Owns the table of what may be concluded from a list and from each event (R7). */
import { expect, test } from 'bun:test'
import { type Change, copy } from '../../src/kube/copy.ts'
import type { RawObject } from '../../src/kube/raw.ts'
import { thing } from './api-server.ts'

interface Kept {
  readonly uid: string
  readonly note: string
}

/** Keeps everything but what is noted as `uninteresting`. */
function pick(raw: RawObject): Kept | null {
  const note = (raw as unknown as { note: string }).note
  return note === 'uninteresting' ? null : { uid: raw.metadata.uid, note }
}

function fresh(selects = false) {
  const changes: Change<Kept>[] = []
  const it = copy<Kept>({ pick, selects, onChange: change => changes.push(change) })
  return {
    list: (...items: RawObject[]) => {
      it.applyList(items.map(it.listed).filter(item => item !== null))
      return changes.splice(0)
    },
    event: (type: 'ADDED' | 'MODIFIED' | 'DELETED', raw: RawObject) => {
      it.applyEvent(type, raw)
      return changes.splice(0)
    },
    keys: () => [...it.entries.keys()],
  }
}

const key = 'ns/a'
const u1 = { uid: 'u1', note: '' }

test('a first list: each object seen; the same list again: nothing', () => {
  const it = fresh()
  expect(it.list(thing('a', 'u1', 1))).toEqual([{ kind: 'seen', key, before: null, after: u1 }])
  expect(it.list(thing('a', 'u1', 1))).toEqual([])
})

test('what does not concern us is not kept', () => {
  const it = fresh()
  expect(it.list(thing('a', 'u1', 1, 'uninteresting'))).toEqual([])
  expect(it.event('ADDED', thing('b', 'u2', 2, 'uninteresting'))).toEqual([])
  expect(it.event('DELETED', thing('b', 'u2', 3, 'uninteresting'))).toEqual([])
  expect(it.keys()).toEqual([])
})

test('R7 missing in a list: vanished, a suspicion only', () => {
  const it = fresh()
  it.list(thing('a', 'u1', 1), thing('b', 'u2', 1))
  expect(it.list(thing('b', 'u2', 1))).toEqual([{ kind: 'vanished', key, before: u1 }])
  expect(it.keys()).toEqual(['ns/b'])
})

test('R7 another UID under the key, in a list or in an event: before and after tell the replacement', () => {
  const replaced = [{ kind: 'seen', key, before: u1, after: { uid: 'u9', note: '' } }]
  const listed = fresh()
  listed.list(thing('a', 'u1', 1))
  expect(listed.list(thing('a', 'u9', 5))).toEqual(replaced as Change<Kept>[])
  const told = fresh()
  told.list(thing('a', 'u1', 1))
  expect(told.event('ADDED', thing('a', 'u9', 5))).toEqual(replaced as Change<Kept>[])
})

test('DELETED carries the last state, which is the evidence', () => {
  const it = fresh()
  it.list(thing('a', 'u1', 1))
  expect(it.event('DELETED', thing('a', 'u1', 4, 'last words'))).toEqual([
    { kind: 'deleted', key, last: { uid: 'u1', note: 'last words' } },
  ])
  expect(it.keys()).toEqual([])
})

test('DELETED of an object that pick refuses in its last state: our own state of that UID', () => {
  const it = fresh()
  it.list(thing('a', 'u1', 1))
  expect(it.event('DELETED', thing('a', 'u1', 4, 'uninteresting'))).toEqual([{ kind: 'deleted', key, last: u1 }])
})

test('DELETED of another UID than ours: told, and ours stays', () => {
  const it = fresh()
  it.list(thing('a', 'u2', 9))
  expect(it.event('DELETED', thing('a', 'u1', 4))).toEqual([{ kind: 'deleted', key, last: u1 }])
  expect(it.event('DELETED', thing('a', 'u1', 4, 'uninteresting'))).toEqual([])
  expect(it.keys()).toEqual([key])
})

test('DELETED of what we never saw is evidence too', () => {
  expect(fresh().event('DELETED', thing('a', 'u1', 4))).toEqual([{ kind: 'deleted', key, last: u1 }])
})

test('R7 what stops concerning us, in an event or in a list: deselected, not deleted', () => {
  const gone = [{ kind: 'deselected', key, before: u1 }] as Change<Kept>[]
  const told = fresh()
  told.list(thing('a', 'u1', 1))
  expect(told.event('MODIFIED', thing('a', 'u1', 2, 'uninteresting'))).toEqual(gone)
  const listed = fresh()
  listed.list(thing('a', 'u1', 1))
  expect(listed.list(thing('a', 'u1', 2, 'uninteresting'))).toEqual(gone)
  expect(listed.keys()).toEqual([])
})

test('R7 another UID under the key that does not concern us: ours was deleted, by the word of a list too', () => {
  const it = fresh()
  it.list(thing('a', 'u1', 1))
  expect(it.list(thing('a', 'u9', 5, 'uninteresting'))).toEqual([{ kind: 'deleted', key, last: u1 }])
  expect(it.keys()).toEqual([])
})

test('R7 behind a selector, DELETED may only mean "matches no more"', () => {
  const it = fresh(true)
  it.list(thing('a', 'u1', 1))
  expect(it.event('DELETED', thing('b', 'u2', 2))).toEqual([])
  expect(it.event('DELETED', thing('a', 'u1', 2))).toEqual([{ kind: 'deselected', key, before: u1 }])
})

test('the copy has changed before it tells', () => {
  const sizes: number[] = []
  const it = copy<Kept>({ pick, selects: false, onChange: () => sizes.push(it.entries.size) })
  it.applyEvent('ADDED', thing('a', 'u1', 1))
  it.applyEvent('DELETED', thing('a', 'u1', 2))
  expect(sizes).toEqual([1, 0])
})
