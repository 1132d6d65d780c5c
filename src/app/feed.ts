/** Owns the stream of changes: each follower reads the history at its own pace, and is told when there is more. */
import { Fault } from '../lib/fault.ts'
import type { PastRow } from '../store/history.ts'
import type { Ports } from './ports.ts'
import type { Reader } from './reader.ts'

export type FeedItem =
  | { readonly kind: 'changes'; readonly rows: readonly PastRow[] }
  /** What came after `after` and before `next` is not recorded here, or no longer. */
  | { readonly kind: 'gap'; readonly after: number; readonly next: number }
  /** Nothing happened for a while. */
  | { readonly kind: 'quiet' }
  /** The last item: floatip stops. */
  | { readonly kind: 'end'; readonly because: string }

/** Each follower holds one batch at most: 64 × 256 changes of some 500 bytes are 8 MB. */
export const FOLLOWERS_MAX = 64
const BATCH = 256
/** Below every proxy's idle time-out, and our own. */
const QUIET_MS = 5_000

export interface Follower {
  /** The next item; null after the last one. */
  next(): Promise<FeedItem | null>
  /** To be called when nobody reads any more. */
  leave(): void
}

export interface Feed {
  /** From the change after this one on; null: from now on. Throws a Fault when there are too many followers. */
  follow(after: number | null): Follower
  stop(): void
}

export interface FeedParts extends Pick<Ports, 'ledger' | 'clock'> {
  readonly reader: Pick<Reader, 'after' | 'newest'>
}

export function feedOf({ ledger, clock, reader }: FeedParts): Feed {
  let moved = Promise.withResolvers<void>()
  let followers = 0
  const stopping = new AbortController()

  function signal(): void {
    moved.resolve()
    moved = Promise.withResolvers<void>()
  }
  ledger.onCommit(signal)

  /** True: something changed; false: it was quiet. */
  async function change(promise: Promise<void>): Promise<boolean> {
    const waiting = new AbortController()
    const changed = await Promise.race([
      promise.then(() => true),
      clock.sleep(QUIET_MS, waiting.signal).then(() => false),
    ])
    waiting.abort()
    return changed
  }

  /** Null: floatip stops, and its reading thread with it. */
  async function look(last: number) {
    try {
      return await reader.after(last, BATCH)
    } catch (error) {
      if (stopping.signal.aborted) return null
      throw error
    }
  }

  async function* items(from: number | null): AsyncGenerator<FeedItem, void, void> {
    const reached = await reader.newest()
    let last = from ?? reached
    // The first item at once: the reader learns that it is connected.
    yield { kind: 'quiet' }
    if (last > reached) {
      // Of another ledger: that of the leader before, or of this one before it was restored.
      yield { kind: 'gap', after: last, next: reached + 1 }
      last = reached
    }
    while (!stopping.signal.aborted) {
      // Taken before the look: a change in between resolves it.
      const { promise } = moved
      const found = await look(last)
      if (found === null) break
      const { rows, forgotten } = found
      const newest = rows.at(-1)
      if (from !== null && last < forgotten) {
        yield { kind: 'gap', after: last, next: forgotten + 1 }
        last = forgotten
      } else if (newest !== undefined) {
        yield { kind: 'changes', rows }
        last = newest.id
      } else if (!(await change(promise))) yield { kind: 'quiet' }
      from = last
    }
    yield { kind: 'end', because: 'floatip stops' }
  }

  return {
    follow(after) {
      if (followers >= FOLLOWERS_MAX)
        throw new Fault(`${FOLLOWERS_MAX} readers follow the changes already`, { retryable: true })
      followers++
      const following = items(after)
      let left = false
      return {
        next: async () => (await following.next()).value ?? null,
        leave() {
          if (!left) followers--
          left = true
          void following.return()
        },
      }
    },
    stop() {
      stopping.abort()
      signal()
    },
  }
}
