/** Owns leadership without an election (`--leader-elect=false`): the person who runs one process only vouches for it. */
import type { Leadership } from './leadership-port.ts'

export function aloneLeading(): Leadership {
  let leading = false
  return {
    isLeader: () => leading,
    stillLeads: async () => leading,
    safeForMs: () => (leading ? Number.POSITIVE_INFINITY : 0),
    leader: '',
    standing: 'leadership: not elected (--leader-elect=false)',
    term: 0,
    run({ started }, signal) {
      return new Promise(resolve => {
        const end = () => {
          leading = false
          resolve()
        }
        if (signal.aborted) return end()
        signal.addEventListener('abort', end)
        leading = true
        started(0)
      })
    },
    async release() {
      leading = false
    },
  }
}
