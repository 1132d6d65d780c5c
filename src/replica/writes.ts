/** Owns one write of a FloatingIP object: by compare-and-swap on the version that we know; a conflict is looked into, and never forced blindly. */
import type { Allocation } from '../domain/allocation.ts'
import type { Address } from '../ip/address.ts'
import type { FloatingIpFact } from '../kube/floatingip.ts'
import type { ObjectStore, Version } from '../kube/object-store.ts'
import { Fault } from '../lib/fault.ts'

/** What to do about an object that somebody else made or changed. */
export type Verdict = 'overwrite' | 'withdrawn'

export interface Writes {
  /** The object as it was found: the next write may rest on this version, unless it is to look first. */
  seen(fact: FloatingIpFact): void
  /** Nobody knows what it says now: the next write looks first. */
  doubt(address: Address): void
  /** There is no object of this address. */
  forget(address: Address): void
  /** The object says what the row says (null: there is none), unless it belongs to somebody else. Throws a Fault when nobody can tell. */
  write(address: Address, row: Allocation | null): Promise<Verdict>
}

export interface WriteParts {
  readonly objects: ObjectStore
  /** Asked in the step in which a write leaves. */
  isLeader(): boolean
  /** Asked of the Lease itself before a foreign object is judged: it may be the next leader's. */
  stillLeads(): Promise<boolean>
  /** Decides about a foreign object, on the ground of quorum reads. */
  judge(row: Allocation | null, foreign: FloatingIpFact): Promise<Verdict>
}

/** Our knowledge of one object: its version; null: there is none; undefined: look first. */
type Known = Version | null | undefined

export function writesOn({ objects, isLeader, stillLeads, judge }: WriteParts): Writes {
  const known = new Map<string, Known>()
  /** Objects last seen with the label `reserved`: never deleted by us (R23), so looked at before each write. */
  const labelled = new Set<string>()

  async function write(address: Address, row: Allocation | null): Promise<Verdict> {
    const key = address.text
    // What an administrator keeps out of circulation by an object of theirs is not ours to write.
    if (row?.blocked && row.reservation === null) return 'overwrite'
    const remembered = labelled.has(key) ? undefined : known.has(key) ? known.get(key) : null
    const version = remembered === undefined ? await look(address, row) : remembered
    if (version === 'withdrawn') return 'withdrawn'
    if (!isLeader()) throw new Fault('this floatip does not lead any more', { retryable: true })
    known.set(key, undefined) // until the answer is in, nobody knows
    if (row === null) {
      if (version !== null && !(await objects.remove(address, version))) return lookAgain(address, row)
      known.delete(key)
      return 'overwrite'
    }
    const written = version === null ? await objects.create(row) : await objects.update(row, version)
    if (written === null) return lookAgain(address, row)
    known.set(key, written)
    return 'overwrite'
  }

  async function lookAgain(address: Address, row: Allocation | null): Promise<Verdict> {
    const version = await look(address, row)
    if (version === 'withdrawn') return 'withdrawn'
    known.set(address.text, version)
    throw new Fault(`the FloatingIP object of ${address.text} was changed by somebody else`, { retryable: true })
  }

  /** The version on which the next write may rest, after a quorum read of the object and, if it is foreign, a verdict. */
  async function look(address: Address, row: Allocation | null): Promise<Version | null | 'withdrawn'> {
    const fact = await objects.get(address)
    if (fact?.reserved) labelled.add(address.text)
    else labelled.delete(address.text)
    if (fact === null) return null
    if (row !== null && objects.agrees(fact, row)) return fact
    if (!(await stillLeads())) throw new Fault('this floatip does not lead any more', { retryable: true })
    if ((await judge(row, fact)) === 'overwrite') return fact
    // An administrator keeps what its owner has let go: the object says so (R23).
    const cleared = row === null && fact.reserved && fact.owner !== null ? await objects.disown(address, fact) : null
    known.set(address.text, cleared ?? fact)
    return 'withdrawn'
  }

  const isDoubted = (key: string) => known.has(key) && known.get(key) === undefined

  return {
    seen(fact) {
      if (fact.address === null || isDoubted(fact.address.text)) return
      known.set(fact.address.text, { uid: fact.uid, resourceVersion: fact.resourceVersion })
      if (fact.reserved) labelled.add(fact.address.text)
    },
    doubt: address => void known.set(address.text, undefined),
    forget: address => void known.delete(address.text),
    write,
  }
}
