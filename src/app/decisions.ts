/** Owns the log's line for each decision about an address, written when the decision is on disk. A bind's comes with its Binding. */
import type { Committed, Verb } from '../domain/change.ts'
import { ownerKey } from '../domain/owner.ts'
import type { Turn } from '../ledger/ledger.ts'
import type { Ports } from './ports.ts'

const SAID: Readonly<Record<Exclude<Verb, 'bind'>, string>> = {
  hold: 'held',
  keep: 'kept',
  rest: 'rest',
  free: 'freed',
  release: 'released',
  'give back': 'given back',
  adopt: 'adopted',
  settle: 'settled',
  reserve: 'reserved',
  unreserve: 'reservation ended',
}

export function logDecisions({ ledger, log }: Pick<Ports, 'ledger' | 'log'>): void {
  ledger.onCommit((changes, turn) => {
    for (const change of changes) {
      if (change.verb === 'bind') continue
      // A takeover adopts thousands, and what it found is counted in the line "ready".
      log[change.verb === 'adopt' ? 'debug' : 'info'](fieldsOf(change, turn), SAID[change.verb])
    }
  })
}

function fieldsOf({ address, before, after, because }: Committed, { waitedMs, decideMs, persistMs }: Turn): object {
  const owner = before?.owner.pod ? before.owner : (after?.owner ?? before?.owner)
  const node = after?.node ?? before?.node
  return {
    ip: address.text,
    ...(owner !== undefined && (owner.pod ? { pod: `${owner.namespace}/${owner.pod}` } : { owner: ownerKey(owner) })),
    ...(node && { node }),
    reason: because,
    ...{ queueMs: ms(waitedMs), decideMs: ms(decideMs), persistMs: ms(persistMs) },
  }
}

/** Hundredths are as fine as anything in here can be told apart. */
export function ms(value: number): number {
  return Math.round(value * 100) / 100
}
