/** Owns the ready gate: nothing is answered before ledger, objects, pods and configuration are known. */

export interface Gate {
  readonly open: boolean
  /** What start-up is doing or lacks, for readyz and for the scheduler's error. */
  readonly waitingFor: string
  waitFor(what: string): void
  opened(): void
}

export function readyGate(): Gate {
  let open = false
  let waitingFor = 'start-up'
  return {
    get open() {
      return open
    },
    get waitingFor() {
      return waitingFor
    },
    waitFor(what) {
      open = false
      waitingFor = what
    },
    opened() {
      open = true
      waitingFor = ''
    },
  }
}
