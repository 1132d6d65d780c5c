/** Owns the simulated leader: what one term of floatip does around the ledger; all that it remembers dies with it. */
import type { Demand } from '../../src/domain/demand.ts'
import { UNLOOKED } from '../../src/domain/demand.ts'
import type { NodeGroup } from '../../src/domain/geometry.ts'
import { ownerKey } from '../../src/domain/owner.ts'
import { isRefusal } from '../../src/domain/refusal.ts'
import type { Outcome } from '../../src/ledger/ledger.ts'
import { present } from '../../src/lib/assert.ts'
import { Fault } from '../../src/lib/fault.ts'
import { confirm } from '../../src/rules/bind.ts'
import type { AnswerOf, CommandKind, CommandOf } from '../../src/rules/decide.ts'
import type { TestLedger } from '../ledger/fixture.ts'
import { ip } from '../rules/world.ts'
import { type Auditor, KILLED } from './auditor.ts'
import type { SimBinding, SimCluster, SimPod, SimWorkload } from './cluster.ts'
import type { Random } from './random.ts'
import type { Replica } from './replica.ts'
import { reservingOf } from './reserving.ts'
import { shapingOf } from './shaping.ts'
import { NODE_NAMES } from './world.ts'

interface Claim extends SimBinding {
  readonly revision: number
}

export interface LeaderParts {
  readonly t: TestLedger
  readonly cluster: SimCluster
  readonly replica: Replica
  readonly auditor: Auditor
  /** By node, of the configuration in force. */
  readonly groups: () => ReadonlyMap<string, NodeGroup>
  readonly random: Random
  readonly now: () => number
}

