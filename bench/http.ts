/** Owns the suite `http`: filter + bind through floatip, beside the same two writes fired straight at the same API server, in one run. */
import { onStage, type Pass, passOf, type Stage, straight, through } from './lib/load.ts'
import { median } from './lib/median.ts'
import { writeReport } from './lib/report.ts'
import { table } from './lib/table.ts'

const ADDRESSES = 40_000
const WORKERS = [1, 16]
/** Pods of one pass; the passes of the two ways alternate, so that both see the same machine. */
const PODS: Record<number, number> = { 1: 150, 16: 600 }
const PASSES = 5
/** The ratio that is promised at 16 workers. */
const RATIO_TARGET = 0.8

export async function httpSuite(): Promise<boolean> {
  return await onStage(ADDRESSES, compare)
}

async function compare(stage: Stage): Promise<boolean> {
  const { kind, kube, floatip, pids } = stage
  const ways = [through(floatip), straight(kube, floatip)] as const
  const results: { workers: number; way: string; passes: Pass[] }[] = []
  for (const workers of WORKERS) {
    const found = ways.map(way => ({ workers, way: way.name, passes: [] as Pass[] }))
    for (let pass = 0; pass < PASSES; pass++)
      for (const [at, way] of ways.entries())
        found[at]?.passes.push(await passOf(way, stage, PODS[workers] ?? 100, workers))
    results.push(...found)
  }
  const rows = results.map(({ workers, way, passes }) => [
    `${way}, ${workers} workers`,
    median(passes.map(pass => pass.perSecond)).toFixed(0),
    median(passes.map(pass => pass.p50Ms)).toFixed(1),
    ...Object.keys(pids()).map(name => median(passes.map(pass => pass.cpu[name] ?? 0)).toFixed(2)),
  ])
  console.log(
    `on ${kind === 'control-plane' ? 'a real kube-apiserver and etcd' : 'the demo API server'}; CPU in ms a pod, median of ${PASSES} passes`,
  )
  console.log(table(['way', 'pods/s', 'p50 ms', ...Object.keys(pids()).map(name => `${name} CPU`)], rows))
  // Of each pass beside the other way's pass next to it: what else runs on the machine comes and goes, and both have seen it.
  const rates = (way: string, workers: number) =>
    results.find(r => r.way === way && r.workers === workers)?.passes.map(pass => pass.perSecond) ?? []
  const ratios = WORKERS.map(workers => {
    const straight = rates(ways[1].name, workers)
    return { workers, ratio: median(rates(ways[0].name, workers).map((rate, at) => rate / (straight[at] ?? 0))) }
  })
  for (const { workers, ratio } of ratios)
    console.log(`${workers} workers: ${(100 * ratio).toFixed(0)} % of the straight writes (median of the pairs)`)
  console.log(writeReport('http', { kind, results, ratios }))
  // The demo API server answers in microseconds: what is promised is promised of a real one.
  if (kind !== 'control-plane') return true
  return (ratios.find(({ workers }) => workers === 16)?.ratio ?? 0) >= RATIO_TARGET
}
