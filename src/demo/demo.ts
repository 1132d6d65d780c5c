/** Owns `floatip demo`: the stage and floatip are set up, the scenes played one after the other, and all is taken down again. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { floatingips, nodes } from './cast.ts'
import { readSchedulerConfig } from './extender.ts'
import { type Play, playOn, SceneFailed } from './play.ts'
import { freePorts, type Program, programOf } from './program.ts'
import { CONFIG_MAPS, NODES } from './resources.ts'
import { SCENES, type Scene } from './scenes.ts'
import { type Stage, startStage } from './stage.ts'
import { type Theatre, theatre as theatreOf } from './theatre.ts'

/** As a shell reports a program that Ctrl-C ended. */
const INTERRUPTED = 130

export interface DemoOptions {
  /** Leave everything running at the end. */
  readonly keep: boolean
  /** Without pauses. */
  readonly fast: boolean
  /** Only the miniature cluster, its files in this directory. */
  readonly stage?: string
  readonly schedulerConfig?: string
  /** How `floatip serve` is started here. */
  readonly serveCommand: readonly string[]
}

/** The exit code: 0 when every scene ended as it should. */
export async function runDemo(options: DemoOptions): Promise<number> {
  return options.stage === undefined ? await runStory(options) : await runStage(options.stage, options.schedulerConfig)
}

async function runStage(dir: string, schedulerConfig: string | undefined): Promise<number> {
  const extender = schedulerConfig === undefined ? null : readSchedulerConfig(readFileSync(schedulerConfig, 'utf8'))
  const stage = await startStage({ dir, extender })
  const line = { pid: process.pid, server: stage.url, kubeconfigs: { admin: stage.kubeconfig }, components: {} }
  process.stdout.write(`${JSON.stringify(line)}\n`)
  await untilStopped()
  await stage.stop()
  return 0
}

async function runStory({ keep, fast, serveCommand }: DemoOptions): Promise<number> {
  const began = performance.now()
  // Whatever interrupts the play, floatip's process ends with it.
  const stopped = untilStopped()
  const dir = mkdtempSync(join(tmpdir(), 'floatip-demo-'))
  const [port = 0, apiPort = 0] = freePorts(2)
  const theatre = theatreOf(fast)
  const urlPrefix = `http://127.0.0.1:${port}/v1`
  const schedulerConfig = JSON.stringify({
    extenders: [
      { urlPrefix, filterVerb: 'filter', prioritizeVerb: 'priority', bindVerb: 'bind', nodeCacheCapable: true },
    ],
  })
  const stage = await startStage({ dir, extender: readSchedulerConfig(schedulerConfig) })
  const floatip = programOf({ command: serveCommand, dir, kubeconfig: stage.kubeconfig, port, apiPort })
  try {
    setUp(stage)
    await floatip.start()
    await theatre.say(
      `A miniature cluster of 5 nodes runs at ${stage.url}, floatip beside it (${Math.round(performance.now() - began)} ms).`,
    )
    const failed = await Promise.race([playAll(playOn(stage, floatip, theatre)), stopped.then(() => null)])
    if (failed === null) return INTERRUPTED
    process.stdout.write(`\ndemo: ${SCENES.length - failed.size} scenes passed, ${failed.size} failed\n`)
    if (keep) {
      await leaveRunning(theatre, stage, floatip, serveCommand.slice(0, -1).map(shortened).join(' '))
      await stopped
    }
    return failed.size === 0 ? 0 : 1
  } finally {
    await floatip.stop()
    await stage.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

function setUp(stage: Stage): void {
  const data = { floatingips: floatingips() }
  stage.api.create(CONFIG_MAPS, 'kube-system', { metadata: { name: 'floatingip-config' }, data })
  for (const node of nodes()) stage.api.create(NODES, undefined, node)
}

/** The scenes that failed. A failed one does not keep the others from the stage. */
async function playAll(play: Play): Promise<ReadonlySet<Scene>> {
  const failed = new Set<Scene>()
  for (const [at, scene] of SCENES.entries()) {
    await play.theatre.heading(`${at + 1}  ${scene.title}`)
    try {
      await scene.play(play)
    } catch (error) {
      failed.add(scene)
      play.theatre.cross(error instanceof SceneFailed ? error.message : `the scene broke: ${error}`)
    }
  }
  await play.theatre.heading('What was shown')
  for (const scene of SCENES) {
    if (failed.has(scene)) play.theatre.cross(scene.title)
    else await play.theatre.tick(scene.title)
  }
  return failed
}

/** `itself`: how floatip is called here. */
async function leaveRunning(theatre: Theatre, stage: Stage, floatip: Program, itself: string): Promise<void> {
  await theatre.heading('Everything is left running; Ctrl-C ends it. In another terminal:')
  const lines = [
    `export FLOATIP_SERVER=${floatip.apiUrl} KUBECONFIG=${stage.kubeconfig}`,
    ...['ip ls', 'ip show 10.50.2.2', 'subnet map', 'explain pod third', 'plan drain node-c1', 'events'].map(
      line => `${itself} ${line}`,
    ),
    `curl '${floatip.apiUrl}/v1/ip?appName=mail&appType=statefulset'`,
    'kubectl get pods,fip,events',
  ]
  for (const line of lines) await theatre.say(line)
  await theatre.say(`In a browser: ${floatip.apiUrl}/docs`)
}

/** As one would type it from here. */
function shortened(path: string): string {
  const short = relative(process.cwd(), path)
  return short.startsWith('..') || !short.includes('/') ? path : short
}

function untilStopped(): Promise<void> {
  return new Promise(resolve => {
    process.once('SIGTERM', () => resolve())
    process.once('SIGINT', () => resolve())
  })
}
