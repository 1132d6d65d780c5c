/** Owns the ready gate: nothing is answered before ledger, objects, pods and configuration are known. */
import type { Leadership } from './leadership-port.ts'

export interface Gate {
  readonly open: boolean
  /** What start-up is doing or lacks, for readyz and for the scheduler's error. */
  readonly waitingFor: string
  waitFor(what: string): void
  opened(): void
}

/** Only the leader's gate is open; leadership is asked anew each time, for it may have ended a moment ago. */
export function readyGate(leadership: Pick<Leadership, 'isLeader' | 'standing'>): Gate {
  let open = false
  let waitingFor = 'start-up'
  return {
    get open() {
      return open && leadership.isLeader()
    },
    get waitingFor() {
      return leadership.isLeader() ? waitingFor : leadership.standing
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
