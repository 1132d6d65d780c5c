/** Owns the reasons why a pod has no address, or has one, and what a person can do about each. */
import type { Refusal } from '../domain/refusal.ts'
import { unreachable } from '../lib/assert.ts'

/** Stable: scripts compare them. */
export const REASONS = [
  'not-ready', // floatip cannot tell yet
  'not-requested', // the pod does not ask
  'ended', // it is finished, or on its way out
  'bound', // it has what it asked for
  'bound-without-address', // somebody else bound it
  'address-not-recorded', // it carries what the ledger does not have for it yet
  'two-claimants', // it carries what another pod has
  'binding', // a bind is under way
  'cloud-failing', // the address provider does not assign
  'bind-failed', // the last bind did not succeed
  'scheduler-turn', // nodes were granted, the scheduler has not bound it
  'not-asked', // the scheduler never asked
  'workload-unreadable', // a rule needs the workload, and nobody can tell
  'request-unreadable',
  'request-not-possible',
  'policy-not-supported',
  'waiting-for-old-pod',
  'limit-reached',
  'pool-limit',
  'rollout-deadlock', // its rolling update waits for itself
  'address-elsewhere',
  'no-address-left',
  'resting', // what nobody uses rests: a container may still use it
  'node-not-configured',
  'unknown-node',
  'no-nodes',
] as const

export type Reason = (typeof REASONS)[number]

/** The reason behind a refusal of the rules. `problem`: the pod's own request cannot be read. */
export function reasonOf({ code }: Refusal, { sizedPool, problem }: { sizedPool: boolean; problem: boolean }): Reason {
  switch (code) {
    case 'limit-reached':
      return sizedPool ? 'pool-limit' : 'limit-reached'
    case 'request-not-possible':
      return problem ? 'request-unreadable' : 'request-not-possible'
    case 'stale':
      return 'scheduler-turn'
    case 'not-found':
      return 'ended'
    case 'in-use':
      return 'two-claimants'
    case 'unknown-node':
    case 'node-not-configured':
    case 'no-address-left':
    case 'resting':
    case 'waiting-for-old-pod':
    case 'policy-not-supported':
    case 'address-elsewhere':
    case 'rollout-deadlock':
    case 'not-requested':
      return code
    default:
      return unreachable(code)
  }
}

export interface HelpFacts {
  readonly workload: string
  readonly pool: string
  readonly node: string
  readonly subnets: string
  /** Addresses of the pod's nodes that are kept without a pod. */
  readonly kept: number | null
  /** Nodes on which it could have an address. */
  readonly others: number
}

/** Where the pod is refused on the nodes asked, and others would do. */
const ELSEWHERE =
  ', or let it run on the nodes that qualify: look at its node selector, affinity, tolerations and resource requests'
const BY_NODE: ReadonlySet<Reason> = new Set([
  'address-elsewhere',
  'no-address-left',
  'resting',
  'node-not-configured',
  'unknown-node',
])

/** One sentence: what would help. */
export function helpFor(reason: Reason, facts: HelpFacts): string {
  return first(reason, facts) + (facts.others > 0 && BY_NODE.has(reason) ? ELSEWHERE : '')
}

function first(reason: Reason, { workload, pool, node, subnets, kept }: HelpFacts): string {
  switch (reason) {
    case 'not-ready':
      return 'wait, and look at GET /readyz for what floatip waits for'
    case 'not-requested':
      return 'to get one, add the resource tke.cloud.tencent.com/eni-ip to the requests of a container'
    case 'ended':
      return 'nothing is to be done: its controller makes another pod, or it is finished'
    case 'bound':
      return 'nothing is to be done'
    case 'bound-without-address':
      return 'delete the pod, so that it is scheduled by a scheduler that has floatip as its extender'
    case 'address-not-recorded':
      return 'nothing, unless it stays so for minutes: then POST /v1/check/repair records what pods carry'
    case 'two-claimants':
      return 'delete one of the two pods: each address belongs to one pod only'
    case 'binding':
      return 'wait a few seconds: if it stays so, look at the API server and at the log of floatip'
    case 'cloud-failing':
      return `mend what the address provider says of node ${node}; the scheduler tries again by itself`
    case 'bind-failed':
      return 'mend what the message says; the scheduler tries again by itself'
    case 'scheduler-turn':
      return 'wait for the scheduler: if it stays so, kubectl describe pod says what else the pod waits for'
    case 'not-asked':
      return 'check that the pod’s scheduler has floatip as its extender, that it runs, and that the pod is not gated'
    case 'workload-unreadable':
      return 'mend the API server’s answer for its workload: floatip decides nothing in doubt'
    case 'request-unreadable':
      return 'correct the annotation k8s.v1.cni.galaxy.io/args in the pod template'
    case 'request-not-possible':
      return 'correct request_ip_range in the pod template, or add the range to the configuration'
    case 'policy-not-supported':
      return 'change the annotation k8s.v1.cni.galaxy.io/release-policy or the pool in the pod template'
    case 'waiting-for-old-pod':
      return 'wait until the old pod of this name has ended: if it hangs in Terminating, find out why, or delete it with --force'
    case 'limit-reached':
      return `let one of the pods of ${workload} end first: in a rolling update set maxSurge: 0 or strategy Recreate`
    case 'pool-limit':
      return `give pool ${pool} a larger size, or let one of its pods end`
    case 'rollout-deadlock':
      return `change the strategy of ${workload} as the message says: nothing else ends this, for its old pods wait for its new ones`
    case 'address-elsewhere':
      return 'make room on the nodes of its address’s node subnets, or release the address: the pod then gets another one'
    case 'no-address-left':
      return kept === 0
        ? `add a range for the nodes in ${subnets} to the configuration, or let a pod there end`
        : `add a range for the nodes in ${subnets} to the configuration, or release an address that is only kept`
    case 'resting':
      return 'wait until they have rested (--rest), or release one if you know that no container uses it any more'
    case 'node-not-configured':
      return 'add the network of the nodes to nodeSubnets of an entry of the configuration'
    case 'unknown-node':
      return 'give the nodes an InternalIP: kubectl get nodes -o wide shows which have none'
    case 'no-nodes':
      return 'add a node: the cluster has none'
    default:
      return unreachable(reason)
  }
}
