/** Owns the suite `resync`: what one resync of a large cluster costs: requests, time, the longest pause of the event loop, memory. */
import { resyncOf } from '../src/app/resync.ts'
import { connect } from '../src/kube/kubeconfig.ts'
import { objectStoreOn } from '../src/kube/object-store.ts'
import { listPods } from '../src/kube/pod.ts'
import { transport } from '../src/kube/transport.ts'
import { assert } from '../src/lib/assert.ts'
import type { ApiServer } from '../test/app/api-server.ts'
import type { Large } from '../test/app/large.ts'
import { closeWorlds, openWorld, until } from '../test/app/world.ts'
import { median } from './lib/median.ts'
import { type Target, targetLine, writeReport } from './lib/report.ts'
import { table } from './lib/table.ts'

const PODS = [2_000, 20_000]
const ROUNDS = 5
/** How long the first start may take to write what it adopted. */
const START_LIMIT_MS = 120_000
/** 20,000 pods in pages of 500, as many objects, and three kinds of workloads. */
const REQUESTS_MAX = 100
const LOOK_MS = 5
/** Raw JSON of 20,000 pods is 30 MB and more; facts of a page at a time stay below that. */
const GROWTH_MAX_MB = 150

interface Measured extends Large {
  readonly requests: Readonly<Record<string, number>>
  readonly ms: number
  readonly pauseMs: number
  readonly rssBeforeMb: number
  readonly rssPeakMb: number
}

export async function resyncSuite(): Promise<boolean> {
  const results: Measured[] = []
  for (const pods of PODS) results.push(await measure(pods))
  const rows = results.map(r => [
    String(r.pods),
    String(r.kept),
    Object.entries(r.requests)
      .map(([kind, count]) => `${count} ${kind}`)
      .join(', '),
    r.ms.toFixed(0),
    r.pauseMs.toFixed(0),
    r.rssBeforeMb.toFixed(0),
    r.rssPeakMb.toFixed(0),
  ])
  console.log(`one resync in which nothing changed, median of ${ROUNDS}`)
  console.log(table(['pods', 'kept', 'requests', 'ms', 'longest pause ms', 'RSS before MB', 'RSS peak MB'], rows))
  const last = results.at(-1)
  assert(last !== undefined, 'something was measured')
  const requests = Object.values(last.requests).reduce((sum, count) => sum + count, 0)
  const growth = last.rssPeakMb - last.rssBeforeMb
  const targets: Target[] = [
    { what: `requests at ${last.pods} pods`, limit: REQUESTS_MAX, got: requests, unit: '' },
    { what: `memory that grows in a resync at ${last.pods} pods`, limit: GROWTH_MAX_MB, got: growth, unit: ' MB' },
  ]
  for (const target of targets) console.log(targetLine(target))
  console.log(writeReport('resync', { rounds: ROUNDS, results, targets }))
  return targets.every(({ got, limit }) => got <= limit)
}

async function measure(pods: number): Promise<Measured> {
  const server = Bun.spawn([process.execPath, `${import.meta.dir}/resync.server.ts`, String(pods)], {
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const answers = server.stdout.pipeThrough(new TextDecoderStream()).getReader()
  const answer = async <T>() => JSON.parse((await answers.read()).value ?? 'null') as T
  const { url, ...large } = await answer<Large & { url: string }>()
  const counted = async () => {
    server.stdin.write('calls\n')
    await server.stdin.flush()
    return await answer<Record<string, number>>()
  }
  try {
    const world = await openWorld({ api: { url, stop: async () => {} } as unknown as ApiServer })
    await until(() => world.ports.replicator.pending === 0 && world.ledger.outbox().length === 0, START_LIMIT_MS)
    const api = transport(connect({ master: url }))
    const objects = objectStoreOn(api)
    // As `floatip serve`, which has them in a mirror.
    const known = new Map((await objects.list()).map(fact => [fact.name, fact]))
    const { once } = resyncOf(world.ports, {
      listObjects: () => objects.list(known),
      listPods: () => listPods(api, world.ports.cluster.pods),
    })
    await once()
    Bun.gc(true)
    const rssBeforeMb = rssMb()
    const watch = watchProcess()
    await counted()
    const rounds: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const began = performance.now()
      const { adopted, ended } = await once()
      assert(adopted === 0 && ended === 0, 'nothing changed')
      rounds.push(performance.now() - began)
    }
    const requests = Object.entries(await counted()).map(([kind, calls]) => [kind, calls / ROUNDS] as const)
    return { ...large, requests: Object.fromEntries(requests), ms: median(rounds), rssBeforeMb, ...watch.end() }
  } finally {
    await closeWorlds()
    server.stdin.end()
    await server.exited
  }
}

const rssMb = () => process.memoryUsage.rss() / 1e6

function watchProcess() {
  let rssPeakMb = 0
  let pauseMs = 0
  let before = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    pauseMs = Math.max(pauseMs, now - before - LOOK_MS)
    before = now
    rssPeakMb = Math.max(rssPeakMb, rssMb())
  }, LOOK_MS)
  return {
    end() {
      clearInterval(timer)
      return { rssPeakMb, pauseMs }
    },
  }
}
