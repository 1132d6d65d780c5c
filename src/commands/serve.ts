/** Owns `floatip serve` as a process: its ports, its signals, its exit code. */

import { inTime } from '../app/in-time.ts'
import { systemClock } from '../lib/clock.ts'
import { EXIT } from '../lib/exit.ts'
import { Fault, messageOf } from '../lib/fault.ts'
import { logTo } from '../lib/log.ts'
import { compose } from './compose.ts'
import type { ServeOptions } from './options.ts'
import { VERSION } from './version.ts'

/** Requests under way are answered for so long: people wait no longer for the API server. Of one that does not decide any more nothing is. */
const FINISHED_WITHIN_MS = 10_000

/** Runs until SIGTERM or SIGINT; gives back the exit code. Throws a Fault when it cannot start. */
export async function serve(options: ServeOptions): Promise<number> {
  const log = logTo(options.logLevel, options.logFormat)
  const ended = Promise.withResolvers<number>()
  for (const flag of options.notYet) log.warn({ flag }, 'accepted, but not built yet')
  const onBug = (bug: unknown) => {
    log.error({ err: bug }, 'a broken invariant: floatip stops')
    ended.resolve(EXIT.bug)
  }
  const onLost = (why: string) => {
    log.error({ why }, 'leadership is lost: floatip stops, and starts again as a candidate')
    ended.resolve(EXIT.failed)
  }
  const floatip = compose(options, { clock: systemClock, random: Math.random, log, onLost, onBug })
  const { extender, api, ports, ledgerPath, term } = floatip

  // The two ports answer from the start: "not ready" is an answer.
  listen(extender, options.bind, options.port, '--port')
  listen(api, options.bind, options.apiPort, '--api-port')
  const rows = ports.ledger.read(view => view.size)
  const listening = { extender: extender.server?.port, api: api.server?.port }
  log.info({ version: VERSION, ...listening, ledger: ledgerPath, term, rows }, 'floatip started')
  floatip.start().catch(onBug)

  // Work that nobody waits for: what it did not expect to be thrown ends here.
  for (const name of ['uncaughtException', 'unhandledRejection'] as const) process.on(name, onBug)
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => ended.resolve(EXIT.ok))
  const code = await ended.promise
  floatip.endStreams()
  const withinMs = code === EXIT.ok ? FINISHED_WITHIN_MS : 0
  await Promise.all([extender, api].map(port => close(port, withinMs)))
  await floatip.stop(code !== EXIT.ok)
  log.info({ code }, 'floatip stopped')
  return code
}

interface Open {
  readonly server: { stop(closeActiveConnections: boolean): Promise<void> } | null
  stop(): unknown
}

/** Whoever sends half a request, or takes no answer, would hold up the end for minutes: a leader that was has to be a candidate soon. */
async function close(port: Open, withinMs: number): Promise<void> {
  const { server } = port
  if ((await inTime(systemClock, Promise.resolve(port.stop()), withinMs)) === 'late') await server?.stop(true)
}

interface Listening {
  listen(at: { hostname: string; port: number; reusePort: boolean }): unknown
}

function listen(app: Listening, hostname: string, port: number, flag: string): void {
  try {
    // Elysia would share the port with another floatip, and each of the two get some of the scheduler's calls.
    app.listen({ hostname, port, reusePort: false })
  } catch (error) {
    const where = `${hostname.includes(':') ? `[${hostname}]` : hostname}:${port} (--bind, ${flag})`
    throw new Fault(`cannot listen on ${where}: ${messageOf(error)}`, { retryable: false, cause: error })
  }
}
