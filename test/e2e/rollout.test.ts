/** Owns the proof of rolling upgrades on the real Deployment controller: which come to an end, with which addresses, and what is said of those that cannot. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { kind } from './harness/cluster.ts'
import {
  nameOf,
  type Outcome,
  type Policy,
  type Scenario,
  STRATEGIES,
  type Strategy,
  SURGE,
  stageOf,
} from './harness/rollouts.ts'
import { createNamespace, STAGE_LIMIT_MS, type Stage, startStage } from './harness/stage.ts'

const REPLICAS = [1, 3, 10]
const POLICIES: readonly Policy[] = ['none', 'immutable', 'never', 'pool', 'sized pool']
const SCENARIOS: readonly Scenario[] = POLICIES.flatMap(policy =>
  (Object.keys(STRATEGIES) as Strategy[]).flatMap(strategy =>
    REPLICAS.flatMap(replicas => {
      const plain = { policy, strategy, replicas, surge: false }
      // Without a policy, and in a pool that has a size, the annotation means nothing.
      return policy === 'none' || policy === 'sized pool' ? [plain] : [plain, { ...plain, surge: true }]
    }),
  ),
)

/** As Kubernetes reckons for `25%`, whose default maxUnavailable comes to 0 below four replicas. */
const surgeOf = ({ strategy, replicas }: Scenario) => (strategy === 'default' ? Math.ceil(replicas / 4) : 0)
const deadlocks = ({ policy, strategy, replicas, surge }: Scenario) =>
  policy !== 'none' && strategy === 'default' && replicas < 4 && !surge

/** Rollouts at once: all together would measure the machine. */
const LANES = 10

const outcomes = new Map<string, Outcome | Error>()
const freed: (Outcome & { readonly remedy: string })[] = []
let stage: Stage | undefined

const skipped = kind === 'demo'
if (skipped) console.error('skipped: rolling upgrades are proven on the real Deployment controller')

beforeAll(async () => {
  if (skipped) return
  stage = await startStage([{ name: 'rollout', nodes: 4 }], { qps: 500 })
  const { kube, cluster, tap } = stage
  const namespace = await createNamespace(kube, 'rollouts', cluster.kind)
  const rollouts = stageOf(kube, namespace, 'rollout')
  const watching = rollouts.watch()
  const next = SCENARIOS.values()
  await Promise.all(Array.from({ length: LANES }, lane))
  await quiet(rollouts.pending, namespace, tap)
  const ended = SCENARIOS.map(scenario => outcomes.get(nameOf(scenario)))
  const stuck = ended.flatMap(each => (each instanceof Error || each?.ended !== 'deadlock' ? [] : [each]))
  freed.push(...(await Promise.all(stuck.map(free))))
  rollouts.stop()
  await watching
  writeTable()

  async function lane(): Promise<void> {
    for (const scenario of next) {
      const outcome = await rollouts.upgrade(scenario).catch(error => new Error(String(error)))
      outcomes.set(nameOf(scenario), outcome)
    }
  }

  /** Each remedy that the message names, in turn. */
  async function free(outcome: Outcome, at: number): Promise<Outcome & { readonly remedy: string }> {
    const { scenario, before } = outcome
    const remedies: [string, object][] = [
      ['maxSurge 0', { strategy: STRATEGIES['maxSurge 0'] }],
      ['Recreate', { strategy: STRATEGIES.Recreate }],
      ['rollout-surge', { template: { metadata: { annotations: { [SURGE]: 'allow' } } } }],
    ]
    const [remedy, spec] = remedies[at % (scenario.policy === 'sized pool' ? 2 : 3)] ?? ['', {}]
    return { ...(await rollouts.roll(scenario, before, spec, false)), remedy }
  }
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), STAGE_LIMIT_MS)

const askedWhileQuiet: string[] = []

/** Nothing happens in the cluster: whoever waits is not asked about again, for the text stays the same. */
async function quiet(
  pending: (name: string) => readonly { metadata: { name: string } }[],
  namespace: string,
  tap: Stage['tap'],
) {
  await Bun.sleep(3_000)
  const from = performance.now()
  await Bun.sleep(3_000)
  const waiting = SCENARIOS.flatMap(scenario => pending(nameOf(scenario)))
  for (const { metadata } of waiting) {
    const calls = tap.about(namespace, metadata.name, 'filter').filter(({ atMs }) => atMs > from)
    if (calls.length > 0) askedWhileQuiet.push(`${metadata.name}: ${calls.length}`)
  }
}

