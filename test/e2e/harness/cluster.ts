/** Owns the cluster under a scenario: a real control plane where Go can build one, else the demo cluster of floatip itself. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { controlplaneBinary, whyNoControlPlane } from '../../controlplane/build.ts'

/** The compiled binary; another one by FLOATIP_BINARY. */
export const FLOATIP = process.env.FLOATIP_BINARY ?? join(import.meta.dir, '../../../dist/floatip')

export type Kind = 'control-plane' | 'demo'

export interface Component {
  readonly pid: number
  readonly port: number
  readonly args: readonly string[]
  readonly log: string
}

export interface Cluster {
  readonly kind: Kind
  readonly server: string
  readonly adminKubeconfig: string
  readonly folder: string
  /** Empty in the demo cluster. */
  readonly components: Readonly<Record<string, Component>>
  /** Kills, stops or starts one component and answers its pid; the demo cluster cannot. */
  tell(verb: Verb, component: string): Promise<number>
  /** Of the process that is the component now; 0: it never was. */
  pidOf(component: string): number
  stop(): Promise<void>
}

type Verb = 'kill' | 'stop' | 'start'

/** On a node its kubelet starts it again: it ends itself when a pod is followed by another of its name while no watch of it runs. */
const STARTED_AGAIN = 'scheduler'
const LOOK_MS = 1_000

export interface ClusterOptions {
  /** A KubeSchedulerConfiguration without clientConnection.kubeconfig and leaderElection: the cluster fills them in. */
  readonly schedulerConfig: string
}

/** The one line that both clusters print when they are ready. */
interface Ready {
  readonly pid: number
  readonly server: string
  readonly kubeconfigs: { readonly admin: string }
  readonly components?: Readonly<Record<string, Component>>
}

/** Why the demo cluster takes the place of the control plane, or null. */
export function whyDemo(): string | null {
  return process.env.FLOATIP_NO_CONTROLPLANE === '1' ? 'FLOATIP_NO_CONTROLPLANE=1' : whyNoControlPlane()
}

/** Which of the two {@link startCluster} is going to take. */
export const kind: Kind = whyDemo() === null ? 'control-plane' : 'demo'

export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const why = whyDemo()
  if (why === null) return await startControlPlane(options)
  console.error(`control plane skipped, demo cluster instead: ${why}`)
  return await startDemoCluster(options)
}

export async function startControlPlane(options: ClusterOptions): Promise<Cluster> {
  const binary = await controlplaneBinary()
  if (binary === null) throw new Error(`no control plane: ${whyNoControlPlane()}`)
  return await start('control-plane', options, (folder, config) => [
    ...[binary, 'up', '--stdin-control', '--dir', folder],
    ...['--scheduler-config', config],
  ])
}

export async function startDemoCluster(options: ClusterOptions): Promise<Cluster> {
  return await start('demo', options, (folder, config) => [
    ...[FLOATIP, 'demo', '--stage', folder],
    ...['--scheduler-config', config],
  ])
}

async function start(
  kind: Kind,
  { schedulerConfig }: ClusterOptions,
  command: (folder: string, config: string) => string[],
): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), `floatip-e2e-${kind}-`))
  const config = join(folder, 'scheduler-extenders.yaml')
  writeFileSync(config, schedulerConfig)
  const child = Bun.spawn(command(folder, config), { stdin: 'pipe', stdout: 'pipe', stderr: 'inherit' })
  const lines = linesOf(child.stdout)

  async function nextLine(): Promise<unknown> {
    const { value, done } = await lines.next()
    if (done === true) throw new Error(`the ${kind} cluster ended with ${await child.exited}`)
    return JSON.parse(value)
  }

  let watch: ReturnType<typeof setInterval> | undefined
  async function stop(): Promise<void> {
    clearInterval(watch)
    child.kill('SIGTERM')
    await child.exited
    if (process.env.FLOATIP_KEEP === '1') console.error(`kept: ${folder}`)
    else rmSync(folder, { recursive: true, force: true })
  }

  try {
    const ready = (await nextLine()) as Ready
    const pids = new Map(Object.entries(ready.components ?? {}).map(([name, { pid }]) => [name, pid]))
    let isWanted = pids.has(STARTED_AGAIN)
    let last: Promise<unknown> = Promise.resolve()

    /** One question at a time: the answers are lines of one stream. */
    function inTurn<T>(work: () => Promise<T>): Promise<T> {
      const mine = last.then(work)
      last = mine.catch(() => {})
      return mine
    }

    async function say(verb: Verb, component: string): Promise<number> {
      child.stdin.write(`${verb} ${component}\n`)
      await child.stdin.flush()
      const { pid, error } = (await nextLine()) as { pid: number; error?: string }
      if (error !== undefined) throw new Error(`${verb} ${component}: ${error}`)
      pids.set(component, pid)
      return pid
    }

    async function startAgain(): Promise<void> {
      if (!isWanted || isAlive(pids.get(STARTED_AGAIN) ?? 0)) return
      console.error(`the ${STARTED_AGAIN} had ended itself: it is started again`)
      await say('start', STARTED_AGAIN)
    }
    if (isWanted) watch = setInterval(() => void inTurn(startAgain).catch(() => {}), LOOK_MS)

    return {
      kind,
      server: ready.server,
      adminKubeconfig: ready.kubeconfigs.admin,
      folder,
      components: ready.components ?? {},
      tell: (verb, component) =>
        inTurn(async () => {
          if (component === STARTED_AGAIN) isWanted = verb === 'start'
          return await say(verb, component)
        }),
      pidOf: component => pids.get(component) ?? 0,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}
