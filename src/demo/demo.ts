/** Owns `floatip demo`: the stage and floatip are set up, the scenes played one after the other, and all is taken down again. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { floatingips, nodes } from './cast.ts'
import { readSchedulerConfig } from './extender.ts'
import { type Play, playOn, SceneFailed } from './play.ts'
import { freePorts, type Program, programOf } from './program.ts'
import { CONFIG_MAPS, NODES } from './resources.ts'
import { SCENES } from './scenes.ts'
import { type Stage, startStage } from './stage.ts'
import { type Theatre, theatre as theatreOf } from './theatre.ts'

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
    const failed = await playAll(playOn(stage, floatip, theatre))
    if (keep) await leaveRunning(theatre, stage, floatip)
    process.stdout.write(`\ndemo: ${SCENES.length - failed} scenes passed, ${failed} failed\n`)
    return failed === 0 ? 0 : 1
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

/** How many scenes failed. A failed one does not keep the others from the stage. */
async function playAll(play: Play): Promise<number> {
  let failed = 0
  for (const [at, scene] of SCENES.entries()) {
    await play.theatre.heading(`${at + 1}  ${scene.title}`)
    try {
      await scene.play(play)
    } catch (error) {
      failed++
      play.theatre.cross(error instanceof SceneFailed ? error.message : `the scene broke: ${error}`)
    }
  }
  return failed
}

async function leaveRunning(theatre: Theatre, stage: Stage, floatip: Program): Promise<void> {
  await theatre.heading('Everything is left running; Ctrl-C ends it')
  await theatre.say(`curl '${floatip.apiUrl}/v1/ip?namespace=default'`)
  await theatre.say(`curl '${floatip.apiUrl}/v1/ip?appName=mail&appType=statefulset'`)
  await theatre.say(`export KUBECONFIG=${stage.kubeconfig}; kubectl get pods,fip`)
  await untilStopped()
}

function untilStopped(): Promise<void> {
  return new Promise(resolve => {
    process.once('SIGTERM', () => resolve())
    process.once('SIGINT', () => resolve())
  })
}
