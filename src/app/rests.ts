/** Owns the end of rests: an address that a container may still use is free for other owners once its time is over (R12). */
import type { Allocation } from '../domain/allocation.ts'
import type { Address } from '../ip/address.ts'
import { notABug } from '../lib/assert.ts'
import type { WallMs } from '../lib/clock.ts'
import type { Ports } from './ports.ts'

export interface Rests {
  /** When this address has rested; null: it does not rest. */
  endsAt(address: Address): WallMs | null
  /** What rests from before: its end is decided only when this process leads, and knows what happened meanwhile. */
  start(): void
  stop(): void
}

interface Rest {
  readonly since: WallMs
  readonly endsAt: WallMs
  readonly timer: AbortController
}

const RETRY_MS = 1_000

/** One timer per address. Also for what a pod or an owner has in the meantime: given up before that time, it rests for others. */
export function restsOf({ ledger, restMs, clock, log }: Pick<Ports, 'ledger' | 'restMs' | 'clock' | 'log'>): Rests {
  const rests = new Map<string, Rest>()

  ledger.onCommit(changes => {
    for (const { address, after } of changes) follow(address, after)
  })

  function follow(address: Address, row: Allocation | null): void {
    const since = row?.restsSince ?? null
    const known = rests.get(address.text)
    if ((known?.since ?? null) === since) return
    known?.timer.abort()
    rests.delete(address.text)
    if (since !== null) begin(address, since)
  }

  /** It may have begun before a restart or with another leader, and wall clocks differ and jump: from now on never more than a whole rest. */
  function begin(address: Address, since: WallMs): void {
    const leftMs = Math.min(restMs, Math.max(0, since + restMs - clock.now()))
    const timer = new AbortController()
    rests.set(address.text, { since, endsAt: clock.now() + leftMs, timer })
    void end(address, since, leftMs, timer.signal)
  }

  async function end(address: Address, since: WallMs, waitMs: number, signal: AbortSignal): Promise<void> {
    let said = false
    for (let ms = waitMs; ; ms = RETRY_MS) {
      await clock.sleep(ms, signal)
      if (signal.aborted) return
      try {
        await ledger.submit('rested', { at: clock.now(), address, since })
        return
      } catch (error) {
        notABug(error)
        // A disk is full for hours, and hundreds of addresses rest.
        if (!said) log.warn({ ip: address.text, err: error }, 'the end of its rest is not booked yet, will retry')
        said = true
      }
    }
  }

  return {
    endsAt: address => rests.get(address.text)?.endsAt ?? null,
    start() {
      for (const row of ledger.read(view => [...view.rows()])) follow(row.address, row)
    },
    stop() {
      for (const { timer } of rests.values()) timer.abort()
      rests.clear()
    },
  }
}
