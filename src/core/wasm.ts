/** Owns the WASM engine of the core: one instance per Core, its memory sized once, and the check of every argument before it crosses. */
import { readFileSync } from 'node:fs'
import { assert, Bug } from '../lib/assert.ts'
import {
  type Core,
  ENTRIES_MAX,
  ENTRY_SLOTS_MAX,
  type FreeRun,
  MATCH_INTERVALS_MAX,
  MATCH_LISTS_MAX,
  NO_SLOT,
  SLOTS_MAX,
  type SlotInterval,
} from './core.ts'
import corePath from './core.wasm' with { type: 'file' }
import { areDisjoint } from './intervals.ts'

/** What core-as/index.ts exports. */
export interface CoreExports {
  readonly memory: WebAssembly.Memory
  open(entries: number): number
  entryOf(slot: number): number
  peek(entry: number): number
  pick(entry: number): number
  take(slot: number): number
  release(slot: number): number
  firstFree(lo: number, hi: number): number
  countFree(lo: number, hi: number): number
  nthFree(n: number): number
  largestFreeRun(lo: number, hi: number): void
  match(lists: number): number
  verify(): number
  empty(x: number): number
  /** Byte offsets of the tables, see core-as/layout.ts. */
  readonly RESULT: WebAssembly.Global<'i32'>
  readonly LIST_ENDS: WebAssembly.Global<'i32'>
  readonly INTERVALS: WebAssembly.Global<'i32'>
  readonly ENTRIES: WebAssembly.Global<'i32'>
  readonly LEAF: WebAssembly.Global<'i32'>
}

/** An open instance: its functions, and its memory as integers. */
export interface CoreInstance {
  readonly slots: number
  readonly exports: CoreExports
  readonly cells: Int32Array
}

const module = new WebAssembly.Module(readFileSync(corePath))
/** An entry is four cells: first slot, end (before open() the slot count), free count, cursor. */
const ENTRY_CELLS = 4
const END = 1
const FREE = 2

/** What verify() found broken, by the number of the rule in core-as/verify.ts. */
const BROKEN_RULES = [
  'sound',
  'a bit beyond the last slot is set, leaf word',
  'level 1 disagrees with the leaves, word',
  'level 2 disagrees with level 1, word',
  'level 3 disagrees with level 2, word',
  'level 4 disagrees with level 3, word',
  'free count of a block of 4096 disagrees with the leaves, block',
  'free count of a region of 262144 disagrees with its blocks, region',
  'geometry is broken, entry',
  'owner of a block is another entry, block',
  'free count disagrees with the leaves, entry',
  'cursor is outside, entry',
] as const

export function createCore(entryCounts: readonly number[]): Core {
  return new WasmCore(openInstance(entryCounts), entryCounts.length)
}

/** A fresh instance in which every slot is free. Its memory grows here once, to what these entries need, and never after: views stay valid. */
export function openInstance(entryCounts: readonly number[]): CoreInstance {
  assert(entryCounts.length <= ENTRIES_MAX, `${entryCounts.length} entries are more than ${ENTRIES_MAX}`)
  for (const count of entryCounts) {
    assert(Number.isInteger(count) && count >= 0 && count <= ENTRY_SLOTS_MAX, `an entry cannot have ${count} slots`)
  }
  const slots = entryCounts.reduce((sum, count) => sum + count, 0)
  assert(slots <= SLOTS_MAX, `${slots} slots are more than ${SLOTS_MAX}`)

  const exports = new WebAssembly.Instance(module).exports as unknown as CoreExports
  const counts = new Int32Array(exports.memory.buffer, exports.ENTRIES.value)
  entryCounts.forEach((count, entry) => {
    counts[entry * ENTRY_CELLS + END] = count
  })
  assert(exports.open(entryCounts.length) === slots, 'core.wasm counts other slots than we do')
  return { slots, exports, cells: new Int32Array(exports.memory.buffer) }
}

class WasmCore implements Core {
  readonly slots: number
  readonly entries: number
  private readonly wasm: CoreExports
  private readonly cells: Int32Array
  /** Where the tables begin, counted in cells of four bytes. */
  private readonly leaf: number
  private readonly table: number
  private readonly result: number

