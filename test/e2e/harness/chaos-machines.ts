/** Owns what machines and bad luck do to the chaos world: nodes, ranges, processes that end or freeze, objects in other hands. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Random } from '../../sim/random.ts'
import { look, NS, STAGE_LABEL } from './chaos-world.ts'
import { write } from './config-map.ts'
import { eventually } from './kube.ts'
import { node, paths } from './objects.ts'
import { cordon, type Entry, type Stage } from './stage.ts'

/** How often each is chosen. */
export const MACHINE_WEIGHTS = {
  cordon: 6,
  nodeGone: 2,
  range: 5,
  restart: 4,
  crash: 5,
  amnesia: 2,
  scheduler: 2,
  controllers: 2,
  apiserver: 1,
  frozen: 4,
  objectGone: 3,
  objectEdited: 2,
}

interface Told {
  /** Addresses that begin so left the configuration. */
  left(begin: string): void
  /** A process is frozen: something is to be asked of it. */
  ask(): void
}

export function machinesOn(stage: Stage, random: Random, entries: readonly Entry[], told: Told) {
  const { kube, cluster, floatip } = stage
  const gone = new Map<string, string>()
  let removed = false
  let stopped: string[] = []

  async function configure(): Promise<void> {
    const floatingips = entries.map(({ name: _, ...entry }, at) => ({ ...entry, ips: rangesOf(at) }))
    await write(kube, JSON.stringify(floatingips))
  }
  const rangesOf = (at: number) =>
    removed && at === 1 ? (entries[at]?.ips.slice(0, 1) ?? []) : (entries[at]?.ips ?? [])

  const acts: Record<keyof typeof MACHINE_WEIGHTS, () => Promise<string>> = {
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
      if (removed) told.left(entries[1]?.gateway.replace(/1$/, '') ?? 'none')
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
    async frozen() {
      const component = random.pick(['apiserver', 'etcd', 'scheduler', 'floatip']) ?? 'floatip'
      const pid = component === 'floatip' ? floatip.pid : cluster.pidOf(component)
      const ms = random.below(6_000)
      process.kill(pid, 'SIGSTOP')
      try {
        told.ask()
        await Bun.sleep(ms)
      } finally {
        process.kill(pid, 'SIGCONT')
      }
      return `${component} for ${ms} ms`
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
    for (const component of stopped) await cluster.tell('start', component)
    stopped = []
    await eventually('the API server answers', () => look(kube), { withinMs: 60_000 })
  }

  return {
    acts,
    configured: () => entries.map((_, at) => rangesOf(at).flatMap(expand)),
    async mend() {
      await start()
      for (const [name, address] of gone) await kube.create(paths.nodes, node(name, address, STAGE_LABEL))
      gone.clear()
      for (const { metadata, spec } of (await look(kube)).nodes)
        if (spec?.unschedulable === true) await cordon(kube, metadata.name, false)
      removed = false
      await configure()
    },
  }
}

/** `a.b.c.d~a.b.c.e`, both included. */
function expand(range: string): string[] {
  const [first = '', last = first] = range.split('~')
  const base = first.slice(0, first.lastIndexOf('.') + 1)
  const end = (text: string) => Number(text.slice(text.lastIndexOf('.') + 1))
  return Array.from({ length: end(last) - end(first) + 1 }, (_, at) => `${base}${end(first) + at}`)
}
