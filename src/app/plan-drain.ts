/** Owns the plan of draining a node: its pods end, and those that a controller makes again need addresses on other nodes. */
import type { Workload } from '../domain/demand.ts'
import { NO_CONTROLLER, workloadKey } from '../domain/owner.ts'
import { type Refusal, refusal } from '../domain/refusal.ts'
import type { PodFact } from '../kube/pod.ts'
import { gatherDemand, workloadAtEnd } from './demand.ts'
import type { Play } from './plan.ts'
import { addressesOf, madeAgain, placed } from './plan-pods.ts'
import type { PlannedPod, Played } from './plan-words.ts'

/** Kinds of owners whose pods a drain leaves where they are: DaemonSets, and the node itself (static pods). */
const STAYS = new Set(['daemonset', 'node'])

export async function playDrain(play: Play, node: string): Promise<Played | Refusal> {
  const { ports, copy, groups } = play
  if (ports.cluster.nodes.get(node) === undefined) return refusal('not-found', `node ${node} does not exist`)
  const pods = [...ports.cluster.pods.values()].filter(pod => pod.node === node && !pod.finished)
  const planned: PlannedPod[] = []
  const again: { readonly pod: PodFact; readonly before: readonly string[] }[] = []
  const workloads = new Map<string, Promise<Workload>>()

  for (const pod of pods) {
    await copy.pace()
    const name = `${pod.namespace}/${pod.name}`
    const before = addressesOf(copy.state, pod.uid)
    if (STAYS.has(pod.owner.kind)) {
      const because = `a drain leaves pods of a ${pod.owner.kind} where they are`
      planned.push({ pod: name, fate: 'keep', before, after: before, code: null, because })
      continue
    }
    const key = `${workloadKey(pod.owner)} ${pod.policy}`
    const workload = workloads.get(key) ?? workloadAtEnd(ports, pod.owner, pod.policy, pod.apiVersion)
    workloads.set(key, workload)
    copy.end(pod.uid, await workload)
    if (pod.owner.kind === NO_CONTROLLER) {
      const because = 'no controller makes it again'
      planned.push({ pod: name, fate: 'lose', before, after: [], code: null, because })
    } else again.push({ pod, before })
  }

  const open = groups(node)
  for (const { pod, before } of again) {
    await copy.pace()
    const next = madeAgain(pod)
    const demand = await gatherDemand(ports, next)
    planned.push(placed(copy, `${pod.namespace}/${pod.name}`, before, demand, open))
  }
  return { pods: planned, orphaned: [], freed: [], warnings: [] }
}
