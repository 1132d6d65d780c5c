/** Owns the proof that a remembered refusal is what would be said anew, whatever others took meanwhile; and that pods of one likeness are told the same. */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { waitingList } from '../../src/app/waiting.ts'
import type { Committed } from '../../src/domain/change.ts'
import type { Demand } from '../../src/domain/demand.ts'
import { ownerKey, restKey } from '../../src/domain/owner.ts'
import { isRefusal, type Refusal } from '../../src/domain/refusal.ts'
import type { PodFact } from '../../src/kube/pod.ts'
import { present } from '../../src/lib/assert.ts'
import type { CommandKind, CommandOf } from '../../src/rules/decide.ts'
import { filter } from '../../src/rules/filter.ts'
import { demandOf, entryOf, keptRow, ranges, rowOf, scaled, who, worldOf } from '../rules/world.ts'

/** Two racks of three addresses, so that nearly everybody waits. */
const ENTRIES = [
  entryOf('10.1.0.0/16', '10.0.1.0/24', '10.0.1.2~10.0.1.4'),
  entryOf('10.2.0.0/16', '10.0.2.0/24', '10.0.2.2~10.0.2.4'),
]
const LISTS = [ranges('10.0.1.2~10.0.1.3'), ranges('10.0.1.3', '10.0.2.2')]

type Words = Parameters<typeof demandOf>[1]

/** Every kind of demand that reads other parts of the ledger. */
const PODS: readonly [string, Words][] = [
  ...['a', 'b', 'c'].map((name): [string, Words] => [`NULL_ns_NULL_${name}`, {}]),
  ['sts_ns_web_web-0', { policy: 1 }],
  ['sts_ns_web_web-1', { policy: 1 }],
  ['sts_ns_other_other-0', { policy: 2 }],
  ['sts_ns_web_web-0', { policy: 1, uid: 'web-0#2' }],
  ...['x', 'y', 'z'].map((name): [string, Words] => [`dp_ns_app_app-${name}`, { policy: 1 }]),
  ...['x', 'y'].map((name): [string, Words] => [`dp_ns_loose_loose-${name}`, {}]),
  ...['x', 'y', 'z'].map((name): [string, Words] => [
    `pool__p_dp_ns_pooled_pooled-${name}`,
    { policy: 2, poolSize: 2 },
  ]),
  ['pool__p_sts_ns_db_db-0', { policy: 2, poolSize: 2 }],
  ['pool__free_dp_ns_sea_sea-x', { policy: 2 }],
  ['gang_ns_crew_crew-0', { policy: 2 }],
  ['gang_ns_crew_crew-x', { policy: 2 }],
  ['NULL_ns_NULL_one', { request: LISTS.slice(0, 1) }],
  ['NULL_ns_NULL_two', { request: LISTS }],
  ['sts_ns_pair_pair-0', { policy: 1, request: LISTS }],
]

const ADDRESSES = [...'234'].flatMap(last => [`10.0.1.${last}`, `10.0.2.${last}`])
const NODES = [['10.1.0.9'], ['10.2.0.9'], ['10.1.0.9', '10.2.0.9']]

type Step =
  | { readonly do: 'filter' | 'bind' | 'unbind' | 'giveBack'; readonly pod: number; readonly nodes: number }
  | { readonly do: 'release' | 'adopt'; readonly address: number; readonly pod: number }
  | { readonly do: 'scale'; readonly replicas: number }
  | { readonly do: 'resize'; readonly size: number; readonly ahead: boolean }

const pod = fc.nat({ max: PODS.length - 1 })
const nodes = fc.nat({ max: NODES.length - 1 })
const address = fc.nat({ max: ADDRESSES.length - 1 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('filter' as const), pod, nodes }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('bind' as const), pod, nodes }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('unbind' as const, 'giveBack' as const), pod, nodes }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('release' as const, 'adopt' as const), address, pod }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('scale' as const), replicas: fc.nat({ max: 3 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('resize' as const), size: fc.nat({ max: 3 }), ahead: fc.boolean() }),
  },
)

const seen = { stood: 0, stoodOverATake: 0, likes: 0, revoked: 0 }

