/** Owns what the process tells of itself, under the names that every Prometheus client uses. */
import { readdirSync, readFileSync } from 'node:fs'
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { SECONDS } from './metrics.ts'

/** Ten looks a second cost nothing and find a loop that stands still for longer than a scheduler's question should take. */
const LAG_EVERY_MS = 100

/** prom-client's own set asks V8 for things that Bun answers with zeros; these are those that are true. */
export function registerProcess(registry: Registry): { stop(): void } {
  const registers = [registry]
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'CPU time of the process, user and system.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage()
      this.reset()
      this.inc((user + system) / 1e6)
    },
  })
  const gauge = (name: string, help: string, read: () => number | null) =>
    new Gauge({
      ...{ name, help, registers },
      collect() {
        const value = read()
        if (value !== null) this.set(value)
      },
    })
  gauge('process_resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss())
  gauge('process_heap_bytes', 'JavaScript heap in use.', () => process.memoryUsage().heapUsed)
  gauge('process_open_fds', 'Open file descriptors.', () => orNull(() => readdirSync('/proc/self/fd').length))
  gauge('process_max_fds', 'The most file descriptors that it may open.', () =>
    orNull(() => Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Number.NaN)),
  )
  const startedAt = Date.now() / 1000 - process.uptime()
  gauge('process_start_time_seconds', 'When the process started, in seconds since 1970.', () => startedAt)

  const lag = new Histogram({
    name: 'floatip_event_loop_lag_seconds',
    help: `How much later than due a timer of ${LAG_EVERY_MS} ms runs: for so long nobody is answered.`,
    buckets: SECONDS,
    registers,
  })
  let due = performance.now() + LAG_EVERY_MS
  const timer = setInterval(() => {
    const now = performance.now()
    lag.observe(Math.max(0, now - due) / 1000)
    due = now + LAG_EVERY_MS
  }, LAG_EVERY_MS)
  timer.unref()
  return { stop: () => clearInterval(timer) }
}

/** /proc is Linux's. */
function orNull(read: () => number): number | null {
  try {
    const value = read()
    return Number.isFinite(value) ? value : null
  } catch {
    return null
  }
}
