/** Owns the proof that many pods at once, and a kill -9 among them, never give one address twice nor lose one. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { expectConsistent, podsOf, runningPods, storedUnder } from './harness/addresses.ts'
import { eventually } from './harness/kube.ts'
import { deployment, type Pod, paths } from './harness/objects.ts'
import { createNamespace, STAGE_LIMIT_MS, type Stage, startStage } from './harness/stage.ts'

const PODS = 200
const LIMIT_MS = 300_000
let stage: Stage

beforeAll(async () => {
  stage = await startStage([
    { name: 'burst', nodes: 10 },
    { name: 'killed', nodes: 10 },
    { name: 'gone', nodes: 10 },
  ])
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), LIMIT_MS)

async function expectAllOf(ns: string, entry: string): Promise<void> {
  const pods = await runningPods(stage.kube, ns, 'many', PODS, LIMIT_MS / 2)
  const keyOf = ({ metadata }: Pod) => `dp_${ns}_many_${metadata.name}`
  await expectConsistent(stage.kube, pods, stage.entry(entry), keyOf, `dp_${ns}_`)
}

async function createMany(name: string): Promise<string> {
  const ns = await createNamespace(stage.kube, name, stage.cluster.kind)
  await stage.kube.create(paths.deployments(ns), deployment('many', { stage: name, replicas: PODS }))
  return ns
}

async function boundAtLeast(ns: string, count: number): Promise<void> {
  const bound = async () => (await podsOf(stage.kube, ns, 'many')).filter(({ spec }) => spec.nodeName !== undefined)
  await eventually(`${count} pods are bound`, async () => (await bound()).length >= count, {
    withinMs: LIMIT_MS / 2,
    everyMs: 20,
  })
}

test(
  `${PODS} pods of a Deployment: no two with one address, each annotated and stored; all released at its end`,
  async () => {
    const ns = await createMany('burst')
    await expectAllOf(ns, 'burst')
    await stage.kube.delete(`${paths.deployments(ns)}/many`)
    await eventually('all are released', async () => (await storedUnder(stage.kube, `dp_${ns}_`)).length === 0, {
      withinMs: LIMIT_MS / 2,
    })
  },
  LIMIT_MS,
)

test(
  `R1 R5 kill -9 in the middle of ${PODS} pods and a restart on the same data: none doubled, none lost`,
  async () => {
    const ns = await createMany('killed')
    await boundAtLeast(ns, PODS / 4)
    await stage.floatip.kill()
    const bound = (await podsOf(stage.kube, ns, 'many')).filter(({ spec }) => spec.nodeName !== undefined)
    expect(bound.length).toBeLessThan(PODS)
    await Bun.sleep(1000)
    await stage.floatip.restart()
    await expectAllOf(ns, 'killed')
  },
  LIMIT_MS,
)

test(
  'R13 pods deleted while floatip is dead: their addresses are released after its restart, the others stay',
  async () => {
    const ns = await createMany('gone')
    await expectAllOf(ns, 'gone')
    await stage.floatip.kill()
    await stage.kube.patch(`${paths.deployments(ns)}/many`, { spec: { replicas: PODS / 2 } })
    await runningPods(stage.kube, ns, 'many', PODS / 2)
    await stage.floatip.restart()
    const half = async () => (await storedUnder(stage.kube, `dp_${ns}_`)).length === PODS / 2
    await eventually('half of the addresses are released', half, { withinMs: LIMIT_MS / 2 })
    const pods = await runningPods(stage.kube, ns, 'many', PODS / 2)
    const keyOf = ({ metadata }: Pod) => `dp_${ns}_many_${metadata.name}`
    await expectConsistent(stage.kube, pods, stage.entry('gone'), keyOf, `dp_${ns}_`)
  },
  LIMIT_MS,
)
