/** Owns the table `cloud` as proposed for the ledger's schema, beside rows that move as the ledger's do. */
import { Database } from 'bun:sqlite'
import type { LeftoverStore } from '../../src/cloud/places.ts'
import type { Allocation } from '../../src/domain/allocation.ts'
import type { Committed, Verb } from '../../src/domain/change.ts'
import { ip } from './provider-server.ts'

export const SCHEMA = `
CREATE TABLE cloud (
  address  TEXT NOT NULL,
  node     TEXT NOT NULL,
  revision INTEGER NOT NULL,
  PRIMARY KEY (address, node)
) STRICT`

/** A ledger of which only owner and node matter: every commit is one change, written as the journal would. */
export interface Rows extends LeftoverStore {
  at(address: string): Allocation | null
  all(): readonly Allocation[]
  commit(verb: Verb, address: string, to: { readonly uid: string; readonly node: string } | null): void
  /** A new process: nobody listens any more. */
  restart(): void
  listener: (changes: readonly Committed[]) => void
}

export function rowsOf(): Rows {
  const db = new Database(':memory:', { strict: true })
  db.run(SCHEMA)
  const owe = db.query(`
    INSERT INTO cloud VALUES ($address, $node, $revision) ON CONFLICT (address, node) DO UPDATE SET revision = $revision`)
  const wipe = db.query('DELETE FROM cloud WHERE address = $address AND node = $node')
  const done = db.query('DELETE FROM cloud WHERE address = $address AND node = $node AND revision <= $revision')
  const rows = new Map<string, Allocation>()
  let revision = 0

  return {
    listener: () => {},
    at: address => rows.get(address) ?? null,
    all: () => [...rows.values()],
    commit(verb, text, to) {
      revision++
      const address = ip(text)
      const before = rows.get(text) ?? null
      const after: Allocation | null =
        to === null
          ? null
          : {
              ...{ address, owner: { pool: '', kind: 'sts', namespace: 'ns', workload: 'w', pod: to.uid } },
              ...{ phase: 'bound' as const, incarnation: to.uid, node: to.node, policy: 0 as const, index: 0 },
              ...{
                apiVersion: '',
                heldFrom: null,
                blocked: false,
                surge: false,
                restsSince: null,
                updatedAt: 0,
                revision,
              },
              reservation: null,
            }
      if (after === null) rows.delete(text)
      else rows.set(text, after)
      const [from, now] = [before?.node ?? null, after?.node ?? null]
      if (from !== null && from !== now) owe.run({ address: text, node: from, revision })
      if (now !== null && from !== now) wipe.run({ address: text, node: now })
      this.listener([{ verb, address, before, after, because: 'test', at: 0, revision }])
    },
    restart() {
      this.listener = () => {}
    },
    leftovers: () => db.query<{ address: string; node: string; revision: number }, []>('SELECT * FROM cloud').all(),
    left(address, node, at) {
      done.run({ address, node, revision: at })
    },
  }
}
