/** Owns the proof that a disk that fails for a while stops neither the following of the configuration nor its order. */
import { afterEach, describe, expect, test } from 'bun:test'
import { configurationOf } from '../../src/app/configuration.ts'
import { lastGoodOf } from '../../src/app/last-good.ts'
import { readConfiguration } from '../../src/domain/configuration.ts'
import type { Geometry } from '../../src/domain/geometry.ts'
import { Fault } from '../../src/lib/fault.ts'
import { silentLog } from '../../src/lib/log.ts'
import { fastClock } from './clock.ts'
import { entry } from './objects.ts'
import { until } from './world.ts'

const stopping = new Set<AbortController>()
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
