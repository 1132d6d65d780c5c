/** Owns what is done to the chaos world: one deed of a person, a controller, a machine or bad luck, chosen by the seed. */
import type { Random } from '../../sim/random.ts'
import { finishPod } from './addresses.ts'
import { MACHINE_WEIGHTS, machinesOn } from './chaos-machines.ts'
import {
  addressesOf,
  CREW,
  collectionOf,
  isFinished,
  look,
  type Member,
  NS,
  OPEN,
  objectOf,
  pathOf,
  SIZED,
  STAGE_LABEL,
} from './chaos-world.ts'
import { KubeError, type KubeObject } from './kube.ts'
import { POLICY, POOL, paths, pod, type Workload } from './objects.ts'
import type { Entry, Stage } from './stage.ts'

/** How often each is chosen. */
const WEIGHTS = {
  ...MACHINE_WEIGHTS,
  scale: 20,
  burst: 6,
  roll: 10,
  remove: 4,
  orphan: 3,
  policy: 4,
  pool: 3,
  evict: 6,
  deletePods: 10,
  killPods: 4,
  replicaSet: 4,
  poolSize: 5,
  poolGone: 2,
  ordinals: 3,
  job: 3,
}
export type Deed = keyof typeof WEIGHTS

const REPLICAS_MAX = 5
const POOL_SIZES = [0, 2, 4, 6]

export interface Deeds {
  /** Every workload is there, with two pods. */
  begin(): Promise<void>
  /** Answers what was done, in words. */
  do(): Promise<string>
  /** Ends what only lasts: cordons, missing nodes, removed ranges, stopped processes. */
  mend(): Promise<void>
  /** Deletes all workloads, pods and pools. */
  raze(): Promise<void>
  /** Pod name to address, of pods that must come back to it. */
  readonly expected: Map<string, string>
  configured(): readonly (readonly string[])[]
}

