/** Owns the size of the simulated world: so few addresses that everybody is in everybody's way. */
import type { Geometry, NodeGroup } from '../../src/domain/geometry.ts'
import type { ReleasePolicy } from '../../src/domain/policy.ts'
import type { RangeSet } from '../../src/ip/range.ts'
import { present } from '../../src/lib/assert.ts'
import { entryOf, ip, ranges, who } from '../rules/world.ts'
import type { SimWorkload } from './cluster.ts'

export const SIM_ENTRIES = [
  entryOf('10.1.0.0/16', '10.0.1.0/24', '10.0.1.2~10.0.1.9'),
  entryOf('10.2.0.0/16', '10.0.2.0/24', '10.0.2.2~10.0.2.8'),
  entryOf('10.1.1.0/24', '10.0.3.0/24', '10.0.3.2~10.0.3.5'),
  entryOf('fd00::/64', '2001:db8::/64', '2001:db8::2~2001:db8::6'),
]

/** The same with ranges that were cut: what is behind the cut leaves the configuration, and comes back. */
export const SIM_SHAPES = [
  SIM_ENTRIES,
  [
    entryOf('10.1.0.0/16', '10.0.1.0/24', '10.0.1.2~10.0.1.6'),
    entryOf('10.2.0.0/16', '10.0.2.0/24', '10.0.2.2', '10.0.2.5~10.0.2.8'),
    ...SIM_ENTRIES.slice(2),
  ],
  [
    ...SIM_ENTRIES.slice(0, 2),
    entryOf('10.1.1.0/24', '10.0.3.0/24', '10.0.3.3'),
    entryOf('fd00::/64', '2001:db8::/64', '2001:db8::2~2001:db8::4'),
  ],
]

/** How long an address rests, in steps: enough for its pod's successors to ask for it. */
export const REST_STEPS = 12

const NODES: Record<string, readonly string[]> = {
  a1: ['10.1.9.1'],
  a2: ['10.1.9.2'],
  nested: ['10.1.1.1'],
  b1: ['10.2.0.1'],
  b2: ['10.2.0.2'],
  dual: ['10.2.0.3', 'fd00::3'],
}

export const NODE_NAMES = Object.keys(NODES)

/** A group belongs to the geometry in force: each opening of the ledger has its own. */
export function groupsOfNodes(geometry: Geometry): Map<string, NodeGroup> {
  const groups = NODE_NAMES.map(name => [name, present(geometry.groupOf((NODES[name] ?? []).map(ip)), name)] as const)
  return new Map(groups)
}

const workload = (key: string, policy: ReleasePolicy, replicas: number, ...request: RangeSet[]): SimWorkload => {
  return { owner: who(key), policy, request, replicas, exists: true, rolling: false, surge: 0 }
}

export function simWorkloads(): readonly SimWorkload[] {
  return [
    workload('sts_ns_s0_', 0, 3),
    workload('sts_ns_s1_', 1, 3),
    workload('sts_ns_s2_', 2, 2),
    workload('dp_ns_d0_', 0, 3),
    workload('dp_ns_d1_', 1, 4),
    workload('dp_ns_d2_', 2, 3),
    { ...workload('dp_ns_d3_', 1, 3), surge: 1 },
    { ...workload('dp_ns_d4_', 2, 2), surge: 2 },
    workload('sts_ns_pair_', 1, 2, ranges('10.0.1.0/24'), ranges('10.0.1.2~10.0.1.5', '10.0.3.0/24')),
    workload('sts_ns_six_', 1, 2, ranges('10.0.2.0/24'), ranges('2001:db8::/64')),
    workload('tapp_ns_t_', 2, 2),
    workload('pool__sized_dp_ns_blue_', 2, 2),
    workload('pool__sized_dp_ns_green_', 2, 2),
    workload('pool__sized_sts_ns_shared_', 2, 2),
    { ...workload('pool__open_dp_ns_east_', 2, 2), surge: 1 },
    workload('pool__open_dp_ns_west_', 2, 2),
  ]
}
