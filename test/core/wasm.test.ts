/** Owns what only the WASM core has: memory that verify() guards, limits told twice, and no garbage. */

import { heapStats } from 'bun:jsc'
import { expect, test } from 'bun:test'
import * as limits from '../../src/core/core.ts'
import { createCore, openInstance } from '../../src/core/wasm.ts'

test('verify() notices when any cell in use loses its highest bit', () => {
  const { exports, cells } = openInstance([70, 0, 4096, 300_000])
  exports.pick(3)
  exports.take(5000)
  const inUse = [...cells.keys()].filter(index => cells[index] !== 0)
  for (const index of inUse) {
    const before = cells[index] ?? 0
    cells[index] = before ^ (1 << (31 - Math.clz32(before)))
    if (exports.verify() === 0) expect({ index, before }).toBeNull()
    cells[index] = before
  }
  expect(exports.verify()).toBe(0)
  expect(inUse.length).toBeGreaterThan(300_000 / 32)
})

test('verify() says in words what differs', () => {
  const { exports, cells } = openInstance([64, 64])
  const core = createCore([64, 64])
  expect(core.verify()).toBeNull()
  cells[(exports.LEAF.value >> 2) + 1] = 7
  expect(exports.verify()).toBe(6)
  expect(cells[exports.RESULT.value >> 2]).toBe(0)
})

test('core-as and the facade have the same limits', () => {
  const { exports } = openInstance([1])
  const told = exports as unknown as Record<string, WebAssembly.Global<'i32'>>
  for (const [name, limit] of Object.entries(limits)) {
    if (typeof limit === 'number' && name !== 'NO_SLOT') expect([name, told[name]?.value]).toEqual([name, limit])
  }
})

test('views stay valid: memory never grows after opening', () => {
  const { exports, cells } = openInstance([2 ** 20])
  for (let i = 0; i < 2 ** 20; i++) exports.pick(0)
  exports.match(0)
  exports.verify()
  expect(cells.length).toBeGreaterThan(0)
  expect(cells.buffer).toBe(exports.memory.buffer)
})

test('a pick, a take and a release leave no garbage', () => {
  const core = createCore([2 ** 24])
  const churn = (rounds: number) => {
    let sum = 0
    for (let i = 0; i < rounds; i++) {
      const slot = core.pick(0)
      sum += Number(core.release(slot)) + Number(core.take(slot)) + core.freeCount(0) + core.peek(0)
    }
    return sum
  }
  churn(10_000)
  Bun.gc(true)
  const before = heapStats()
  churn(1_000_000)
  const after = heapStats()
  //  One object for each round would be 16 MB at least.
  expect(after.heapSize - before.heapSize).toBeLessThan(1_000_000)
  expect(after.objectCount - before.objectCount).toBeLessThan(1000)
})
