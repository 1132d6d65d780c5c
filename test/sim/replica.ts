/** Owns the model of the FloatingIP objects: what a new leader without the file starts from. */
import type { Allocation } from '../../src/domain/allocation.ts'
import type { AdoptCommand } from '../../src/domain/command.ts'
import type { TestLedger } from '../ledger/fixture.ts'
import { ip } from '../rules/world.ts'

export function replicaOf() {
  const objects = new Map<string, Allocation>()

  /** Writes the newest state of these addresses, as far as the outbox names them, and acknowledges it. */
  function write(t: TestLedger, addresses: readonly string[]): void {
    for (const { address, revision } of t.ledger.outbox()) {
      if (!addresses.includes(address)) continue
      const row = t.ledger.read(view => view.at(ip(address)))
      if (row === null) objects.delete(address)
      else objects.set(address, row)
      t.ledger.acknowledge(address, revision)
    }
  }

  return {
    objects,
    write,
    /** The oldest few entries of the outbox. */
    writeSome(t: TestLedger, count: number): void {
      write(
        t,
        t.ledger
          .outbox()
          .slice(0, count)
          .map(entry => entry.address),
      )
    },
    /** What the objects tell: an object holds neither phase nor where a hold came from. */
    sightings(at: number, alive: ReadonlySet<string>): readonly AdoptCommand[] {
      return [...objects.values()].map(({ address, owner, apiVersion, policy, incarnation, node, index }) => {
        return {
          at,
          source: 'object',
          address,
          owner,
          apiVersion,
          policy,
          incarnation,
          node,
          index,
          blocked: false,
          alive,
        }
      })
    },
  }
}

export type Replica = ReturnType<typeof replicaOf>
