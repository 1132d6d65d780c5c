/** Owns what is done to the chaos world: one deed of a person, a controller, a machine or bad luck, chosen by the seed. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Random } from '../../sim/random.ts'
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
import { eventually, KubeError, type KubeObject } from './kube.ts'
import { node, POLICY, POOL, paths } from './objects.ts'
import { cordon, type Entry, type Stage } from './stage.ts'

/** How often each is chosen. */
const WEIGHTS = {
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
  cordon: 6,
  nodeGone: 2,
  range: 5,
  restart: 4,
  crash: 5,
  amnesia: 2,
  scheduler: 2,
  controllers: 2,
  apiserver: 1,
  objectGone: 3,
  objectEdited: 2,
}
export type Deed = keyof typeof WEIGHTS

const REPLICAS_MAX = 5
const POOL_SIZES = [0, 2, 4, 6]

export interface Deeds {
  /** Every workload is there, with two pods. */
  begin(): Promise<void>
  /** Answers what was done, in words. */
  do(): Promise<string>
  /** Starts the scheduler where it has ended itself; true when it had. */
  revive(): Promise<boolean>
  /** Ends what only lasts: cordons, missing nodes, removed ranges, stopped processes. */
  mend(): Promise<void>
  /** Deletes all workloads, pods and pools. */
  raze(): Promise<void>
  /** Pod name to address, of pods that must come back to it. */
  readonly expected: Map<string, string>
  configured(): readonly (readonly string[])[]
}

export function deedsOn(stage: Stage, random: Random, entries: readonly Entry[]): Deeds {
  const { kube, cluster, floatip } = stage
  const expected = new Map<string, string>()
  const pids = new Map(Object.entries(cluster.components).map(([name, { pid }]) => [name, pid]))
  const gone = new Map<string, string>()
  const pairArgs = JSON.stringify({ request_ip_range: entries.slice(0, 1).flatMap(({ ips }) => [[ips[0]], [ips[0]]]) })
  let removed = false
  let stopped: string[] = []
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

  async function configure(): Promise<void> {
    const floatingips = entries.map(({ name: _, ...entry }, at) => ({ ...entry, ips: rangesOf(at) }))
    await kube.patch(`${paths.configMaps('kube-system')}/floatingip-config`, {
      data: { floatingips: JSON.stringify(floatingips) },
    })
  }
  const rangesOf = (at: number) =>
    removed && at === 1 ? (entries[at]?.ips.slice(0, 1) ?? []) : (entries[at]?.ips ?? [])

  const acts: Record<Deed, () => Promise<string>> = {
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
        await kube.patch(`${paths.pods(NS)}/${metadata.name}/status`, {
          status: { phase: 'Failed', reason: 'Evicted' },
        })
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
    async cordon() {
      const one = random.pick((await look(kube)).nodes)
      if (one === undefined) return 'none'
      const unschedulable = one.spec?.unschedulable !== true
      await cordon(kube, one.metadata.name, unschedulable)
      return `${one.metadata.name} ${unschedulable}`
    },
    async nodeGone() {
      const one = random.pick((await look(kube)).nodes)
      if (one === undefined) return 'none'
      const { name } = one.metadata
      gone.set(name, one.status.addresses[0]?.address ?? '')
      await kube.delete(`${paths.nodes}/${name}`)
      // As the pod garbage collector does, which takes a minute for it.
      const pods = (await look(kube)).pods.filter(({ spec }) => spec.nodeName === name)
      await Promise.all(
        pods.map(({ metadata }) => kube.delete(`${paths.pods(NS)}/${metadata.name}`, { graceSeconds: 0 })),
      )
      return name
    },
    async range() {
      removed = !removed
      // What leaves the configuration is nobody's to come back to.
      if (removed)
        for (const [pod, address] of expected)
          if (entries[1] !== undefined && address.startsWith(entries[1].gateway.replace(/1$/, ''))) expected.delete(pod)
      await configure()
      return removed ? 'removed' : 'added'
    },
    async restart() {
      await floatip.stop()
      await floatip.restart()
      return 'SIGTERM'
    },
    async crash() {
      await floatip.kill()
      await Bun.sleep(random.below(1_500))
      await floatip.restart()
      return 'SIGKILL'
    },
    async amnesia() {
      await floatip.kill()
      rmSync(join(cluster.folder, 'floatip/data'), { recursive: true, force: true })
      await floatip.restart()
      return 'SIGKILL, its files lost'
    },
    scheduler: () => stopFor('scheduler'),
    controllers: () => stopFor('controller-manager'),
    apiserver: () => stopFor('apiserver'),
    async objectGone() {
      const one = random.pick((await look(kube)).objects)
      if (one !== undefined) await kube.delete(`${paths.floatingIps}/${one.address}`)
      return one?.address ?? 'none'
    },
    async objectEdited() {
      const one = random.pick((await look(kube)).objects)
      if (one !== undefined)
        await kube.patch(`${paths.floatingIps}/${one.address}`, {
          spec: { key: `dp_${NS}_stranger_`, policy: 2, attribute: '{}' },
        })
      return one?.address ?? 'none'
    },
  }

  async function stopFor(component: string): Promise<string> {
    await cluster.tell('kill', component)
    stopped.push(component)
    await Bun.sleep(random.below(2_000))
    await start()
    return component
  }

  async function start(): Promise<void> {
    for (const component of stopped) pids.set(component, await cluster.tell('start', component))
    stopped = []
    await eventually('the API server answers', () => look(kube), { withinMs: 60_000 })
  }

  return {
    expected,
    configured: () => entries.map((_, at) => rangesOf(at).flatMap(expand)),
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
    async revive() {
      try {
        process.kill(pids.get('scheduler') ?? 0, 0)
        return false
      } catch {
        pids.set('scheduler', await cluster.tell('start', 'scheduler'))
        return true
      }
    },
    async mend() {
      await start()
      for (const [name, address] of gone) await kube.create(paths.nodes, node(name, address, STAGE_LABEL))
      gone.clear()
      for (const { metadata, spec } of (await look(kube)).nodes)
        if (spec?.unschedulable === true) await cordon(kube, metadata.name, false)
      removed = false
      await configure()
    },
    async raze() {
      expected.clear()
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

/** Of pods whose names come back to their addresses: what they have now. */
export function remember(expected: Map<string, string>, pods: Awaited<ReturnType<typeof look>>['pods']): string[] {
  const breaches: string[] = []
  for (const pod of pods) {
    const { name } = pod.metadata
    if (!/^s(imm|nev)-\d+$/.test(name) || isFinished(pod)) continue
    const [address] = addressesOf(pod)
    if (address === undefined) continue
    const before = expected.get(name)
    if (before !== undefined && before !== address) breaches.push(`${name} had ${before} and has ${address}`)
    expected.set(name, address)
  }
  return breaches
}

/** `a.b.c.d~a.b.c.e`, both included. */
function expand(range: string): string[] {
  const [first = '', last = first] = range.split('~')
  const base = first.slice(0, first.lastIndexOf('.') + 1)
  const end = (text: string) => Number(text.slice(text.lastIndexOf('.') + 1))
  return Array.from({ length: end(last) - end(first) + 1 }, (_, at) => `${base}${end(first) + at}`)
}
