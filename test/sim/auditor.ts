/** Owns the invariants of architecture section 5: it hears every change, looks at every pod, and says what is broken. */
import { type Allocation, isSetAside, UNKNOWN_INCARNATION } from '../../src/domain/allocation.ts'
import type { Committed } from '../../src/domain/change.ts'

import { isKept, ordinalOf, ownerKey, poolOwner, restKey, sharedBy, workloadKey } from '../../src/domain/owner.ts'

import { difference, type TestLedger } from '../ledger/fixture.ts'
import { told } from '../rules/world.ts'
import type { SimCluster, SimWorkload } from './cluster.ts'
import { REST_STEPS } from './world.ts'

/** Comparing memory with the disk costs more than the rest of a step. */
const DISK_EVERY = 50

/** Why an address goes that a rollout was lent, or one that pays for it. */
const ROLLOUT_OVER = 'its rollout is over'

/** Why a pod ends whose container runs on. */
export const KILLED = 'killed'

/** Whose addresses a command limits to how many. */
export interface Limit {
  readonly of: 'pool' | 'workload' | 'nobody'
  readonly most: number
}

export class Broken extends Error {}

export function auditorOf(cluster: SimCluster) {
  /** The rows as the changes tell them. */
  const rows = new Map<string, Allocation>()
  /** Addresses that such a container uses, as far as the ledger was told: since when, and who may have it. */
  const rests = new Map<string, { readonly since: number; readonly key: string }>()
  /** Reserved ahead, and claimed by no pod since: the policy of one that only held it keeps nothing (decision 0023). */
  const ahead = new Set<string>()
  /** What the commands of each pod carried in this step. */
  const limits = new Map<string, Limit[]>()
  /** What left the configuration counts in no limit (R16), nor what rests (R12). */
  const inForce = () =>
    [...rows.values()].filter(row => cluster.isConfigured(row.address.text) && row.phase !== 'resting')
  let looks = 0
  /** Of the command that is being heard: addresses that may go for lent ones. */
  const payment = { revision: 0, left: 0 }
  /** What changes broke: a listener must not throw into the turn. */
  let heard: string | null = null
  /** A commit may happen whose answer is lost: the next change may rest on a row that nobody told. */
  let doubtful = false
  /** The unfinished pods as the step began, name to UID. */
  let unfinished = new Map<string, string>()

  function broken(what: string): void {
    heard ??= what
  }

  /** What one commit changed. */
  function hear(changes: readonly Committed[]): void {
    const freed = new Set<string>()
    for (const change of changes) {
      const { address, before, after } = change
      const known = rows.get(address.text) ?? null
      if (!doubtful && known?.revision !== before?.revision)
        broken(`${address.text}: a change rests on another row than the last change left`)
      listenRest(change)
      if (change.verb === 'reserve') ahead.add(address.text)
      else if (after === null || after.phase === 'bound') ahead.delete(address.text)
      if (after === null) {
        if (before?.phase === 'reserved') letGo(before)
        if (before !== null && change.because === ROLLOUT_OVER) paidBack(before, change.revision)
        rows.delete(address.text)
        freed.add(address.text)
        continue
      }
      rows.set(address.text, after)
      if (change.verb === 'hold' || change.verb === 'bind') given(change, after, freed)
    }
  }

  /** R12, from what the cluster did: the row's own mark counts for nothing here. */
  function listenRest({ verb, address, before, after, because, at }: Committed): void {
    const { text } = address
    if (before?.phase === 'bound' && because.startsWith(KILLED))
      rests.set(text, { since: at, key: restKey(before.owner) })
    const rest = rests.get(text)
    if (rest === undefined) return
    const cutShort = verb === 'release' && before?.phase === 'resting'
    if (at - rest.since >= REST_STEPS || cutShort) return void rests.delete(text)
    if (after === null) broken(`R12 ${text} was freed while a container of ${rest.key} may use it`)
    // What a living pod carries it has.
    else if (verb !== 'adopt' && after.incarnation !== null && restKey(after.owner) !== rest.key)
      broken(`R12 ${text} went to ${ownerKey(after.owner)} while a container of ${rest.key} may use it`)
  }

  function given({ verb, address, before }: Committed, after: Allocation, freed: ReadonlySet<string>): void {
    if (before === null && freed.has(address.text)) broken(`R8 ${address.text} was given in the turn that freed it`)
    const from = before?.incarnation ?? null
    if (from !== null && from !== after.incarnation && from !== UNKNOWN_INCARNATION) {
      broken(`R1 ${verb} took ${address.text} from ${from}, whose end was not booked, for ${after.incarnation}`)
    }
    const expected = cluster.expected.get(ownerKey(after.owner))
    if (verb === 'bind' && expected !== undefined && !expected.includes(address.text)) {
      broken(`${ownerKey(after.owner)} has to come back to ${expected.join(' ')}, and got ${address.text}`)
    }
    const policy = cluster.byUid(after.incarnation ?? '')?.workload.policy ?? after.policy
    if (from === after.incarnation || policy === 0 || sharedBy(after.owner) === null) return
    // A pod that is numbered comes back to its own, whatever the limit says now.
    if (before !== null && ownerKey(before.owner) === ownerKey(after.owner)) return
    // While it is in doubt what is on disk, rows may be counted that went in the lost commit.
    if (doubtful || (limits.get(after.incarnation ?? '') ?? []).some(limit => usedOf(after, limit) <= limit.most))
      return
    broken(`${address.text} for ${ownerKey(after.owner)} is beyond every limit in force`)
  }

  function usedOf({ owner }: Allocation, limit: Limit): number {
    const share = shareOf({ owner })
    if (limit.of === 'pool') return inForce().filter(row => shareOf(row) === share && !isKept(row.owner)).length
    const mine = inForce().filter(row => row.phase !== 'reserved' && workloadKey(row.owner) === workloadKey(owner))
    return mine.length
  }

  function letGo({ address, owner }: Allocation): void {
    const pod = cluster.pods.get(owner.pod)
    if (pod === undefined || pod.finished || pod.uid !== unfinished.get(pod.name)) return
    broken(`R11 ${address.text} was released from ${ownerKey(owner)}, of which ${pod.uid} is unfinished`)
  }

  /** Policy never: no more may go than were lent. */
  function paidBack(row: Allocation, revision: number): void {
    if (row.policy !== 2 || doubtful) return
    if (payment.revision !== revision) {
      const lent = [...rows.values()].filter(each => each.surge && shareOf(each) === shareOf(row))
      Object.assign(payment, { revision, left: lent.length })
    }
    if (payment.left-- <= 0)
      broken(`${row.address.text} of ${ownerKey(row.owner)} went for a rollout that was lent none`)
  }

  const shareOf = (row: Pick<Allocation, 'owner'>) => ownerKey(sharedBy(row.owner) ?? row.owner)

  /** No address with two unfinished pods; each pod's addresses are recorded for its UID and nobody else. */
  function lookAtPods(): void {
    const users = new Map<string, string>()
    for (const pod of cluster.pods.values()) {
      if (pod.finished || pod.node === null) continue
      for (const address of pod.addresses) {
        const other = users.get(address)
        if (other !== undefined) broken(`${address} is used by two unfinished pods: ${other} and ${pod.uid}`)
        users.set(address, pod.uid)
        const row = rows.get(address)
        if (row?.incarnation !== pod.uid)
          broken(`${address} of ${pod.uid} is ${row === undefined ? 'free' : told(row)}`)
        else if (row.phase !== 'bound') broken(`${address} of ${pod.uid} is only ${row.phase}`)
      }
    }
  }

  return {
    hear,
    rows,
    /** A step begins: limits of earlier commands are over. */
    begin(): void {
      limits.clear()
      doubtful = false
      // A lost file counts its revisions anew.
      payment.revision = -1
      unfinished = new Map([...cluster.pods.values()].filter(pod => !pod.finished).map(pod => [pod.name, pod.uid]))
    },
    /** A command of this pod carries this limit. */
    limit(uid: string, limit: Limit): void {
      limits.set(uid, [...(limits.get(uid) ?? []), limit])
    },
    /** The file is lost: what is left of rests is in the objects. Or so much time passes that all are over. */
    forget(objects: ReadonlyMap<string, Allocation>): void {
      for (const text of rests.keys()) if ((objects.get(text)?.restsSince ?? null) === null) rests.delete(text)
    },
    doubt(): void {
      doubtful = true
    },
    /** The answer of a commit was lost, or a file was opened: believe what the ledger has now. */
    believe(t: TestLedger): void {
      if (!doubtful) return
      rows.clear()
      ahead.clear()
      for (const row of t.ledger.read(state => [...state.rows()])) rows.set(row.address.text, row)
    },
    /** Everything that must be true between two turns. */
    look(t: TestLedger): void {
      lookAtPods()
      end()
      if (t.bugs.length > 0) broken(`bug: ${t.bugs[0]}`)
      t.ledger.read(state => {
        if (state.size !== rows.size) broken(`${state.size} rows in the ledger, ${rows.size} by its changes`)
        for (const row of state.rows()) {
          if (rows.get(row.address.text)?.revision !== row.revision) broken(`${told(row)} is not what the changes say`)
        }
        const inside = state.verify()
        if (inside !== null) broken(inside)
      })
      const apart = looks++ % DISK_EVERY === 0 ? difference(t) : null
      if (apart !== null) broken(`memory differs from disk: ${apart}`)
      end()
    },
    /** Once nothing is under way: nothing leaked, nobody lost what was kept. */
    atRest(): void {
      for (const row of rows.values()) {
        const { kind, workload } = row.owner
        const of = cluster.workloads.find(each => each.owner.kind === kind && each.owner.workload === workload)
        if (row.phase !== 'reserved') {
          if (row.incarnation === null || !cluster.alive(row.incarnation))
            broken(`leaked: ${told(row)} for ${row.incarnation}`)
          continue
        }
        if (!row.blocked && !cluster.isConfigured(row.address.text)) beyond(row, 'outside the configuration')
        if (row.reservation !== null) continue
        if (ahead.has(row.address.text)) beyond(row, 'as no pod’s policy asked')
        if (row.policy === 0) beyond(row, 'with policy 0')
        if (row.policy === 1 && of?.exists !== true) beyond(row, 'of a workload that is gone')
        if (row.policy === 1 && kind === 'sts' && (ordinalOf(row.owner) ?? 99) >= (of?.replicas ?? 0))
          beyond(row, 'beyond the replicas')
      }
      for (const workload of cluster.workloads) {
        restOf(workload.owner.workload, workload.exists ? workload.replicas : 0)
        settled(workload)
      }
      for (const [pool, size] of cluster.sizes) withinSize(pool, size)
      for (const [key, addresses] of cluster.expected) {
        const held = [...rows.values()].filter(row => ownerKey(row.owner) === key).map(row => row.address.text)
        for (const address of addresses) if (!held.includes(address)) broken(`${key} lost ${address}`)
      }
      end()
    },
  }

  function end(): void {
    if (heard !== null) throw new Broken(heard)
  }

  /** R11 keeps it while an unfinished pod of its key exists. */
  function beyond(row: Allocation, where: string): void {
    if (cluster.pods.get(row.owner.pod)?.finished !== false) broken(`leaked: ${told(row)} ${where}`)
  }

  /** With rollouts over, what is still lent is so for pods beyond the replicas; and nothing is kept that could pay for it. */
  function settled({ owner: { workload: name, pool }, exists, replicas }: SimWorkload): void {
    // What is reserved in its pool counts, and pays for nothing.
    if (pool !== '' && inForce().some(row => row.owner.pool === pool && row.reservation !== null)) return
    const own = inForce().filter(row => row.owner.workload === name)
    const kept = own.filter(row => row.phase === 'reserved' && row.reservation === null && (exists || row.surge)).length
    const lent = own.filter(row => row.surge).length
    // Of a workload that is gone nobody settles what its last pods have: it goes with them.
    if (lent > 0 && (kept > 0 || (exists && own.length <= replicas)))
      broken(`${name} is still lent ${lent} of ${own.length}`)
  }

  /** A pool keeps no more than its size, its living pods aside. */
  function withinSize(pool: string, size: number): void {
    const own = inForce().filter(row => shareOf(row) === ownerKey(poolOwner(pool)) && !row.blocked)
    const spare = own.filter(row => isKept(row.owner) && row.reservation === null)
    if (spare.length > 0 && own.length > size)
      broken(`pool ${pool} keeps ${spare.length} of ${own.length} with a size of ${size}`)
  }

  /** A Deployment with policy immutable keeps no more than it has replicas, its living pods and what is reserved for it aside. */
  function restOf(name: string, replicas: number): void {
    const its = inForce().filter(row => row.owner.workload === name && row.policy === 1 && row.owner.kind === 'dp')
    const own = its.filter(row => !isSetAside(row))
    const kept = own.filter(row => row.phase === 'reserved').length
    if (kept > 0 && own.length > replicas)
      broken(`${name} keeps ${kept} of ${own.length} addresses for ${replicas} replicas`)
  }
}

export type Auditor = ReturnType<typeof auditorOf>
