/** Owns the proof that a disk that fails for a while loses nothing that was to be followed: the configuration, its order, the size of a pool. */
import { afterEach, describe, expect, test } from 'bun:test'
import { configurationOf } from '../../src/app/configuration.ts'
import { lastGoodOf } from '../../src/app/last-good.ts'
import { poolsOf } from '../../src/app/pools.ts'
import { readConfiguration } from '../../src/domain/configuration.ts'
import type { Geometry } from '../../src/domain/geometry.ts'
import { connect } from '../../src/kube/kubeconfig.ts'
import { poolStoreOn } from '../../src/kube/pool.ts'
import { transport } from '../../src/kube/transport.ts'
import { Fault } from '../../src/lib/fault.ts'
import { silentLog } from '../../src/lib/log.ts'
import { fastClock } from './clock.ts'
import { entry } from './objects.ts'
import { closeWorlds, openWorld, until } from './world.ts'

const stopping = new Set<AbortController>()
afterEach(closeWorlds)
afterEach(() => {
  for (const each of stopping) each.abort()
  stopping.clear()
})

function surroundings() {
  const stop = new AbortController()
  stopping.add(stop)
  return { clock: fastClock(1_000), log: silentLog, signal: stop.signal }
}

const FULL = () => {
  throw new Error('database or disk is full')
}

describe('R29 the file that remembers the last valid configuration cannot be written', () => {
  test('nobody hears of it who follows the configuration, and it is written once there is room', async () => {
    let written = ''
    const file = { read: () => written, write: FULL as (text: string) => void }
    const lastGood = lastGoodOf({ ...surroundings(), file, object: null })
    lastGood.write('one')
    lastGood.write('two')
    file.write = text => {
      written = text
    }
    await until(() => written === 'two')
    expect(await lastGood.read()).toBe('two')
  })

  test('the object is written all the same, and is what is read', async () => {
    let written = ''
    const object = {
      where: 'ConfigMap',
      read: async () => written,
      write: async (text: string) => {
        written = text
        return true
      },
    }
    const lastGood = lastGoodOf({ ...surroundings(), file: { read: FULL, write: FULL }, object })
    lastGood.write('one')
    await until(() => written === 'one')
    expect(await lastGood.read()).toBe('one')
  })
})

const textWith = (ips: string) => JSON.stringify([entry('10.49.0.0/24', '10.0.0.0/24', ips)])
const OLD = textWith('10.0.0.2~10.0.0.3')
const NEW = textWith('10.0.0.2~10.0.0.9')

test('a value that could not be put in force, and was taken back meanwhile, is not put in force later', async () => {
  let full = false
  let slots = 0
  let tries = 0
  const ledger = {
    reshape(geometry: Geometry) {
      tries++
      if (full) throw new Fault('the ledger could not be written', { retryable: true })
      slots = geometry.slots
    },
    read: (question: (view: unknown) => unknown) => question({ geometry: { slots, slotOf: () => null } }),
    onCommit() {},
  }
  const parts = surroundings()
  const configuration = configurationOf({
    ...parts,
    ledger: ledger as never,
    where: 'the ConfigMap',
    read: readConfiguration,
    lastGood: { read: async () => null, write() {} },
    found: () => [],
    onChange() {},
    onRejected() {},
    onWarning() {},
    nodes: () => [],
  })
  configuration.apply(OLD)
  full = true
  configuration.apply(NEW)
  configuration.apply(OLD)
  full = false
  await Bun.sleep(50)
  expect([slots, tries]).toEqual([2, 2])
  expect(configuration.status.addresses).toBe(2)
})

test('a pool that could not be brought to its size is brought to it once there is room', async () => {
  const world = await openWorld()
  const { ledger } = world.ports
  let refusals = 2
  const full: typeof ledger.submit = (kind, command) => {
    if (refusals-- > 0) return Promise.reject(new Fault('the ledger could not be written', { retryable: true }))
    return ledger.submit(kind, command)
  }
  const filling = Object.create(ledger, { submit: { value: full } })
  const store = poolStoreOn(transport(connect({ master: world.api.url })), () => null)
  const pools = poolsOf({ ...world.ports, ...surroundings(), ledger: filling, store })
  pools.takeOver()
  world.api.put('pools', {
    metadata: { name: 'p', namespace: 'kube-system', uid: 'p#1', resourceVersion: '1', generation: 1 },
    size: 2,
    preAllocateIP: true,
  })
  await until(() => world.ports.cluster.pools.size === 1)
  pools.changed('p')
  await until(() => refusals < 0)
  pools.stop()
})
