/** Owns how long a request may take: one abort signal made of the caller's and of a timer of ours. */

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
