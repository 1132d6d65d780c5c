/** Owns gathering: a pod's facts become its demand, with the workload looked up where a rule needs it. */
import { type Demand, UNLOOKED, type Workload } from '../domain/demand.ts'
import type { Owner } from '../domain/owner.ts'
import { DEPLOYMENT } from '../domain/owner.ts'
import { IMMUTABLE, RELEASE_AT_POD_END } from '../domain/policy.ts'
import { isRefusal, type Refusal, refusal } from '../domain/refusal.ts'
import { isWorkloadKind } from '../domain/workload.ts'
import type { PodFact } from '../kube/pod.ts'
import type { Ports } from './ports.ts'

/** The demand with the workload from the mirror; null when the mirror does not have a workload that a rule needs. */
export function demandFromMirror({ cluster }: Pick<Ports, 'cluster'>, pod: PodFact): Demand | null {
  if (!isLimited(pod)) return demandOf(pod, UNLOOKED)
  const known = cluster.knownWorkload(DEPLOYMENT, pod.namespace, pod.owner.workload)
  return known === null ? null : demandOf(pod, known)
}

/** The demand; a workload that the mirror lacks is read from the API server, whose failure is thrown (R26). */
export async function gatherDemand(ports: Pick<Ports, 'cluster' | 'calls'>, pod: PodFact): Promise<Demand> {
  return (
    demandFromMirror(ports, pod) ??
    demandOf(pod, await ports.calls.getWorkload(DEPLOYMENT, pod.namespace, pod.owner.workload))
  )
}

/** Deployments that keep addresses are limited by their replicas. */
function isLimited(pod: PodFact): boolean {
  return pod.owner.kind === DEPLOYMENT && pod.owner.pool === '' && pod.policy !== RELEASE_AT_POD_END
}

function demandOf(pod: PodFact, workload: Workload): Demand {
  const { namespace, name, uid, owner, apiVersion, policy, request } = pod
  return {
    pod: { namespace, name, uid },
    owner,
    apiVersion,
    policy,
    request: isRefusal(request) ? [] : request.lists,
    workload,
    problem: isRefusal(request) ? request : poolsToCome(pod),
  }
}

/** Named pools are the next capability; until then a pod that names one is told so instead of being served wrongly. */
function poolsToCome(pod: PodFact): Refusal | null {
  return pod.owner.pool === ''
    ? null
    : refusal('policy-not-supported', `named pools (pool ${pod.owner.pool}) are not served by this version of floatip`)
}

/**
 * What decides whether an ended pod's address is kept (policy immutable). The mirror may say "keep"; "free" needs a quorum
 * read after the pod's end, and when nobody can tell the answer is `unlooked`, which keeps.
 */
export async function workloadAtEnd(
  { calls, log }: Pick<Ports, 'calls' | 'log'>,
  owner: Owner,
  policy: number,
): Promise<Workload> {
  if (policy !== IMMUTABLE || !isWorkloadKind(owner.kind)) return UNLOOKED
  try {
    return await calls.getWorkload(owner.kind, owner.namespace, owner.workload)
  } catch (error) {
    log.warn({ err: error, workload: `${owner.namespace}/${owner.workload}` }, 'the workload could not be read: kept')
    return UNLOOKED
  }
}
