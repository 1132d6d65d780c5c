/** Owns the language of the allocator core: slots (dense integers, no meaning) that belong to entries and are free or taken. */

export const NO_SLOT = -1

/** 2^24 slots an entry: an IPv4 /8, one 2 MiB bitmap. */
export const ENTRY_SLOTS_MAX = 2 ** 24
/** 2^28 slots in all: sixteen such entries, 32 MiB of bits; far below 2^31, where i32 ends. */
export const SLOTS_MAX = 2 ** 28
/** 2^16 entries: 16 bytes each, 1 MiB together. */
export const ENTRIES_MAX = 2 ** 16
/** 64 lists: a set of lists is one u64; 64 lists x their first 64 free slots = 4096 edges, a search in well under 10 ms. */
export const MATCH_LISTS_MAX = 64
/** 4096 intervals over all lists: 64 for each of 64 lists. */
export const MATCH_INTERVALS_MAX = 4096

/** Slots are dense integers; entry e owns the slots [first, first+count). Geometry never changes during an instance's life. */
export interface Core {
  readonly slots: number
  readonly entries: number
  /** The entry that owns the slot. */
  entryOf(slot: number): number
  isFree(slot: number): boolean
  /** Next-fit: the first free slot at or after the entry's cursor, wrapping; NO_SLOT when the entry is full. Does not take it. */
  peek(entry: number): number
  /** peek + take + move the cursor past it (so a freed address is reused last). */
  pick(entry: number): number
  /** False when it was not free. Leaves the cursor alone. */
  take(slot: number): boolean
  /** False when it was free already. */
  release(slot: number): boolean
  freeCount(entry: number): number
  slotCount(entry: number): number
  /** First free slot in [lo, hi] (both included, any entry), or NO_SLOT. */
  firstFree(lo: number, hi: number): number
  /** Number of free slots in [lo, hi]. */
  countFree(lo: number, hi: number): number
  /** The n-th (0-based) free slot of all slots in ascending order, or NO_SLOT. */
  nthFree(n: number): number
  /** Start and length of the longest run of free slots in [lo, hi]: the lowest of equals; `{ first: NO_SLOT, length: 0 }` when there is none. */
  largestFreeRun(lo: number, hi: number): FreeRun
  /**
   * One distinct free slot from each list (disjoint closed intervals, those that are preferred first), in the order of the lists; null
   * when there is none. Exact: finds a solution whenever one exists, and of all solutions the one that is preferred in the order of
   * the lists (the first list's slot as early in its list as can be, then the second's, …). Takes nothing.
   */
  match(lists: readonly (readonly SlotInterval[])[]): number[] | null
  /** Null when every summary level and count equals what the leaf bitmap says, else what differs. */
  verify(): string | null
}

export interface SlotInterval {
  readonly lo: number
  readonly hi: number
}

export interface FreeRun {
  readonly first: number
  readonly length: number
}
