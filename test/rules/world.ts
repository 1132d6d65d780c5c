/** Owns a small world for the tables: real geometry, state and WASM core, short words for pods and commands. */
import { createCore } from '../../src/core/wasm.ts'
import type { Allocation, Draft } from '../../src/domain/allocation.ts'
import type { Change } from '../../src/domain/change.ts'
import type { Demand, Workload } from '../../src/domain/demand.ts'
import type { SubnetEntry } from '../../src/domain/entry.ts'
import { geometryOf, type NodeGroup } from '../../src/domain/geometry.ts'
import { type Owner, ownerKey, parseOwnerKey } from '../../src/domain/owner.ts'
import type { ReleasePolicy } from '../../src/domain/policy.ts'
import { isRefusal, type Refusal } from '../../src/domain/refusal.ts'
import { type Address, address, parseAddress } from '../../src/ip/address.ts'
import { parseCidr } from '../../src/ip/cidr.ts'
import { parseRange, type RangeSet, rangeSet, setSize } from '../../src/ip/range.ts'
import { stateOf } from '../../src/ledger/state.ts'
import { present } from '../../src/lib/assert.ts'
import { type AnswerOf, type CommandKind, type CommandOf, rules } from '../../src/rules/decide.ts'
import type { Decision, Rule } from '../../src/rules/view.ts'

export const ip = (text: string): Address => present(parseAddress(text), text)
export const ranges = (...texts: string[]): RangeSet => rangeSet(texts.map(text => present(parseRange(text), text)))
export const who = (key: string): Owner => present(parseOwnerKey(key), key)

/** An entry whose gateway is the first address of its subnet. */
export function entryOf(nodeSubnets: string, subnet: string, ...ips: string[]): SubnetEntry {
  const network = present(parseCidr(subnet), subnet)
  const set = ranges(...ips)
  return {
    nodeSubnets: nodeSubnets.split(' ').map(text => present(parseCidr(text), text)),
    subnet: network,
    gateway: address(network.family, network.first.value + 1n),
    vlan: 7,
    ranges: set,
    size: Number(setSize(set)),
  }
}

/** Two racks with addresses of their own, a nested subnet in the first, and IPv6 beside the second. */
export const ENTRIES = [
  entryOf('10.1.0.0/16', '10.0.1.0/24', '10.0.1.2~10.0.1.5'), // 0: rack a
  entryOf('10.2.0.0/16', '10.0.2.0/24', '10.0.2.2~10.0.2.5'), // 1: rack b
  entryOf('10.1.1.0/24', '10.0.3.0/24', '10.0.3.2~10.0.3.3'), // 2: nested in rack a
  entryOf('fd00::/64', '2001:db8::/64', '2001:db8::2~2001:db8::5'), // 3: nodes with IPv6
]

export const scaled = (replicas: number, firstOrdinal = 0): Workload => ({ state: 'present', replicas, firstOrdinal })

export interface PodWords {
  readonly uid?: string
  readonly policy?: ReleasePolicy
  readonly request?: readonly RangeSet[]
  readonly workload?: Workload
  readonly poolSize?: number
  readonly problem?: Refusal
}

/** What a pod with this owner key asks for. */
export function demandOf(key: string, words: PodWords = {}): Demand {
  const owner = who(key)
  return {
    pod: { namespace: owner.namespace, name: owner.pod, uid: words.uid ?? `${owner.pod}#1` },
    owner,
    apiVersion: 'apps/v1',
    policy: words.policy ?? 0,
    request: words.request ?? [],
    workload: words.workload ?? scaled(3),
    poolSize: words.poolSize ?? null,
    problem: words.problem ?? null,
  }
}

/** A row as the tables write it: bound for its pod's first incarnation, unless said otherwise. */
export function rowOf(text: string, key: string, words: Partial<Allocation> = {}): Allocation {
  const owner = who(key)
  const podless = words.phase === 'reserved' || words.phase === 'resting'
  return {
    address: ip(text),
    owner,
    phase: 'bound',
    incarnation: podless ? null : `${owner.pod}#1`,
    node: podless || words.phase === 'held' ? null : 'n1',
    policy: 0,
    index: 0,
    apiVersion: 'apps/v1',
    reservation: null,
    heldFrom: null,
    blocked: false,
    surge: false,
    restsSince: words.phase === 'resting' ? 0 : null,
    updatedAt: 0,
    revision: 1,
    ...words,
  }
}

export const keptRow = (text: string, key: string, words: Partial<Allocation> = {}) =>
  rowOf(text, key, { phase: 'reserved', policy: 1, ...words })

export interface Done<A> {
  readonly answer: A
  readonly changes: readonly Change[]
}

/** A state with these rows, in which commands are decided and applied one after the other, each in a turn of its own. */
export function worldOf(rows: readonly Allocation[] = [], entries: readonly SubnetEntry[] = ENTRIES) {
  const geometry = geometryOf(entries)
  const state = stateOf(geometry, createCore(entries.map(entry => entry.size)), rows)
  let revision = 100

  /** Decides and applies without a commit: what is freed stays out of reach. */
  function during<K extends CommandKind>(kind: K, command: CommandOf<K>): Done<AnswerOf<K>> | Refusal {
    const decision = (rules[kind] as Rule<unknown, unknown>)(state, command) as Decision<AnswerOf<K>> | Refusal
    if (isRefusal(decision)) return decision
    if (decision.changes.length > 0) revision++
    for (const change of decision.changes) state.apply(change, command.at, revision)
    return decision
  }

  return {
    geometry,
    state,
    get revision() {
      return revision
    },
    during,
    decide<K extends CommandKind>(kind: K, command: CommandOf<K>): Done<AnswerOf<K>> | Refusal {
      const done = during(kind, command)
      state.settle()
      const broken = state.verify()
      if (broken !== null) throw new Error(broken)
      return done
    },
    /** The group of the node with these InternalIPs. */
    group: (...nodeAddresses: string[]): NodeGroup => present(geometry.groupOf(nodeAddresses.map(ip)), 'group'),
    row: (text: string) => state.at(ip(text)),
    /** Every row as `address phase key`, for tables. */
    rows: () => [...state.rows()].map(told).sort(),
  }
}

export type World = ReturnType<typeof worldOf>

export function told(row: Allocation | Draft): string {
  return `${row.address.text} ${row.phase} ${ownerKey(row.owner)}`
}

/** What a decision changed, as `verb address -> phase key`. */
export function changesOf(done: Done<unknown> | Refusal): readonly string[] {
  if (isRefusal(done)) return [`refused: ${done.code}`]
  return done.changes.map(
    ({ verb, address: a, after }) =>
      `${verb} ${a.text} -> ${after === null ? 'free' : `${after.phase} ${ownerKey(after.owner)}`}`,
  )
}
