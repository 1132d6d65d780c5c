/** Owns how long a request may take and how many there may be at once. */

export interface Limits {
  readonly signal: AbortSignal
  readonly reason: () => string | null
  check(): void
  /** Starts the timer again; without a length, stops it. */
  expectWithin(ms: number | undefined): void
  /** Ends what is under way, without blaming anyone. */
  abandon(): void
  clear(): void
}

/** One abort signal made of the caller's signal and a timer that can be set again; cleared, it holds neither. */
export function limitsOf(timeoutMs: number, byWhom: AbortSignal | undefined): Limits {
  const controller = new AbortController()
  let reason: string | null = null
  const end = (why: string) => {
    reason ??= why
    clear()
    controller.abort(new Error(why))
  }
  const byCaller = () => end('given up by the caller')
  let timer: ReturnType<typeof setTimeout> | undefined
  const clear = () => {
    clearTimeout(timer)
    byWhom?.removeEventListener('abort', byCaller)
  }
  byWhom?.addEventListener('abort', byCaller)
  const expectWithin = (ms: number | undefined) => {
    clearTimeout(timer)
    if (ms !== undefined && !controller.signal.aborted) timer = setTimeout(() => end(`silence for ${ms} ms`), ms)
  }
  expectWithin(timeoutMs)
  return {
    signal: controller.signal,
    reason: () => reason,
    check() {
      if (byWhom?.aborted) byCaller()
      controller.signal.throwIfAborted()
    },
    expectWithin,
    abandon() {
      clear()
      controller.abort(new Error('no longer read'))
    },
    clear,
  }
}

export interface Slots {
  /** True once a slot is ours, first come, first served; false when the signal came before. */
  take(signal: AbortSignal): Promise<boolean>
  give(): void
}

export function slotsOf(size: number): Slots {
  let free = size
  const waiting = new Set<() => void>()
  return {
    async take(signal) {
      if (signal.aborted) return false
      if (free > 0) {
        free--
        return true
      }
      return await new Promise<boolean>(resolve => {
        const leave = () => {
          waiting.delete(enter)
          resolve(false)
        }
        const enter = () => {
          waiting.delete(enter)
          signal.removeEventListener('abort', leave)
          resolve(true)
        }
        waiting.add(enter)
        signal.addEventListener('abort', leave)
      })
    },
    give() {
      const [next] = waiting
      if (next === undefined) free++
      else next()
    },
  }
}
