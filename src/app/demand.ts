/** Owns gathering: a pod's facts become its demand, with the workload looked up where a rule needs it. */
import { type Demand, UNLOOKED, type Workload } from '../domain/demand.ts'
import type { Owner } from '../domain/owner.ts'
import { DEPLOYMENT, NO_CONTROLLER } from '../domain/owner.ts'
import { IMMUTABLE, RELEASE_AT_POD_END } from '../domain/policy.ts'
import { isRefusal } from '../domain/refusal.ts'
import { isCustomWorkload } from '../domain/workload.ts'
import type { PodFact } from '../kube/pod.ts'
import { notABug } from '../lib/assert.ts'
import type { Ports } from './ports.ts'

/** The demand with the workload from the mirror; null when the mirror does not have a workload that a rule needs. */
export function demandFromMirror(ports: Pick<Ports, 'cluster'>, pod: PodFact): Demand | null {
  if (needsCustom(pod)) {
    const told = ports.cluster.custom.told(pod.owner, pod.apiVersion)
    return typeof told === 'string' ? null : demandOf(ports, pod, told)
  }
  if (!isLimitedByReplicas(ports, pod)) return demandOf(ports, pod, inSizedPool(ports, pod) ?? UNLOOKED)
  const known = ports.cluster.knownWorkload(DEPLOYMENT, pod.namespace, pod.owner.workload)
  return known === null ? null : demandOf(ports, pod, known)
}

/** The demand as far as a wake needs it: what the mirror lacks is as it was when the pod asked last. */
export function demandForWake(ports: Pick<Ports, 'cluster'>, pod: PodFact, last: Workload): Demand {
  return demandFromMirror(ports, pod) ?? demandOf(ports, pod, isFollowed(ports, pod) ? UNLOOKED : last)
}

/** Policy immutable asks of a custom workload whether its kind tells how many pods it wants. */
function needsCustom({ owner, apiVersion, policy }: PodFact): boolean {
  return policy === IMMUTABLE && owner.pool === '' && isCustomWorkload(owner, apiVersion)
}

/** What it was refused for, if that was its kind, is over; the workload itself is looked up when it asks. */
function isFollowed({ cluster }: Pick<Ports, 'cluster'>, pod: PodFact): boolean {
  return needsCustom(pod) && cluster.custom.told(pod.owner, pod.apiVersion) === 'missing'
}

/** The demand; a workload that the mirror lacks is read from the API server, whose failure is thrown (R26). */
export async function gatherDemand(ports: Pick<Ports, 'cluster' | 'calls'>, pod: PodFact): Promise<Demand> {
  if (needsCustom(pod)) await ports.cluster.custom.settled(pod.owner, pod.apiVersion)
  const known = demandFromMirror(ports, pod)
  if (known !== null) return known
  const read = await ports.calls.getWorkload(pod.owner, pod.apiVersion)
  // The watch may have brought it meanwhile, and what came after it: whoever changes it from now on moves the facts.
  return demandFromMirror(ports, pod) ?? demandOf(ports, pod, read)
}

/** Deployments that keep addresses are limited by their replicas, unless their pool has a size of its own. */
function isLimitedByReplicas({ cluster }: Pick<Ports, 'cluster'>, { owner, policy }: PodFact): boolean {
  if (owner.kind !== DEPLOYMENT || policy === RELEASE_AT_POD_END) return false
  return owner.pool === '' || cluster.poolInForce(owner.pool) === null
}

/** Its pool's size is the limit; the Deployment only tells whether its rollout waits for itself. */
function inSizedPool({ cluster }: Pick<Ports, 'cluster'>, { owner, namespace }: PodFact): Workload | null {
  if (owner.kind !== DEPLOYMENT || owner.pool === '') return null
  return cluster.knownWorkload(DEPLOYMENT, namespace, owner.workload)
}

function demandOf({ cluster }: Pick<Ports, 'cluster'>, pod: PodFact, workload: Workload): Demand {
  const { namespace, name, uid, owner, apiVersion, policy, request } = pod
  return {
    pod: { namespace, name, uid },
    owner,
    apiVersion,
    policy,
    request: isRefusal(request) ? [] : request.lists,
    workload,
    poolSize: owner.pool === '' ? null : (cluster.poolInForce(owner.pool)?.size ?? null),
    problem: isRefusal(request) ? request : null,
  }
}

/**
 * What decides whether an ended pod's address is kept (policy immutable). The mirror may say "keep"; "free" needs a quorum
 * read after the pod's end, and when nobody can tell the answer is `unlooked`, which keeps.
 */
export async function workloadAtEnd(
  { calls, log }: Pick<Ports, 'calls' | 'log'>,
  owner: Owner,
  policy: number,
  apiVersion: string,
): Promise<Workload> {
  if (policy !== IMMUTABLE || owner.kind === NO_CONTROLLER) return UNLOOKED
  try {
    return await calls.getWorkload(owner, apiVersion)
  } catch (error) {
    notABug(error)
    log.warn({ err: error, workload: `${owner.namespace}/${owner.workload}` }, 'the workload could not be read: kept')
    return UNLOOKED
  }
}
