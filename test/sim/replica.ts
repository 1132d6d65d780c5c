/** Owns the model of the FloatingIP objects: what a new leader without the file starts from. */
import type { Allocation } from '../../src/domain/allocation.ts'
import type { AdoptCommand } from '../../src/domain/command.ts'
import type { TestLedger } from '../ledger/fixture.ts'
import { ip } from '../rules/world.ts'

export function replicaOf() {
  const objects = new Map<string, Allocation>()
  /** Written, but the answer is still on its way. */
  let late: { readonly address: string; readonly revision: number }[] = []

  /** Writes the newest state of these addresses, as far as the outbox names them; the acknowledgement may come late. */
  function write(t: TestLedger, addresses: readonly string[], lag = false): void {
    for (const { address, revision } of t.ledger.outbox()) {
      if (!addresses.includes(address)) continue
      const row = t.ledger.read(view => view.at(ip(address)))
      if (row === null) objects.delete(address)
      else objects.set(address, row)
      if (lag) late.push({ address, revision })
      else t.ledger.acknowledge(address, revision)
    }
  }

  return {
    objects,
    write,
    /** The oldest few entries of the outbox; what was written before is acknowledged now. */
    writeSome(t: TestLedger, count: number): void {
      for (const { address, revision } of late.splice(0)) t.ledger.acknowledge(address, revision)
      const oldest = t.ledger.outbox().slice(0, count)
      write(
        t,
        oldest.map(entry => entry.address),
        true,
      )
    },
    /** Who waited for an answer is gone. */
    forget(): void {
      late = []
    },
    /** Null when every object says what its row says, or the outbox knows that it does not. */
    difference(t: TestLedger): string | null {
      const known = new Set(t.ledger.outbox().map(entry => entry.address))
      const rows = new Map(t.ledger.read(state => [...state.rows()]).map(row => [row.address.text, row.revision]))
      for (const text of new Set([...rows.keys(), ...objects.keys()])) {
        if (!known.has(text) && objects.get(text)?.revision !== rows.get(text)) return `the outbox forgot ${text}`
      }
      return null
    },
    /** Null when every row says of its last change what the object said that it was adopted from. */
    untimely(t: TestLedger): string | null {
      for (const [text, { updatedAt }] of objects) {
        const adopted = t.ledger.read(view => view.at(ip(text)))?.updatedAt
        if (adopted !== updatedAt) return `${text} was updated at ${updatedAt}, and is adopted as of ${adopted}`
      }
      return null
    },
    /** What the objects tell: an object holds neither phase nor where a hold came from. */
    sightings(at: number, alive: ReadonlySet<string>): readonly AdoptCommand[] {
      const byTime = [...objects.values()].sort((a, b) => a.updatedAt - b.updatedAt || a.revision - b.revision)
      return byTime.map(
        ({ address, owner, apiVersion, policy, incarnation, node, index, reservation, blocked, surge, ...row }) => {
          return {
            at,
            since: row.updatedAt,
            source: 'object',
            address,
            owner,
            apiVersion,
            policy,
            incarnation,
            node,
            index,
            reservation,
            blocked,
            surge,
            restsSince: row.restsSince,
            alive,
          }
        },
      )
    },
  }
}

export type Replica = ReturnType<typeof replicaOf>
