/** Owns the memory map: every byte of the instance has its place here, and every place its two accessors. */

export const NO_SLOT: i32 = -1

//  Limits. Slots are i32 and never negative, so 2^31 would be the end of the notation; what we refuse is far below:
//  2^24 slots an entry = an IPv4 /8;  2^28 slots in all = sixteen of them = 32 MiB of leaf bits = four levels of 64 and 16 on top.
export const ENTRY_SLOTS_MAX: i32 = 1 << 24
export const SLOTS_MAX: i32 = 1 << 28
//  2^16 entries: the number of an entry fits in a u16; each costs 16 bytes, 1 MiB together.
export const ENTRIES_MAX: i32 = 1 << 16
//  64 lists: a set of lists is one u64. 64 lists x their first 64 free slots = 4096 edges.
export const MATCH_LISTS_MAX: i32 = 64
export const MATCH_INTERVALS_MAX: i32 = 4096

//  ┌────────────┬──────────────┬─────────────────────────────────────────────────────────────┐
//  │ RESULT     │ 64 x i32     │ answers of more than one integer                            │
//  │ LEVEL4     │ 1 x u64      │ bit i: LEVEL3 word i is not zero          (16 bits in use)  │
//  │ LEVEL3     │ 16 x u64     │ bit i: LEVEL2 word i is not zero                            │
//  │ LEVEL2     │ 2^10 x u64   │ bit i: LEVEL1 word i is not zero                            │
//  │ FREE2      │ 2^10 x u32   │ free slots below LEVEL2 word i            (of 262144)       │
//  │ LIST_ENDS  │ 64 x i32     │ matching: list i ends before this interval                  │
//  │ WIDTHS     │ 64 x i32     │ matching: how many candidates list i has                    │
//  │ CHOICES    │ 64 x i32     │ matching: the cell that list i holds, or -1                 │
//  │ INTERVALS  │ 4096 x 2 i32 │ matching: lo, hi; ascending and disjoint within a list      │
//  │ EDGES      │ 4096 x i32   │ matching: [list][rank] -> cell                              │
//  │ CELLS      │ 8192 x 2 i32 │ matching: hash table of slot, the list that holds it or -1  │
//  │ ENTRIES    │ 2^16 x 4 i32 │ first slot, slot count, free count, cursor                  │
//  │ OWNERS     │ 2^16+1 x u16 │ the entry of the first slot of block i; then the last entry │
//  │ FREE1      │ 2^16 x u16   │ free slots below LEVEL1 word i            (a block of 4096) │
//  │ LEVEL1     │ 2^16 x u64   │ bit i: LEAF word i is not zero                              │
//  │ LEAF       │ as needed    │ bit i: slot i is free                     (32 MiB at most)  │
//  └────────────┴──────────────┴─────────────────────────────────────────────────────────────┘
//  All but LEAF lie at their largest: addresses are constants in the code, and pages nobody touches cost nothing.
//  The first page stays empty, so that no table is at address zero.
export const RESULT: i32 = 1 << 16
export const LEVEL4: i32 = RESULT + 64 * 4
export const LEVEL3: i32 = LEVEL4 + 64
export const LEVEL2: i32 = LEVEL3 + 16 * 8
export const FREE2: i32 = LEVEL2 + 1024 * 8
export const LIST_ENDS: i32 = FREE2 + 1024 * 4
export const WIDTHS: i32 = LIST_ENDS + 64 * 4
export const CHOICES: i32 = WIDTHS + 64 * 4
export const INTERVALS: i32 = CHOICES + 64 * 4
export const EDGES: i32 = INTERVALS + 4096 * 8
export const CELLS: i32 = EDGES + 4096 * 4
export const ENTRIES: i32 = CELLS + 8192 * 8
export const OWNERS: i32 = ENTRIES + 65536 * 16
export const FREE1: i32 = OWNERS + 65536 * 2 + 64
export const LEVEL1: i32 = FREE1 + 65536 * 2
export const LEAF: i32 = LEVEL1 + 65536 * 8

//  Words of the bitmap
@inline function x8(i: i32): usize { return <usize>i << 3 }
@inline export function leaf(i: i32): u64 { return load<u64>(x8(i), LEAF) }
@inline export function setLeaf(i: i32, w: u64): void { store<u64>(x8(i), w, LEAF) }
@inline export function level1(i: i32): u64 { return load<u64>(x8(i), LEVEL1) }
@inline export function setLevel1(i: i32, w: u64): void { store<u64>(x8(i), w, LEVEL1) }
@inline export function level2(i: i32): u64 { return load<u64>(x8(i), LEVEL2) }
@inline export function setLevel2(i: i32, w: u64): void { store<u64>(x8(i), w, LEVEL2) }
@inline export function level3(i: i32): u64 { return load<u64>(x8(i), LEVEL3) }
@inline export function setLevel3(i: i32, w: u64): void { store<u64>(x8(i), w, LEVEL3) }
@inline export function level4(): u64 { return load<u64>(0, LEVEL4) }
@inline export function setLevel4(w: u64): void { store<u64>(0, w, LEVEL4) }

//  Counts of free slots: a block of 4096 is what one LEVEL1 word covers, a region of 262144 one LEVEL2 word
@inline export function free1(i: i32): i32 { return <i32>load<u16>(<usize>i << 1, FREE1) }
@inline export function setFree1(i: i32, n: i32): void { store<u16>(<usize>i << 1, <u16>n, FREE1) }
@inline export function free2(i: i32): i32 { return load<i32>(<usize>i << 2, FREE2) }
@inline export function setFree2(i: i32, n: i32): void { store<i32>(<usize>i << 2, n, FREE2) }

//  Entries
@inline function x16(i: i32): usize { return <usize>i << 4 }
@inline export function firstOf(e: i32): i32 { return load<i32>(x16(e), ENTRIES) }
@inline export function setFirst(e: i32, n: i32): void { store<i32>(x16(e), n, ENTRIES) }
@inline export function endOf(e: i32): i32 { return load<i32>(x16(e), ENTRIES + 4) }
@inline export function setEnd(e: i32, n: i32): void { store<i32>(x16(e), n, ENTRIES + 4) }
@inline export function countOf(e: i32): i32 { return endOf(e) - firstOf(e) }
@inline export function freeOf(e: i32): i32 { return load<i32>(x16(e), ENTRIES + 8) }
@inline export function setFree(e: i32, n: i32): void { store<i32>(x16(e), n, ENTRIES + 8) }
@inline export function cursorOf(e: i32): i32 { return load<i32>(x16(e), ENTRIES + 12) }
@inline export function setCursor(e: i32, n: i32): void { store<i32>(x16(e), n, ENTRIES + 12) }
@inline export function ownerOf(block: i32): i32 { return <i32>load<u16>(<usize>block << 1, OWNERS) }
@inline export function setOwner(block: i32, e: i32): void { store<u16>(<usize>block << 1, <u16>e, OWNERS) }

//  Geometry
export let slots: i32 = 0
export let entries: i32 = 0
export function setGeometry(slotCount: i32, entryCount: i32): void {
  slots = slotCount
  entries = entryCount
}
/** How many words of 2^`bits` slots there are: 6 leaf, 12 LEVEL1, 18 LEVEL2, 24 LEVEL3. */
@inline export function wordsOf(bits: i32): i32 { return (slots + (1 << bits) - 1) >>> bits }

//  Answers of more than one integer
@inline export function setResult(i: i32, n: i32): void { store<i32>(<usize>i << 2, n, RESULT) }
