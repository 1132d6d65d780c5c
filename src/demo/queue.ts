/** Owns the rhythm of controllers: names of what may need work, each once, worked off shortly after. */

export interface Queue {
  add(key: string, afterMs?: number): void
  stop(): void
}

export function queueOf(work: (key: string) => void, onFailure: (thrown: unknown) => void): Queue {
  const timers = new Map<string, ReturnType<typeof setTimeout>>()
  let stopped = false
  return {
    add(key, afterMs = 0) {
      if (stopped || timers.has(key)) return
      const run = () => {
        timers.delete(key)
        try {
          work(key)
        } catch (thrown) {
          onFailure(thrown)
        }
      }
      timers.set(key, setTimeout(run, afterMs))
    },
    stop() {
      stopped = true
      for (const timer of timers.values()) clearTimeout(timer)
    },
  }
}

/** A part of the stage that runs until it is stopped. */
export interface Running {
  stop(): void
}

/** Tells of failures that are our own; a controller goes on with the next event. */
export type OnFailure = (thrown: unknown) => void