  constructor(instance: CoreInstance, entries: number) {
    this.slots = instance.slots
    this.entries = entries
    this.wasm = instance.exports
    this.cells = instance.cells
    this.leaf = instance.exports.LEAF.value >> 2
    this.table = instance.exports.ENTRIES.value >> 2
    this.result = instance.exports.RESULT.value >> 2
  }

  entryOf(slot: number): number {
    this.requireSlot(slot)
    return this.wasm.entryOf(slot)
  }

  isFree(slot: number): boolean {
    this.requireSlot(slot)
    return ((this.cell(this.leaf + (slot >> 5)) >>> (slot & 31)) & 1) === 1
  }

  peek(entry: number): number {
    this.requireEntry(entry)
    return this.wasm.peek(entry)
  }

  pick(entry: number): number {
    this.requireEntry(entry)
    return this.wasm.pick(entry)
  }

  take(slot: number): boolean {
    this.requireSlot(slot)
    return this.wasm.take(slot) === 1
  }

  release(slot: number): boolean {
    this.requireSlot(slot)
    return this.wasm.release(slot) === 1
  }

  freeCount(entry: number): number {
    this.requireEntry(entry)
    return this.cell(this.table + entry * ENTRY_CELLS + FREE)
  }

  slotCount(entry: number): number {
    this.requireEntry(entry)
    const first = this.table + entry * ENTRY_CELLS
    return this.cell(first + END) - this.cell(first)
  }

  firstFree(lo: number, hi: number): number {
    this.requireInterval(lo, hi)
    return this.wasm.firstFree(lo, hi)
  }

  countFree(lo: number, hi: number): number {
    this.requireInterval(lo, hi)
    return this.wasm.countFree(lo, hi)
  }

  nthFree(n: number): number {
    assert(Number.isSafeInteger(n) && n >= 0, 'nthFree takes a number from 0')
    return n < this.slots ? this.wasm.nthFree(n) : NO_SLOT
  }

  largestFreeRun(lo: number, hi: number): FreeRun {
    this.requireInterval(lo, hi)
    this.wasm.largestFreeRun(lo, hi)
    return { first: this.cell(this.result), length: this.cell(this.result + 1) }
  }

  match(lists: readonly (readonly SlotInterval[])[]): number[] | null {
    assert(lists.length <= MATCH_LISTS_MAX, `${lists.length} lists are more than ${MATCH_LISTS_MAX}`)
    const total = lists.reduce((sum, list) => sum + list.length, 0)
    assert(total <= MATCH_INTERVALS_MAX, `${total} intervals are more than ${MATCH_INTERVALS_MAX}`)
    const ends = this.wasm.LIST_ENDS.value >> 2
    const intervals = this.wasm.INTERVALS.value >> 2
    let end = 0
    for (const [index, list] of lists.entries()) {
      for (const { lo, hi } of list) this.requireInterval(lo, hi)
      assert(areDisjoint(list), `list ${index} names a slot twice`)
      for (const { lo, hi } of list) {
        this.cells[intervals + end * 2] = lo
        this.cells[intervals + end * 2 + 1] = hi
        end++
      }
      this.cells[ends + index] = end
    }
    if (this.wasm.match(lists.length) === 0) return null
    return Array.from(this.cells.subarray(this.result, this.result + lists.length))
  }

  verify(): string | null {
    const rule = this.wasm.verify()
    return rule === 0 ? null : `${BROKEN_RULES[rule] ?? 'broken rule'} ${this.cell(this.result)}`
  }

  private cell(index: number): number {
    return this.cells[index] as number
  }

  //  `(x | 0) === x` says at once: a number, whole, and within i32.
  private requireSlot(slot: number): void {
    if ((slot | 0) !== slot || slot < 0 || slot >= this.slots) outside('slot', slot, this.slots)
  }

  private requireEntry(entry: number): void {
    if ((entry | 0) !== entry || entry < 0 || entry >= this.entries) outside('entry', entry, this.entries)
  }

  private requireInterval(lo: number, hi: number): void {
    this.requireSlot(lo)
    this.requireSlot(hi)
    if (lo > hi) throw new Bug(`the interval [${lo}, ${hi}] runs backwards`)
  }
}

/** Apart from the checks, so that these stay small enough to be inlined. */
function outside(what: string, value: number, end: number): never {
  throw new Bug(`${what} ${value} is not in [0, ${end})`)
}