function run(steps: readonly Step[]): void {
  const world = worldOf([rowOf('10.0.1.2', 'NULL_ns_NULL_old'), keptRow('10.0.2.2', 'dp_ns_app_')], ENTRIES)
  const waiting = waitingList()
  const groups = NODES.map(each => each.map(node => world.group(node)))
  let factsVersion = 1
  let replicas = 2
  let poolSize = 2
  const since = new Map<string, { taken: boolean; demand: Demand; nodes: number }>()

  const demandAt = (at: number): Demand => {
    const [key, words] = present(PODS[at], 'pod')
    const sized = words?.poolSize === undefined ? {} : { poolSize }
    return demandOf(key, { ...words, ...sized, workload: scaled(replicas) })
  }

  /** As the ledger tells it after a commit. */
  function commit<K extends CommandKind>(kind: K, command: CommandOf<K>): unknown {
    const done = world.decide(kind, command)
    if (isRefusal(done) || done.changes.length === 0) return done
    waiting.committed(done.changes as readonly Committed[])
    for (const each of since.values()) each.taken = true
    return done
  }

  function ask(at: number, asked: number): unknown {
    const demand = demandAt(at)
    const on = present(groups[asked], 'groups')
    const fresh = filter(world.state, { at: 0, demand, groups: on })
    if (isRefusal(fresh)) throw new Error('filter refuses for each group')
    const fact = factOf(demand)
    if (fresh.changes.length > 0) return commit('filter', { at: 0, demand, groups: on })
    const { verdicts } = fresh.answer
    if ([...verdicts.values()].includes(null)) return waiting.leave(fact.uid)
    const why = { code: 'no-address-left' as const, because: '', since: 0 }
    const refused = {
      geometry: world.geometry,
      groups: on,
      unknown: [],
      placedAt: 0,
      workload: demand.workload,
      verdicts,
      why,
    }
    const question = `${at} ${asked}`
    waiting.wait(fact, refused, { question, factsVersion, ledgerRevision: null })
    return since.set(fact.uid, { taken: false, demand, nodes: asked })
  }

  function act(each: Step): unknown {
    switch (each.do) {
      case 'filter':
        return ask(each.pod, each.nodes)
      case 'bind':
        return commit('bind', {
          at: 0,
          demand: demandAt(each.pod),
          node: 'n',
          group: present(groups[each.nodes % 2]?.[0], 'group'),
        })
      case 'unbind': {
        const { pod: ref, workload } = demandAt(each.pod)
        return commit('unbind', { at: 0, incarnation: ref.uid, workload, rests: each.nodes % 2 === 1, because: 'test' })
      }
      case 'giveBack': {
        const command = { at: 0, incarnation: demandAt(each.pod).pod.uid, revision: world.revision, because: 'test' }
        return commit('giveBack', command)
      }
      case 'release': {
        const row = world.row(present(ADDRESSES[each.address], 'address'))
        if (row === null || row.incarnation !== null) return null
        const { address: at, owner, revision } = row
        return commit('release', { at: 0, address: at, owner, revision, because: 'test' })
      }
      case 'adopt': {
        const { pod: ref, owner, policy } = demandAt(each.pod)
        const sighting = rowOf(present(ADDRESSES[each.address], 'address'), ownerKey(owner), { policy })
        const alive = new Set([ref.uid])
        return commit('adopt', { ...sighting, at: 0, source: 'pod', incarnation: ref.uid, node: 'n', alive })
      }
      case 'scale': {
        replicas = each.replicas
        factsVersion++
        for (const key of ['sts_ns_web_', 'dp_ns_app_']) {
          const facts = {
            apiVersion: 'apps/v1',
            workload: scaled(replicas),
            unfinished: new Set<string>(),
            revision: world.revision,
          }
          const follow = { at: 0, workloadOwner: who(`${key}x`), ...facts }
          commit('follow', { ...follow, workloadOwner: { ...follow.workloadOwner, pod: '' } })
        }
        return replicas
      }
      case 'resize': {
        poolSize = each.size
        factsVersion++
        return commit('resizePool', { at: 0, pool: 'p', size: poolSize, preallocate: each.ahead })
      }
    }
  }

  function check(): void {
    const byLikeness = new Map<string, string>()
    for (const entry of waiting.inOrder()) {
      const { uid } = entry.pod
      const { demand: then, nodes: asked, taken } = present(since.get(uid), 'asked')
      const at = PODS.findIndex(([key, words]) => key === ownerKey(then.owner) && (words?.uid ?? uid) === uid)
      const anew = answerOf(demandAt(at), asked)
      const told = waiting.recall(uid, `${at} ${asked}`, world.revision, factsVersion)
      if (told === null) seen.revoked++
      else {
        seen.stood++
        if (taken) seen.stoodOverATake++
        expect([...told]).toEqual([...anew])
      }
      // The others of its kind, as long as nothing of their own says otherwise.
      const { ofKey, restingFor } = world.state
      if (ofKey(entry.key).length > 0 || restingFor(restKey(entry.pod.owner)).length > 0) continue
      const texts = JSON.stringify([...anew])
      if (byLikeness.has(entry.likeness)) seen.likes++
      expect(byLikeness.get(entry.likeness) ?? texts).toBe(texts)
      byLikeness.set(entry.likeness, texts)
    }
  }

  function answerOf(demand: Demand, asked: number): ReadonlyMap<string, Refusal | null> {
    const fresh = filter(world.state, { at: 0, demand, groups: present(groups[asked], 'groups') })
    if (isRefusal(fresh)) throw new Error('filter refuses for each group')
    return fresh.answer.verdicts
  }

  for (const each of steps) {
    act(each)
    check()
  }
}

function factOf({ pod: ref, owner, policy, request }: Demand): PodFact {
  const args = request.length === 0 ? undefined : `${request.length} lists`
  return { ...ref, owner, policy, args, createdAt: 0 } as unknown as PodFact
}

test('R24: what is remembered is what would be said anew, to the letter', () => {
  fc.assert(fc.property(fc.array(step, { minLength: 20, maxLength: 80 }), run), { numRuns: 400 })
  // Not for want of anything to remember.
  expect(seen.stoodOverATake).toBeGreaterThan(1_000)
  expect(seen.revoked).toBeGreaterThan(1_000)
  expect(seen.likes).toBeGreaterThan(500)
})
