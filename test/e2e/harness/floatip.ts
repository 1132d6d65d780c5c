/** Owns the program under test: the compiled binary, started as galaxy's manifests start it, killed and started again. */
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { FLOATIP } from './cluster.ts'
import { eventually } from './kube.ts'

export interface FloatipOptions {
  readonly kubeconfig: string
  /** For configuration, data and log. */
  readonly folder: string
  readonly port: number
  readonly apiPort: number
  /** After those that every scenario has. */
  readonly flags?: readonly string[]
  /** Of the file's `schedule_plugin`, after that. */
  readonly settings?: Readonly<Record<string, unknown>>
}

export interface Floatip {
  readonly url: string
  readonly apiUrl: string
  readonly logFile: string
  readonly pid: number
  /** SIGKILL, in the middle of whatever it is doing. */
  kill(): Promise<void>
  /** SIGTERM; answers the exit code. */
  stop(): Promise<number>
  /** On the same data (`emptied`: which somebody has deleted), once it has ended; waits until it is ready. */
  restart(how?: { readonly emptied?: boolean }): Promise<void>
}

export async function startFloatip(options: FloatipOptions): Promise<Floatip> {
  const { folder, port, apiPort } = options
  if (!existsSync(FLOATIP)) throw new Error(`${FLOATIP} is not there: build it first`)
  const logFile = join(folder, 'floatip.log')
  const command = commandOf(options)
  const url = `http://127.0.0.1:${port}`
  const apiUrl = `http://127.0.0.1:${apiPort}`
  let child = spawn(command, logFile)

  async function ready(): Promise<void> {
    const attempt = child
    await eventually('floatip is ready', async () => attempt.exitCode !== null || (await answers(url, apiUrl)), {
      withinMs: 60_000,
    }).catch(error => {
      throw new Error(`${error.message}\n${tailOf(logFile)}`)
    })
    if (attempt.exitCode !== null) throw new Error(`floatip ended with ${attempt.exitCode}\n${tailOf(logFile)}`)
  }

  async function end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number> {
    child.kill(signal)
    return await child.exited
  }

  await ready()
  return {
    url,
    apiUrl,
    logFile,
    get pid() {
      return child.pid
    },
    async kill() {
      await end('SIGKILL')
    },
    stop: () => end('SIGTERM'),
    async restart({ emptied = false } = {}) {
      if (emptied) rmSync(join(folder, 'data'), { recursive: true })
      child = spawn(command, logFile)
      await ready()
    },
  }
}

function commandOf({ kubeconfig, folder, port, apiPort, flags = [], settings }: FloatipOptions): string[] {
  mkdirSync(folder, { recursive: true })
  const config = join(folder, 'galaxy-ipam.json')
  writeFileSync(config, JSON.stringify({ schedule_plugin: { resyncInterval: 1, ...settings } }))
  return [
    ...[FLOATIP, 'serve', '--config', config, '--kubeconfig', kubeconfig],
    ...['--bind', '127.0.0.1', '--port', `${port}`, '--api-port', `${apiPort}`],
    ...['--data-dir', join(folder, 'data')],
    // One process: a restart after kill -9 need not wait for the dead one's lease.
    '--leader-elect=false',
    ...flags,
  ]
}

function spawn(command: string[], logFile: string) {
  const log = openSync(logFile, 'a')
  return Bun.spawn(command, { stdin: 'ignore', stdout: log, stderr: log })
}

/**
 * Healthy, and the gate is open, without which filter answers `Error`. Not asked through filter itself: a pod that asks for nothing passes
 * a closed gate, and one that asks would stand in the line of waiting pods, in front of the scenario's own.
 */
async function answers(url: string, apiUrl: string): Promise<boolean> {
  const healthy = await fetch(`${url}/healthy`)
  if ((await healthy.text()).trim() !== 'ok') return false
  return (await fetch(`${apiUrl}/readyz`)).status === 200
}

function tailOf(file: string): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-20).join('\n')
}

/** Below those that the kernel gives to outgoing connections: by the time floatip starts, or starts again, one of hundreds might have it. */
const PORTS = { first: 15_000, count: 15_000 }

/** Ports that nobody listens on, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  while (ports.length < count) {
    const port = PORTS.first + Math.floor(Math.random() * PORTS.count)
    if (!ports.includes(port) && (await isFree(port))) ports.push(port)
  }
  return ports
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  const listens = await new Promise<boolean>(resolve => {
    server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true))
  })
  if (listens) await new Promise(resolve => server.close(resolve))
  return listens
}
