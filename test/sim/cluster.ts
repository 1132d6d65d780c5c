/** Owns the model cluster: workloads, pods as the API server has them, Bindings on their way, and the ends of pods as events. */
import type { Workload } from '../../src/domain/demand.ts'
import { GONE } from '../../src/domain/demand.ts'
import { DEPLOYMENT, type Owner, ordinalOf, ownerKey } from '../../src/domain/owner.ts'
import type { ReleasePolicy } from '../../src/domain/policy.ts'
import type { RangeSet } from '../../src/ip/range.ts'
import type { Random } from './random.ts'

export interface SimWorkload {
  readonly owner: Owner
  readonly policy: ReleasePolicy
  readonly request: readonly RangeSet[]
  /** Pods beyond the replicas that may have an address during a rollout. */
  readonly surge: number
  replicas: number
  exists: boolean
  /** Between two templates. */
  rolling: boolean
}

export interface SimPod {
  readonly uid: string
  readonly name: string
  readonly owner: Owner
  readonly workload: SimWorkload
  node: string | null
  /** What its annotation carries once it is bound: what its network really uses. */
  addresses: readonly string[]
  finished: boolean
  /** Moves with every write, as resourceVersion does. */
  version: number
}

/** A POST of a Binding: the API server refuses it unless UID and version are as the sender saw them. */
export interface SimBinding {
  readonly name: string
  readonly uid: string
  readonly version: number
  readonly node: string
  readonly addresses: readonly string[]
}

export type Answer = 'bound' | 'gone' | 'conflict'

/** The end of a pod, told by a watch that loses, doubles and delays. */
export interface EndEvent {
  readonly uid: string
  readonly workload: SimWorkload
  /** Its last status shows a container running, and nobody stopped it. */
  readonly running: boolean
}

export function clusterOf(random: Random, workloads: readonly SimWorkload[]) {
  const pods = new Map<string, SimPod>()
  const ends: EndEvent[] = []
  const bindings: SimBinding[] = []
  /** Addresses that a key has to come back to: bound with a policy that keeps, and no reason to lose them since. */
  const expected = new Map<string, readonly string[]>()
  /** Of the pools that have one. */
  const sizes = new Map<string, number>()
  let isConfigured: (address: string) => boolean = () => true
  let born = 0

  function create(workload: SimWorkload, name: string): void {
    const owner = { ...workload.owner, pod: name }
    pods.set(name, {
      uid: `${name}#${born++}`,
      name,
      owner,
      workload,
      node: null,
      addresses: [],
      finished: false,
      version: 1,
    })
  }

  function tellEnd(pod: SimPod, running: boolean): void {
    if (random.chance(0.15)) return // lost: resync finds it
    const copies = random.chance(0.15) ? 2 : 1
    for (let copy = 0; copy < copies; copy++) ends.push({ uid: pod.uid, workload: pod.workload, running })
  }

  /** `running`: by force, or with its node. */
  function remove(pod: SimPod, running = false): void {
    pods.delete(pod.name)
    tellEnd(pod, running && pod.node !== null && !pod.finished)
  }

  const podsOf = (workload: SimWorkload) => [...pods.values()].filter(pod => pod.workload === workload)
  const wanted = (workload: SimWorkload) => (workload.exists ? workload.replicas : 0)

  function inRange(pod: Owner, workload: SimWorkload): boolean {
    return (ordinalOf(pod) ?? 0) < wanted(workload)
  }

  /** One deed of the workload's controller. */
  function reconcile(workload: SimWorkload): void {
    const own = podsOf(workload)
    const { kind, workload: name } = workload.owner
    if (kind === 'dp') {
      const running = own.filter(pod => !pod.finished)
      const surge = workload.exists && (workload.rolling || random.chance(0.1)) ? 1 : 0
      if (running.length < wanted(workload) + surge && workload.exists) create(workload, `${name}-${born}`)
      else if (running.length > wanted(workload)) remove(random.pick(running) as SimPod)
      return
    }
    const over = own.find(pod => !inRange(pod.owner, workload) || (pod.finished && random.chance(0.5)))
    if (over !== undefined) {
      remove(over)
      return
    }
    const names = Array.from({ length: wanted(workload) }, (_, ordinal) => `${name}-${ordinal}`)
    const missing = names.find(each => !pods.has(each))
    if (missing !== undefined) create(workload, missing)
  }

  /** A workload changed: what it no longer covers may go (policy immutable). */
  function reconsider(workload: SimWorkload): void {
    if (workload.policy !== 1) return
    for (const [key] of expected) {
      const pod = key.split('_').at(-1) ?? ''
      const owner = { ...workload.owner, pod }
      if (ownerKey(owner) === key && !inRange(owner, workload)) expected.delete(key)
    }
  }

  /** The pod is bound: this is the moment at which an address is really used. */
  function place(pod: SimPod, node: string, addresses: readonly string[]): void {
    pod.node = node
    pod.addresses = addresses
    pod.version++
    const keeps = pod.workload.policy === 2 || (pod.workload.policy === 1 && inRange(pod.owner, pod.workload))
    if (pod.owner.kind === 'dp' || !keeps) return
    // What left the configuration goes with its pod (R16).
    if (addresses.every(isConfigured)) expected.set(ownerKey(pod.owner), addresses)
    else expected.delete(ownerKey(pod.owner))
  }

  return {
    pods,
    ends,
    bindings,
    expected,
    workloads,
    sizes,
    isConfigured: (address: string) => isConfigured(address),
    /** From now on these addresses are configured. */
    reshape(isIn: (address: string) => boolean): void {
      isConfigured = isIn
      for (const [key, addresses] of expected) if (!addresses.every(isIn)) expected.delete(key)
    },
    /** Another cluster, with workloads of the same names. */
    replace(): void {
      pods.clear()
      expected.clear()
      ends.length = 0
      bindings.length = 0
    },
    podsOf,
    reconcile,
    remove,
    place,
    /** Facts of a quorum read. */
    facts({ exists, replicas, owner, policy, surge, rolling }: SimWorkload): Workload {
      if (!exists) return GONE
      const size = { state: 'present' as const, replicas, firstOrdinal: 0 }
      if (owner.kind !== DEPLOYMENT) return size
      const template = { policy, pool: owner.pool, maxSurge: surge, surgeAllowed: surge > 0, keepsOldPods: false }
      return { ...size, rollout: { ...template, stage: rolling ? 'replacing' : 'over' } }
    },
    roll(workload: SimWorkload): void {
      workload.rolling = !workload.rolling
    },
    scale(workload: SimWorkload, replicas: number): void {
      workload.replicas = replicas
      reconsider(workload)
    },
    toggle(workload: SimWorkload): void {
      workload.exists = !workload.exists
      reconsider(workload)
    },
    finish(pod: SimPod, running: boolean): void {
      pod.finished = true
      pod.version++
      tellEnd(pod, running && pod.node !== null)
    },
    /** True while the pod with this UID is unfinished. */
    alive: (uid: string) => [...pods.values()].some(pod => pod.uid === uid && !pod.finished),
    byUid: (uid: string) => [...pods.values()].find(pod => pod.uid === uid) ?? null,
    /** A Binding arrives at the API server. */
    arrive(binding: SimBinding): Answer {
      const pod = pods.get(binding.name)
      if (pod === undefined || pod.uid !== binding.uid) return 'gone'
      if (pod.node !== null || pod.version !== binding.version || pod.finished) return 'conflict'
      place(pod, binding.node, binding.addresses)
      return 'bound'
    },
  }
}

export type SimCluster = ReturnType<typeof clusterOf>
