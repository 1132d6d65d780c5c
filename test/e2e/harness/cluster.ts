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
  tell(verb: 'kill' | 'stop' | 'start', component: string): Promise<number>
  stop(): Promise<void>
}

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

  async function stop(): Promise<void> {
    child.kill('SIGTERM')
    await child.exited
    if (process.env.FLOATIP_KEEP === '1') console.error(`kept: ${folder}`)
    else rmSync(folder, { recursive: true, force: true })
  }

  try {
    const ready = (await nextLine()) as Ready
    return {
      kind,
      server: ready.server,
      adminKubeconfig: ready.kubeconfigs.admin,
      folder,
      components: ready.components ?? {},
      async tell(verb, component) {
        child.stdin.write(`${verb} ${component}\n`)
        await child.stdin.flush()
        const { pid, error } = (await nextLine()) as { pid: number; error?: string }
        if (error !== undefined) throw new Error(`${verb} ${component}: ${error}`)
        return pid
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
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
