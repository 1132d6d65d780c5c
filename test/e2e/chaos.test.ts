/** Owns the proof by chance: a seeded sequence of deeds on the real control plane, with what must be true looked at whenever it has settled. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { randomOf } from '../sim/random.ts'
import { doubled, unsettled } from './harness/chaos-audit.ts'
import { type Deeds, deedsOn, remember } from './harness/chaos-deeds.ts'
import { look, NS, type Seen } from './harness/chaos-world.ts'
import { kind } from './harness/cluster.ts'
import { eventually } from './harness/kube.ts'
import { paths, STAGE } from './harness/objects.ts'
import { createNamespace, STAGE_LIMIT_MS, type Stage, startStage } from './harness/stage.ts'

/** `FLOATIP_SEED=7 FLOATIP_STEPS=200` for more; a run of 25 rounds takes some three minutes. */
const SEED = Number(process.env.FLOATIP_SEED ?? 1)
const ROUNDS = Number(process.env.FLOATIP_STEPS ?? 25)
const LIMIT_MS = ROUNDS * 60_000 + 600_000
/** Two intervals of resync: what watches missed is found by then. */
const SETTLE_MS = 130_000
/** Longer than watches, back-offs of the scheduler and the start of an API server take: worth a line. */
const SLOW_MS = 15_000
const DEEDS_MAX = 4
/** Long enough to be met by the next deeds; nothing has settled before it is over. */
const REST = '3s'

let stage: Stage
let deeds: Deeds
const story: string[] = []
const skipped = kind === 'demo'

beforeAll(async () => {
  if (skipped) return
  stage = await startStage(
    [
      { name: 'main', nodes: 3, ips: third => [`${third}.2~${third}.17`, `${third}.20~${third}.23`] },
      { name: 'side', nodes: 2, ips: third => [`${third}.2~${third}.4`, `${third}.10~${third}.14`] },
    ],
    { flags: ['--rest', REST] },
  )
  const { kube, cluster } = stage
  for (const { metadata } of (await look(kube)).nodes) {
    await kube.patch(`${paths.nodes}/${metadata.name}`, { metadata: { labels: { [STAGE]: NS } } })
  }
  await createNamespace(kube, NS, cluster.kind)
  deeds = deedsOn(stage, randomOf(SEED), [stage.entry('main'), stage.entry('side')])
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), 120_000)

function tell(line: string): void {
  story.push(`${new Date().toISOString().slice(11, 23)} ${line}`)
  if (process.env.FLOATIP_TRACE !== undefined) console.log(story.at(-1))
}

/** Waits until nothing is wrong any more; two claims to one address are wrong at once. */
async function settle(): Promise<Seen> {
  const from = performance.now()
  let breaches: readonly string[] = []
  let clean = 0
  while (performance.now() - from < SETTLE_MS) {
    const seen = await look(stage.kube).catch(() => null)
    if (seen === null) continue
    // Seen twice: the lists are not of one moment.
    if (doubled(seen).length > 0) expect(doubled(await look(stage.kube))).toEqual([])
    const now = unsettled(seen, deeds.configured())
    clean = now.length === 0 ? clean + 1 : 0
    if (clean === 2) {
      const tookMs = Math.round(performance.now() - from)
      if (tookMs > SLOW_MS) tell(`  slow: settled after ${tookMs} ms, the last to go: ${breaches.join('; ')}`)
      return seen
    }
    if (clean === 0) breaches = now
    await Bun.sleep(300)
  }
  throw new Error(`not settled within ${SETTLE_MS} ms:\n${breaches.join('\n')}`)
}

/** What floatip itself finds when it compares ledger, objects and pods. */
async function checked(): Promise<void> {
  const excused = new Set(['orphaned-in-use'])
  let findings: readonly { kind: string }[] = []
  await eventually('the check finds nothing', async () => {
    const answer = (await (await fetch(`${stage.floatip.apiUrl}/v1/check`)).json()) as typeof findings & {
      findings: typeof findings
    }
    findings = answer.findings.filter(each => !excused.has(each.kind))
    return findings.length === 0
  }).catch(() => expect(findings).toEqual([]))
}

async function round(at: number): Promise<void> {
  const count = 1 + (at % DEEDS_MAX)
  for (let n = 0; n < count; n++) tell(`${at}: ${await deeds.do()}`)
  // Until the controllers have begun.
  await Bun.sleep(500)
  const seen = await settle()
  expect(remember(deeds.expected, seen.pods, deeds.configured())).toEqual([])
  await checked()
}

/** What policy never keeps goes as a person lets it go; then everything is as it was at the beginning. */
async function nothingLeft(): Promise<void> {
  const { kube, floatip } = stage
  await deeds.mend()
  await deeds.raze()
  await eventually('all pods are gone', async () => (await look(kube)).pods.length === 0, { withinMs: 60_000 })
  const kept = async () => (await look(kube)).objects
  await eventually(
    'only what policy never keeps is left',
    async () => (await kept()).every(({ policy, uid }) => policy === 2 && uid === ''),
    {
      withinMs: SETTLE_MS,
    },
  ).catch(async error => {
    throw new Error(`${error.message}: ${JSON.stringify(await kept())}`)
  })
  const { content } = (await (await fetch(`${floatip.apiUrl}/v1/ip?size=9999`)).json()) as {
    content: { policy?: number }[]
  }
  const ips = content.filter(({ policy }) => policy !== undefined)
  const reply = await fetch(`${floatip.apiUrl}/v1/ip`, {
    method: 'POST',
    body: JSON.stringify({ ips }),
    headers: { 'content-type': 'application/json' },
  })
  expect(await reply.json()).toMatchObject({ code: 200 })
  await eventually('no object is left', async () => (await kept()).length === 0)
  const metrics = await (await fetch(`${floatip.apiUrl}/metrics`)).text()
  const allocated = metrics
    .split('\n')
    .filter(line => line.startsWith('galaxy_ip_counter') && line.includes('allocated') && !line.endsWith(' 0'))
  expect(allocated).toEqual([])
  await checked()
}

test.skipIf(skipped)(
  `seed ${SEED}: ${ROUNDS} rounds of deeds, and everything settles`,
  async () => {
    try {
      await deeds.begin()
      await settle()
      for (let at = 0; at < ROUNDS; at++) await round(at)
      await nothingLeft()
    } catch (error) {
      throw new Error(`seed ${SEED}: ${error instanceof Error ? error.message : error}\n${story.slice(-60).join('\n')}`)
    } finally {
      const slow = story.filter(line => line.includes('slow:'))
      if (slow.length > 0) console.log(slow.join('\n'))
    }
  },
  LIMIT_MS,
)
