/** Owns floatip as the demo runs it: the unchanged `serve` in a process of its own, killed and started again on the same ledger. */
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Program {
  readonly extenderUrl: string
  readonly apiUrl: string
  /** Starts it and waits until it is ready. */
  start(): Promise<void>
  /** SIGKILL: it has no say. */
  kill(): Promise<void>
  /** SIGTERM. */
  stop(): Promise<void>
}

export interface ProgramOptions {
  /** `floatip serve`, however it is started here. */
  readonly command: readonly string[]
  readonly dir: string
  readonly kubeconfig: string
  readonly port: number
  readonly apiPort: number
}

const READY_WITHIN_MS = 20_000
const STOP_WITHIN_MS = 5_000
const LOOK_MS = 25

export function programOf({ command, dir, kubeconfig, port, apiPort }: ProgramOptions): Program {
  const config = join(dir, 'galaxy-ipam.json')
  const logFile = join(dir, 'floatip.log')
  writeFileSync(config, '{"schedule_plugin":{}}\n')
  const args = [
    ...['--config', config, '--kubeconfig', kubeconfig, '--data-dir', join(dir, 'ledger')],
    ...['--bind', '127.0.0.1', '--port', `${port}`, '--api-port', `${apiPort}`, '--leader-elect=false'],
    // A lost node's address rests for others before it is free (the default is 30 s): nobody watches a story for so long.
    '--rest=2s',
  ]
  const apiUrl = `http://127.0.0.1:${apiPort}`
  let child: Bun.Subprocess | null = null

  async function ready(): Promise<boolean> {
    return await fetch(`${apiUrl}/readyz`).then(
      reply => reply.ok,
      () => false,
    )
  }

  async function end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const harder = setTimeout(() => child?.kill('SIGKILL'), STOP_WITHIN_MS)
    child?.kill(signal)
    await child?.exited
    clearTimeout(harder)
    child = null
  }

  return {
    extenderUrl: `http://127.0.0.1:${port}`,
    apiUrl,
    async start() {
      const log = openSync(logFile, 'a')
      const started = Bun.spawn([...command, ...args], { stdin: 'ignore', stdout: log, stderr: log })
      closeSync(log)
      child = started
      const until = performance.now() + READY_WITHIN_MS
      while (!(await ready())) {
        if (started.exitCode !== null || performance.now() > until) {
          throw new Error(`floatip did not become ready; its log ends with\n${tailOf(logFile)}`)
        }
        await Bun.sleep(LOOK_MS)
      }
    },
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
  }
}

function tailOf(file: string): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-5).join('\n')
}

/** Loopback ports that nobody listens on. */
export function freePorts(count: number): number[] {
  const servers = Array.from({ length: count }, () =>
    Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } }),
  )
  const ports = servers.map(server => server.port)
  for (const server of servers) server.stop(true)
  return ports
}