export function deedsOn(stage: Stage, random: Random, entries: readonly Entry[]): Deeds {
  const { kube } = stage
  const expected = new Map<string, string>()
  const pairArgs = JSON.stringify({ request_ip_range: entries.slice(0, 1).flatMap(({ ips }) => [[ips[0]], [ips[0]]]) })
  let version = 0

  const member = (...of: string[]) =>
    random.pick(CREW.filter(({ name }) => of.length === 0 || of.includes(name))) as Member

  /** StatefulSets whose pods come back to their addresses; fewer pods than before lose them with policy immutable. */
  function shrunk(name: string, replicas: number): void {
    if (name !== 'simm') return
    for (const pod of [...expected.keys()]) {
      if (pod.startsWith('simm-') && Number(pod.slice(5)) >= replicas) expected.delete(pod)
    }
  }

  async function scale(one: Member, replicas: number): Promise<string> {
    shrunk(one.name, replicas)
    const found = await kube.find(pathOf(one))
    if (found === null) await kube.create(collectionOf(one), objectOf(one, replicas, pairArgs))
    else await kube.patch(pathOf(one), { spec: { replicas } })
    return `${one.name} to ${replicas}`
  }

  async function annotate(one: Member, annotations: Readonly<Record<string, string | null>>): Promise<string> {
    if ((await kube.find(pathOf(one))) === null) return `${one.name} is not there`
    await kube.patch(pathOf(one), { spec: { template: { metadata: { annotations } } } })
    return `${one.name}: ${JSON.stringify(annotations)}`
  }

  async function somePods(count: number) {
    return random.some(
      (await look(kube)).pods.filter(pod => pod.metadata.deletionTimestamp === undefined),
      count,
    )
  }

  const machines = machinesOn(stage, random, entries, {
    left: address => {
      // What leaves the configuration is nobody's to come back to.
      for (const [pod, its] of expected) if (its.startsWith(address)) expected.delete(pod)
    },
    // Something is asked of it meanwhile.
    ask: () => void scale(member('imm', 'lent', 'blue', 'plain'), random.below(REPLICAS_MAX)).catch(() => null),
  })

  const acts: Record<Deed, () => Promise<string>> = {
    ...machines.acts,
    scale: () => scale(member(), random.below(REPLICAS_MAX)),
    async burst() {
      const one = member()
      const steps = Array.from({ length: 6 }, () => random.below(REPLICAS_MAX))
      for (const replicas of steps) {
        await scale(one, replicas)
        await Bun.sleep(random.below(300))
      }
      return `${one.name} to ${steps.join(', ')}`
    },
    roll: () => annotate(member(), { 'floatip.dev/version': `${version++}` }),
    async remove() {
      const one = member()
      shrunk(one.name, 0)
      await kube.delete(pathOf(one))
      return one.name
    },
    async orphan() {
      const one = member()
      shrunk(one.name, 0)
      await kube.delete(pathOf(one), { orphan: true })
      return one.name
    },
    policy() {
      const value = random.pick([null, 'immutable', 'never'])
      return annotate(member('plain', 'imm', 'lent'), { [POLICY]: value ?? null })
    },
    pool: () => annotate(member('green', 'east', 'nev'), { [POOL]: random.pick([SIZED, OPEN]) ?? null }),
    async evict() {
      const pods = await somePods(2)
      for (const { metadata } of pods.filter(pod => pod.spec.nodeName !== undefined)) {
        await finishPod(kube, NS, metadata.name, 'Failed')
      }
      return names(pods)
    },
    async deletePods() {
      const pods = await somePods(1 + random.below(4))
      await Promise.all(pods.map(({ metadata }) => kube.delete(`${paths.pods(NS)}/${metadata.name}`)))
      return names(pods)
    },
    async killPods() {
      const pods = await somePods(3)
      await Promise.all(
        pods.map(({ metadata }) => kube.delete(`${paths.pods(NS)}/${metadata.name}`, { graceSeconds: 0 })),
      )
      return names(pods)
    },
    async replicaSet() {
      const one = random.pick(await kube.list<KubeObject>(`/apis/apps/v1/namespaces/${NS}/replicasets`))
      if (one === undefined) return 'none'
      await kube.delete(`/apis/apps/v1/namespaces/${NS}/replicasets/${one.metadata.name}`, {
        orphan: random.chance(0.3),
      })
      return one.metadata.name
    },
    async poolSize() {
      const [name, size] = [random.pick([SIZED, SIZED, OPEN]) ?? SIZED, random.pick(POOL_SIZES) ?? 0]
      const path = `${paths.pools('kube-system')}/${name}`
      const preAllocateIP = random.chance(0.3)
      if ((await kube.find(path)) !== null) await kube.patch(path, { size, preAllocateIP })
      else {
        const pool = { apiVersion: 'galaxy.k8s.io/v1alpha1', kind: 'Pool', metadata: { name }, size, preAllocateIP }
        await kube.create(paths.pools('kube-system'), pool as KubeObject)
      }
      return `${name} ${size}${preAllocateIP ? ' ahead' : ''}`
    },
    async poolGone() {
      const name = random.pick([SIZED, OPEN]) ?? SIZED
      await kube.delete(`${paths.pools('kube-system')}/${name}`)
      return name
    },
    async ordinals() {
      const one = member('simm', 'snev', 'splain')
      const start = random.below(3)
      const found = await kube.find<Workload>(pathOf(one))
      if (found === null) return `${one.name} is not there`
      for (const pod of expected.keys()) {
        const at = Number(pod.slice(5))
        if (one.name === 'simm' && pod.startsWith('simm-') && (at < start || at >= start + found.spec.replicas))
          expected.delete(pod)
      }
      await kube.patch(pathOf(one), { spec: { ordinals: { start } } })
      return `${one.name} from ${start}`
    },
    async job() {
      const name = `job${version++}`
      const { spec } = pod('work', { stage: STAGE_LABEL, ...(random.chance(0.3) && { policy: 'immutable' }) })
      const template = { metadata: { labels: { app: name } }, spec: { ...spec, restartPolicy: 'Never' } }
      const job = {
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: { name },
        spec: { template, parallelism: 2, completions: 2, backoffLimit: 1 },
      }
      await kube.create(paths.jobs(NS), job as KubeObject)
      return name
    },
  }

  return {
    expected,
    configured: machines.configured,
    mend: machines.mend,
    async begin() {
      for (const one of CREW) await scale(one, 2)
    },
    async do() {
      const deed = random.weighted(WEIGHTS)
      // A conflict, or an object that went meanwhile, is part of the game.
      const done = await acts[deed]().catch(error => {
        if (error instanceof KubeError) return `refused: ${error.message}`
        throw error
      })
      return `${deed}: ${done}`
    },
    async raze() {
      expected.clear()
      for (const { metadata } of await kube.list<KubeObject>(paths.jobs(NS)))
        await kube.delete(`${paths.jobs(NS)}/${metadata.name}`)
      for (const one of CREW) await kube.delete(pathOf(one))
      for (const { metadata } of await kube.list<KubeObject>(`/apis/apps/v1/namespaces/${NS}/replicasets`)) {
        await kube.delete(`/apis/apps/v1/namespaces/${NS}/replicasets/${metadata.name}`)
      }
      for (const { metadata } of (await look(kube)).pods)
        await kube.delete(`${paths.pods(NS)}/${metadata.name}`, { graceSeconds: 0 })
      for (const name of [SIZED, OPEN]) await kube.delete(`${paths.pools('kube-system')}/${name}`)
    },
  }

  function names(pods: readonly { metadata: { name: string } }[]): string {
    return pods.map(({ metadata }) => metadata.name).join(' ')
  }
}

/** Of pods whose names come back to their addresses: what they have now. One that left the configuration goes with its pod (R16). */
export function remember(
  expected: Map<string, string>,
  pods: Awaited<ReturnType<typeof look>>['pods'],
  configured: readonly (readonly string[])[],
): string[] {
  const inForce = new Set(configured.flat())
  const breaches: string[] = []
  for (const pod of pods) {
    const { name } = pod.metadata
    if (!/^s(imm|nev)-\d+$/.test(name) || isFinished(pod)) continue
    const [address] = addressesOf(pod)
    if (address === undefined) continue
    const before = expected.get(name)
    if (before !== undefined && before !== address) breaches.push(`${name} had ${before} and has ${address}`)
    if (inForce.has(address)) expected.set(name, address)
    else expected.delete(name)
  }
  return breaches
}
