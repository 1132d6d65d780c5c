/** Owns the proof that a write for which somebody waits does not stand behind thousands for which nobody does. */
import { afterAll, describe, expect, test } from 'bun:test'
import type { Allocation } from '../../src/domain/allocation.ts'
import { isRefusal } from '../../src/domain/refusal.ts'
import type { ObjectStore } from '../../src/kube/object-store.ts'
import { present } from '../../src/lib/assert.ts'
import { type Clock, systemClock } from '../../src/lib/clock.ts'
import { Fault } from '../../src/lib/fault.ts'
import { silentLog } from '../../src/lib/log.ts'
import { replicatorOf } from '../../src/replica/replicator.ts'
import { openTestLedger, removeDirs } from '../ledger/fixture.ts'
import { demandOf, entryOf, ip } from '../rules/world.ts'

afterAll(removeDirs)

const NODE = '10.1.9.9'
const BACKLOG = 200

/** An API server that takes a millisecond for each write, and remembers their order. */
function slowObjects() {
  const written: string[] = []
  const write = async ({ address }: Allocation) => {
    await Bun.sleep(1)
    written.push(address.text)
    return { uid: address.text, resourceVersion: '1' }
  }
  const objects: ObjectStore = {
    list: async () => [],
    get: async () => null,
    create: write,
    update: write,
    disown: async () => null,
    remove: async () => true,
    agrees: () => true,
    hasRemoved: () => false,
    gone() {},
  }
  return { objects, written }
}

test('a bind’s object is written before a backlog for which nobody waits, and only once', async () => {
  const { ledger } = openTestLedger({ entries: [entryOf('10.1.0.0/16', '10.0.1.0/24', '10.0.1.2~10.0.1.254')] })
  const { objects, written } = slowObjects()
  const replicator = replicatorOf({
    ...{ ledger, objects, clock: systemClock, log: silentLog, random: () => 0.5 },
    isLeader: () => true,
    stillLeads: async () => true,
    judge: async () => 'overwrite',
  })
  const group = present(
    ledger.read(view => view.geometry.groupOf([ip(NODE)])),
    'a group',
  )
  const bind = async (pod: string) => {
    const outcome = await ledger.submit('bind', { at: 1, demand: demandOf(`NULL_ns_NULL_${pod}`), node: 'n', group })
    if (isRefusal(outcome)) throw new Error(outcome.because)
    return outcome
  }
  await Promise.all(Array.from({ length: BACKLOG }, (_, at) => bind(`p${at}`)))
  const { answer, revision } = await bind('late')
  const address = present(answer.addresses[0], 'an address').address
  const acknowledged = replicator.acknowledged(address, revision)
  replicator.start()
  await acknowledged
  expect(written.indexOf(address.text)).toBeLessThan(64)
  expect(replicator.oldestMs()).toBeGreaterThan(0)
  while (replicator.pending > 0) await Bun.sleep(1)
  expect(replicator.oldestMs()).toBe(0)
  expect(written.length).toBe(BACKLOG + 1)
  await replicator.stop()
})

describe('after a failed write', () => {
  /** A write that fails until it is told otherwise, and a clock on which nobody's rest ends by itself unless `ends`. */
  async function failing(ends: boolean) {
    const { ledger } = openTestLedger()
    const api = { isBack: false }
    const rests: number[] = []
    const clock: Clock = {
      now: () => 0,
      sleep(ms, signal) {
        rests.push(ms)
        return ends
          ? Promise.resolve()
          : new Promise(resolve => signal?.addEventListener('abort', () => resolve(), { once: true }))
      },
    }
    const replicator = replicatorOf({
      ...{ ledger, clock, log: silentLog, random: () => 1 },
      objects: {
        ...slowObjects().objects,
        async create({ address }) {
          await Bun.sleep(0)
          if (!api.isBack) throw new Fault('no answer', { retryable: true })
          return { uid: address.text, resourceVersion: '1' }
        },
      },
      isLeader: () => true,
      stillLeads: async () => true,
      judge: async () => 'overwrite',
    })
    replicator.start()
    const group = present(
      ledger.read(view => view.geometry.groupOf([ip(NODE)])),
      'a group',
    )
    const outcome = await ledger.submit('bind', { at: 1, demand: demandOf('NULL_ns_NULL_p'), node: 'n', group })
    if (isRefusal(outcome)) throw new Error(outcome.because)
    const address = present(outcome.answer.addresses[0], 'an address').address
    return { api, replicator, rests, acknowledged: () => replicator.acknowledged(address, outcome.revision) }
  }

  test('a bind that comes to wait for it does not wait for the end of its rest', async () => {
    const { api, replicator, rests, acknowledged } = await failing(false)
    while (rests.length === 0) await Bun.sleep(1)
    api.isBack = true
    expect(await Promise.race([acknowledged().then(() => 'written'), Bun.sleep(500)])).toBe('written')
    await replicator.stop()
  })

  test('it rests for a second at most while a bind waits for it, and longer when nobody does', async () => {
    const { api, replicator, rests, acknowledged } = await failing(true)
    while (rests.length < 12) await Bun.sleep(1)
    expect(rests.at(-1)).toBe(10_000)
    const written = acknowledged()
    const before = rests.length + 1
    while (rests.length < before + 5) await Bun.sleep(1)
    expect(Math.max(...rests.slice(before))).toBe(1_000)
    api.isBack = true
    await written
    await replicator.stop()
  })
})