function outcomeOf(scenario: Scenario): Outcome {
  const outcome = outcomes.get(nameOf(scenario))
  if (outcome === undefined || outcome instanceof Error) throw outcome ?? new Error('it was not run')
  return outcome
}

const kept = ({ before, after }: Outcome) => after.filter(address => before.includes(address)).length

describe.skipIf(skipped)('a rolling upgrade', () => {
  test.each(SCENARIOS.map(scenario => [nameOf(scenario), scenario] as const))('%s', (_, scenario) => {
    const outcome = outcomeOf(scenario)
    const { policy, replicas, surge } = scenario
    expect(outcome.ended).toBe(deadlocks(scenario) ? 'deadlock' : 'completed')
    if (policy === 'none') return
    // The limit holds at every moment, and afterwards the Deployment is back at its replicas.
    expect(outcome.most).toBeLessThanOrEqual(replicas + (surge ? surgeOf(scenario) : 0))
    if (outcome.ended === 'deadlock') return
    expect(new Set(outcome.after).size).toBe(replicas)
    expect(kept(outcome)).toBeGreaterThanOrEqual(replicas - (surge ? surgeOf(scenario) : 0))
  })
})

describe.skipIf(skipped)('the deadlock', () => {
  const stuck = SCENARIOS.filter(deadlocks)

  test.each(stuck.map(scenario => [nameOf(scenario), scenario] as const))(
    '%s is told with its remedy',
    (name, scenario) => {
      const { podSays, deploymentSays } = outcomeOf(scenario)
      const { policy, replicas } = scenario
      const reached =
        policy === 'sized pool'
          ? `reached pool ${name} size limit of ${replicas}`
          : `deployment ${name} has allocated ${replicas} ips with replicas of ${replicas}, wait for releasing`
      const other =
        policy === 'sized pool' ? 'give the pool a larger size' : `annotate its pod template with ${SURGE}: allow`
      const text = `${reached}: its rolling update ends no old pod before a new one runs, so set maxSurge: 0 or strategy Recreate, or ${other}`
      expect(podSays).toContain(text)
      expect(deploymentSays).toEqual([text])
    },
  )

  test('is quiet: nobody is asked again and again', () => {
    expect(askedWhileQuiet).toEqual([])
  })

  test('ends by each remedy; maxSurge 0 and Recreate keep every address', () => {
    expect(freed.map(({ scenario, ended }) => [nameOf(scenario), ended])).toEqual(
      stuck.map(scenario => [nameOf(scenario), 'completed']),
    )
    for (const each of freed) {
      const least = each.scenario.replicas - (each.remedy === 'rollout-surge' ? surgeOf(each.scenario) : 0)
      expect([nameOf(each.scenario), each.remedy, kept(each) >= least]).toEqual([
        nameOf(each.scenario),
        each.remedy,
        true,
      ])
    }
  })
})

/** The same as markdown, for docs/guides/rolling-upgrades.md. */
function writeTable(): void {
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`
  const lines = [
    '| policy | strategy | replicas | rollout-surge | what happened | addresses kept | most at once | took |',
    '|---|---|--:|---|---|--:|--:|--:|',
  ]
  for (const scenario of SCENARIOS) {
    const outcome = outcomes.get(nameOf(scenario))
    if (outcome === undefined || outcome instanceof Error) continue
    const { ended, most, tookMs } = outcome
    const { policy, strategy, replicas, surge } = scenario
    const done = ended === 'completed'
    lines.push(
      `| ${[policy, strategy, replicas, surge ? 'allow' : '', done ? 'completed' : 'deadlock, told', done ? `${kept(outcome)} of ${replicas}` : '', most, seconds(tookMs)].join(' | ')} |`,
    )
  }
  lines.push('', '| deadlocked before | remedy | addresses kept | took |', '|---|---|--:|--:|')
  for (const each of freed) {
    const { policy, replicas } = each.scenario
    lines.push(`| ${policy}, ${replicas} | ${each.remedy} | ${kept(each)} of ${replicas} | ${seconds(each.tookMs)} |`)
  }
  const folder = join(import.meta.dir, '../../dist')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'rolling-upgrades.md'), `${lines.join('\n')}\n`)
}
