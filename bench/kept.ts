/** Owns the suite `kept`: filter + bind and the same two writes straight, with an empty pool and with 40,000 of 50,000 addresses kept. */
import type { KubeObject } from '../test/e2e/harness/kube.ts'
import { paths } from '../test/e2e/harness/objects.ts'
import { NAMESPACE, onStage, type Pass, passOf, type Stage, SUBNETS, straight, through, type Way } from './lib/load.ts'
import { median } from './lib/median.ts'
import { writeReport } from './lib/report.ts'
import { table } from './lib/table.ts'

const ADDRESSES = 50_000
const KEPT = 40_000
/** At once; an API server on two cores makes some 500 objects a second: a minute and a half. */
const FILLERS = 32
const WORKERS = 16
const PODS = 400
const PASSES = 4
/** After a start of floatip, or its end: what it asked for at the start is answered, and its garbage collected. */
const SETTLE_MS = 10_000
/** What "flat" means: floatip's rate and its CPU a pod with 40,000 kept, beside those with none. */
const FLAT = 0.2

export async function keptSuite(): Promise<boolean> {
  return await onStage(ADDRESSES, measureBoth)
}

interface Found {
  readonly kept: number
  readonly way: string
  readonly passes: Pass[]
}

async function measureBoth(stage: Stage): Promise<boolean> {
  const ways = [through(stage.floatip), straight(stage.kube, stage.floatip)]
  const empty = await passes(stage, ways, 0)
  await stage.floatip.stop()
  const began = performance.now()
  await fill(stage)
  const filledMs = performance.now() - began
  await stage.floatip.restart()
  const readyMs = performance.now() - began - filledMs
  const full = await passes(stage, ways, KEPT)

  const results = [...empty, ...full]
  const rows = results.map(({ kept, way, passes: of }) => [
    `${way}, ${kept} kept`,
    median(of.map(pass => pass.perSecond)).toFixed(0),
    median(of.map(pass => pass.p50Ms)).toFixed(1),
    ...Object.keys(stage.pids()).map(name => median(of.map(pass => pass.cpu[name] ?? 0)).toFixed(2)),
  ])
  console.log(
    `${KEPT} objects made in ${(filledMs / 1000).toFixed(0)} s; floatip ready with them in ${(readyMs / 1000).toFixed(1)} s`,
  )
  console.log(table(['way', 'pods/s', 'p50 ms', ...Object.keys(stage.pids()).map(name => `${name} CPU`)], rows))
  const rate = (of: readonly Found[], at: number) => median(of[at]?.passes.map(pass => pass.perSecond) ?? [])
  const cpu = (of: readonly Found[], at: number) => median(of[at]?.passes.map(pass => pass.cpu.floatip ?? 0) ?? [])
  const ratios = empty.map(({ way }, at) => ({ way, ratio: rate(full, at) / rate(empty, at) }))
  const cpuRatio = cpu(full, 0) / cpu(empty, 0)
  for (const { way, ratio } of ratios)
    console.log(`${way}: ${(100 * ratio).toFixed(0)} % of the rate with an empty pool`)
  console.log(`floatip: ${(100 * cpuRatio).toFixed(0)} % of the CPU a pod with an empty pool`)
  console.log(writeReport('kept', { kind: stage.kind, filledMs, readyMs, results, ratios, cpuRatio }))
  // The demo API server answers in microseconds: what is promised is promised of a real one.
  const isFlat = (ratio = 0) => Math.abs(ratio - 1) <= FLAT
  return stage.kind !== 'control-plane' || (isFlat(ratios[0]?.ratio) && isFlat(cpuRatio))
}

/** One way after the other: floatip starts once, for a start reads all objects and would be measured with the passes that follow. */
async function passes(stage: Stage, ways: readonly Way[], kept: number): Promise<readonly Found[]> {
  const found: Found[] = []
  for (const way of ways) {
    const of: Pass[] = []
    await way.before()
    await Bun.sleep(SETTLE_MS)
    const running = { ...way, before: async () => {}, after: async () => {} }
    for (let pass = 0; pass < PASSES; pass++) of.push(await passOf(running, stage, PODS, WORKERS))
    await way.after()
    found.push({ kept, way: way.name, passes: of })
  }
  return found
}

/** Kept for a StatefulSet of each subnet whose pods are gone: as galaxy-ipam leaves them, and floatip adopts them. */
async function fill({ kube }: Stage): Promise<void> {
  let next = 0
  async function filler(): Promise<void> {
    for (let at = next++; at < KEPT; at = next++) {
      // From the top of each range: those at its bottom have pods already.
      const slot = ADDRESSES / SUBNETS + 1 - Math.floor(at / SUBNETS)
      const ip = `10.${60 + (at % SUBNETS)}.${slot >> 8}.${slot & 255}`
      await kube.create(paths.floatingIps, {
        apiVersion: 'galaxy.k8s.io/v1alpha1',
        kind: 'FloatingIP',
        metadata: { name: ip, labels: { ipType: 'internalIP' } },
        spec: {
          key: `sts_${NAMESPACE}_kept${at % SUBNETS}_kept${at % SUBNETS}-${at}`,
          policy: 2,
          attribute: JSON.stringify({ NodeName: '', Uid: '' }),
          updateTime: new Date().toISOString(),
        },
      } as KubeObject)
    }
  }
  await Promise.all(Array.from({ length: FILLERS }, filler))
}
