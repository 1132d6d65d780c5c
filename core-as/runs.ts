/** Owns runs of free slots: the longest within an interval. */
import { from, nextFree } from './bitmap'
import { NO_SLOT, leaf, setResult } from './layout'

/** Within [lo, hi]: RESULT[0] is where the longest run starts (the lowest of equals; NO_SLOT without any), RESULT[1] its length. */
export function largestFreeRun(lo: i32, hi: i32): void {
  const end = hi + 1
  let best = NO_SLOT
  let length = 0
  let start = nextFree(lo)
  while (<u32>start < <u32>end) {
    const stop = runEnd(start, end)
    if (stop - start > length) {
      best = start
      length = stop - start
    }
    start = stop == end ? NO_SLOT : nextFree(stop)
  }
  setResult(0, best)
  setResult(1, length)
}

/** The first slot after `slot` that is not free, or `end`. No level summarises full words: word by word, 64 slots a step. */
function runEnd(slot: i32, end: i32): i32 {
  let i = slot >>> 6
  const last = (end - 1) >>> 6
  let taken = ~leaf(i) & from(slot)
  while (taken == 0 && i < last) taken = ~leaf(++i)
  if (taken == 0) return end
  return min((i << 6) | <i32>ctz(taken), end)
}