export function leaderOf({ t, cluster, replica, auditor, groups, random, now }: LeaderParts) {
  const { ledger } = t
  const asked: Promise<void>[] = []
  /** Nodes that filter found good, by pod UID. */
  const good = new Map<string, readonly string[]>()
  const claims: Claim[] = []
  /** Decided to be given back; the command is still on its way. */
  const givingBack: { readonly uid: string; readonly revision: number }[] = []
  /** Given up without a touch: nothing of them is on its way, and nothing may be sent any more. */
  const givenUp = new Set<string>()
  const groupOf = (node: string) => present(groups().get(node), node)

  /** Queues a command; a fault leaves everything as it was, and whoever asked comes again. */
  function ask<K extends CommandKind>(
    kind: K,
    command: CommandOf<K>,
    then?: (outcome: Outcome<AnswerOf<K>>) => void,
  ): void {
    const answered = ledger.submit(kind, command).then(
      outcome => {
        if (!isRefusal(outcome)) then?.(outcome)
      },
      fault => {
        if (!(fault instanceof Fault)) throw fault
      },
    )
    asked.push(answered)
  }

  function demandOf(pod: SimPod): Demand {
    const { workload, owner, name, uid } = pod
    const facts = cluster.facts(workload)
    // A cache that lags: the limit in force is the one that the command carries.
    const stale = facts.state === 'present' && random.chance(0.1) ? { ...facts, replicas: random.below(5) } : facts
    const poolSize = sizeOf(owner.pool)
    if (poolSize !== null) auditor.limit(uid, { of: 'pool', most: poolSize })
    else if (owner.kind === 'dp') {
      const most = stale.state === 'present' ? stale.replicas + (workload.rolling ? workload.surge : 0) : 0
      auditor.limit(uid, { of: 'workload', most })
    } else auditor.limit(uid, { of: 'nobody', most: Number.POSITIVE_INFINITY })
    return {
      pod: { namespace: 'ns', name, uid },
      owner,
      apiVersion: 'apps/v1',
      policy: workload.policy,
      request: workload.request,
      workload: stale,
      poolSize,
      problem: null,
    }
  }

  /** A cache that lags here too. */
  function sizeOf(pool: string): number | null {
    const size = cluster.sizes.get(pool) ?? null
    return size !== null && random.chance(0.1) ? random.below(5) : size
  }

  const waiting = () => [...cluster.pods.values()].filter(pod => pod.node === null && !pod.finished)

  function filterSome(): void {
    for (const pod of random.some(waiting(), 3)) {
      const nodes = random.some(NODE_NAMES, 1 + random.below(NODE_NAMES.length))
      const demand = demandOf(pod)
      ask('filter', { at: now(), demand, groups: [...new Set(nodes.map(groupOf))] }, ({ answer }) => {
        good.set(
          pod.uid,
          nodes.filter(node => answer.verdicts.get(groupOf(node).id) === null),
        )
      })
    }
  }

  function bindSome(): void {
    for (const pod of random.some(waiting(), 3)) {
      const node = random.chance(0.1) ? random.pick(NODE_NAMES) : random.pick(good.get(pod.uid) ?? [])
      if (node === undefined) continue
      const { uid, name, version } = pod
      ask('bind', { at: now(), demand: demandOf(pod), node, group: groupOf(node) }, ({ answer, revision }) => {
        const addresses = answer.addresses.map(each => each.address.text)
        claims.push({ uid, name, version, node, addresses, revision })
      })
    }
  }

  /** R5 and R3: replicated, confirmed, and posted in the same moment; the claim stays until an answer comes. */
  function postSome(): void {
    for (const claim of random.some(claims, 2)) {
      if (givenUp.has(claim.uid)) continue
      replica.write(t, claim.addresses)
      const { uid, name, addresses, revision } = claim
      const question = { pod: { namespace: 'ns', name, uid }, addresses: addresses.map(ip), revision }
      if (ledger.read(view => confirm(view, question)) === null) cluster.bindings.push(claim)
      else forget(claim)
    }
  }

  function forget(claim: SimBinding): void {
    const at = claims.findIndex(
      each => each.uid === claim.uid && each.version === claim.version && each.node === claim.node,
    )
    if (at >= 0) claims.splice(at, 1)
  }

  /** A Binding arrives; its answer may be lost (unknown: nothing is freed), and it may arrive twice. */
  function deliverBinding(): void {
    const binding = random.pick(cluster.bindings)
    if (binding === undefined) return
    if (!random.chance(0.1)) cluster.bindings.splice(cluster.bindings.indexOf(binding), 1)
    const answer = cluster.arrive(binding)
    if (answer === 'bound') keepOnly(binding)
    if (random.chance(0.25)) return
    forget(binding)
    if (answer === 'gone') endOf(binding.uid, present(workloadOf(binding.name), binding.name))
    const pod = cluster.byUid(binding.uid)
    if (answer === 'conflict' && pod?.node != null && pod.addresses.join() !== binding.addresses.join()) carries(pod)
  }

  /** The pod has these: what else was taken for it goes back. Also told by the watch, or by the 409 of the next try. */
  function keepOnly({ uid, addresses }: SimBinding): void {
    const command = { at: now(), incarnation: uid, revision: ledger.revision, because: 'its pod is bound without it' }
    ask('giveBack', { ...command, except: new Set(addresses) })
  }

  const workloadOf = (pod: string) => cluster.workloads.find(each => pod.startsWith(`${each.owner.workload}-`))

  /** R4: record what the pod carries, then give up what was planned. */
  function carries(pod: SimPod): void {
    const planned = ledger.read(view => view.ofIncarnation(pod.uid))
    adoptPod(pod)
    const revision = Math.max(0, ...planned.map(row => row.revision))
    const command = { at: now(), incarnation: pod.uid, revision, because: 'carries others' }
    ask('giveBack', { ...command, except: new Set(pod.addresses) })
  }

  function alive(): ReadonlySet<string> {
    return new Set([...cluster.pods.values()].filter(pod => !pod.finished).map(pod => pod.uid))
  }

  function adoptPod(pod: SimPod): void {
    const { owner, uid, node, addresses, workload } = pod
    for (const [index, address] of addresses.entries()) {
      const sighting = { at: now(), source: 'pod' as const, address: ip(address), owner, apiVersion: 'apps/v1' }
      ask('adopt', {
        ...sighting,
        reservation: null,
        policy: workload.policy,
        incarnation: uid,
        node,
        index,
        blocked: false,
        surge: false,
        restsSince: null,
        alive: alive(),
      })
    }
  }

  function endOf(uid: string, workload: SimWorkload, running = false): void {
    const facts = random.chance(0.1) ? UNLOOKED : cluster.facts(workload)
    ask('unbind', { at: now(), incarnation: uid, workload: facts, rests: running, because: running ? KILLED : 'ended' })
  }

  function deliverEnd(): void {
    const event = random.pick(cluster.ends)
    if (event === undefined) return
    cluster.ends.splice(cluster.ends.indexOf(event), 1)
    endOf(event.uid, event.workload, event.running)
  }

  /** Those that have rested for so many steps. */
  function endRests(steps: number): void {
    for (const { address, restsSince } of ledger.read(view => [...view.rows()])) {
      if (restsSince !== null && now() - restsSince >= steps) ask('rested', { at: now(), address, since: restsSince })
    }
  }

  /** A hold or an unposted claim is old: the pod is touched first (R1), which kills any Binding on its way. */
  function expireSome(): void {
    const rows = ledger.read(view => [...view.rows()].filter(row => row.incarnation !== null))
    const row = random.pick(rows.filter(each => cluster.byUid(each.incarnation ?? '')?.node === null))
    const pod = cluster.byUid(row?.incarnation ?? '')
    if (row === undefined || pod === null) return
    const own = rows.filter(each => each.incarnation === pod.uid)
    const revision = Math.max(...own.map(each => each.revision))
    givingBack.push({ uid: pod.uid, revision })
    const onItsWay = cluster.bindings.some(binding => binding.uid === pod.uid)
    if (own.every(each => each.phase === 'held')) return
    if (onItsWay || random.chance(0.5)) {
      pod.version++
      return
    }
    // Confirm alone has to hold back what was claimed and not posted: the command goes out in this very step.
    givenUp.add(pod.uid)
    giveBackSome(givingBack.length)
  }

  function giveBackSome(count: number): void {
    for (const { uid, revision } of givingBack.splice(0, count)) {
      ask('giveBack', { at: now(), incarnation: uid, revision, because: 'not bound in time' })
    }
  }

  /** Both ways: what the ledger has for pods that are no more, and what pods carry that it does not have for them. */
  function resync(): void {
    const rows = ledger.read(view => [...view.rows()])
    for (const row of rows) {
      const { incarnation, owner } = row
      // Left by a reservation that ended while its pod was expected.
      const left = row.phase === 'reserved' && row.policy === 0 && row.reservation === null
      if (left && cluster.pods.get(owner.pod)?.finished !== false)
        ask('reclaim', { at: now(), address: row.address, revision: row.revision })
      if (incarnation === null || cluster.alive(incarnation)) continue
      const workload = cluster.workloads.find(
        each => each.owner.kind === owner.kind && each.owner.workload === owner.workload,
      )
      endOf(incarnation, present(workload, owner.workload))
    }
    for (const pod of cluster.pods.values()) {
      if (pod.node === null || pod.finished) continue
      const known = pod.addresses.every(text => ledger.read(view => view.at(ip(text)))?.incarnation === pod.uid)
      if (!known) adoptPod(pod)
    }
  }

  /** A person asks for one kept address, of whose key no unfinished pod exists (R11), or for one that rests. */
  function releaseOne(): void {
    const row = random.pick(ledger.read(view => [...view.rows()].filter(each => each.incarnation === null)))
    if (row === undefined) return
    if (row.phase === 'reserved' && [...cluster.pods.values()].some(pod => !pod.finished && pod.name === row.owner.pod))
      return
    const command = { at: now(), address: row.address, owner: row.owner, revision: row.revision, because: 'asked' }
    ask('release', command)
    // Whatever the answer: it may be lost though the release is on disk.
    cluster.expected.delete(ownerKey(row.owner))
  }

  return {
    filterSome,
    bindSome,
    postSome,
    deliverBinding,
    deliverEnd,
    endRests,
    expireSome,
    giveBackSome,
    resync,
    releaseOne,
    ...reservingOf({ cluster, random, ledger, ask, now }),
    ...shapingOf({ cluster, random, ledger, ask, now }),
    adoptPod,
    adoptObjects: () => {
      for (const sighting of replica.sightings(now(), alive())) ask('adopt', sighting)
    },
    /** Resolves when all that was asked is decided. */
    async decided(): Promise<void> {
      while (asked.length > 0) await Promise.all(asked.splice(0))
      givenUp.clear()
    },
  }
}

export type Leader = ReturnType<typeof leaderOf>
