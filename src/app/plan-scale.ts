/** Owns the plan of scaling a workload: which pods would go, which would come, and whether these get addresses. */
import type { Workload } from '../domain/demand.ts'
import {
  DEPLOYMENT,
  isSameWorkload,
  type Owner,
  ordinalExists,
  ordinalOf,
  ownerKey,
  STATEFUL_SET,
} from '../domain/owner.ts'
import { isRefusal, type Refusal, refusal } from '../domain/refusal.ts'
import { isWorkloadKind } from '../domain/workload.ts'
import type { PodFact } from '../kube/pod.ts'
import { gatherDemand } from './demand.ts'
import type { Play } from './plan.ts'
import { addressesOf, likeness, placed } from './plan-pods.ts'
import type { PlannedAddress, PlannedPod, PlanQuestion, Played } from './plan-words.ts'
import { KINDS } from './subjects.ts'

type Scale = PlanQuestion & { kind: 'scale' }

export async function playScale(play: Play, question: Scale): Promise<Played | Refusal> {
  const { ports, parts, copy } = play
  const { owner, replicas } = question
  const name = `${isWorkloadKind(owner.kind) ? KINDS[owner.kind] : owner.kind} ${owner.namespace}/${owner.workload}`
  const pods = [...ports.cluster.pods.values()].filter(
    pod => !pod.finished && !pod.deleting && isSameWorkload(pod.owner, owner),
  )
  const apiVersion = question.apiVersion || (pods[0]?.apiVersion ?? '')
  const now = await ports.calls.getWorkload(owner, apiVersion)
  if (now.state !== 'present')
    return refusal('not-found', now.state === 'unscaled' ? `${name}: ${now.because}` : `${name} does not exist`)
  const model = (await parts.template(owner)) ?? pods[0] ?? null
  if (model === null) return refusal('not-found', `${name} has no pod that shows what its pods ask for`)
  const nothing = { orphaned: [], freed: [], warnings: [] }
  if (!model.asks) return { ...nothing, pods: [], warnings: [`the pods of ${name} do not ask for addresses`] }

  const then: Workload = { ...now, replicas }
  const numbered = isNumbered(pods, owner)
  const going = leaving(pods, numbered, then)
  const ended: PlannedPod[] = []
  for (const pod of going) {
    await copy.pace()
    const before = addressesOf(copy.state, pod.uid)
    const changes = copy.end(pod.uid, then)
    const kept = changes.flatMap(({ address, after }) => (after === null ? [] : [address.text]))
    const because = `it goes; ${kept.length === 0 ? 'its address is free' : `${kept.join(', ')} is kept`}`
    ended.push({ pod: nameOf(pod), fate: 'end', before, after: kept, code: null, because })
  }
  const staying = pods.filter(pod => !going.includes(pod))
  const freed = follow(play, { owner, apiVersion }, then, staying)

  const came: PlannedPod[] = []
  for (const pod of [...staying.filter(({ node }) => node === null), ...coming(model, staying, numbered, then)]) {
    await copy.pace()
    const demand = { ...(await gatherDemand(ports, pod)), workload: then }
    came.push(placed(copy, nameOf(pod), addressesOf(copy.state, pod.uid), demand, play.groups()))
  }
  const kept = staying.flatMap(pod => {
    const before = addressesOf(copy.state, pod.uid)
    return pod.node === null
      ? []
      : [{ pod: nameOf(pod), fate: 'keep' as const, before, after: before, code: null, because: 'it stays' }]
  })
  return { ...nothing, freed, pods: [...came, ...ended, ...kept] }
}

function nameOf({ namespace, name }: PodFact): string {
  return `${namespace}/${name}`
}

type Present = Workload & { readonly state: 'present' }

/** StatefulSets number their pods, and custom workloads whose pods show it. */
function isNumbered(pods: readonly PodFact[], { kind }: Owner): boolean {
  return kind === STATEFUL_SET || (kind !== DEPLOYMENT && pods.every(pod => ordinalOf(pod.owner) !== null))
}

/** A Deployment's controller ends pods that are not bound first, then the youngest. */
function leaving(pods: readonly PodFact[], numbered: boolean, then: Present): readonly PodFact[] {
  if (numbered) return pods.filter(pod => !ordinalExists(pod.owner, then.replicas, then.firstOrdinal))
  const bound = (pod: PodFact) => (pod.node === null ? 0 : 1)
  const order = [...pods].sort((a, b) => bound(a) - bound(b) || b.createdAt - a.createdAt)
  return order.slice(0, Math.max(0, pods.length - then.replicas))
}

function coming(model: PodFact, staying: readonly PodFact[], numbered: boolean, then: Present): readonly PodFact[] {
  const make = (name: string) => likeness(model, name, name)
  const { owner } = model
  if (!numbered) {
    const missing = Math.max(0, then.replicas - staying.length)
    return Array.from({ length: missing }, (_, at) => make(`${owner.workload}-planned-${at + 1}`))
  }
  const there = new Set(staying.map(({ name }) => name))
  const names = Array.from({ length: then.replicas }, (_, at) => `${owner.workload}-${then.firstOrdinal + at}`)
  return names.filter(name => !there.has(name)).map(make)
}

/** What it keeps without a pod follows its size. */
function follow(
  { ports, copy }: Play,
  { owner, apiVersion }: { owner: Owner; apiVersion: string },
  workload: Workload,
  staying: readonly PodFact[],
): PlannedAddress[] {
  const decision = copy.decide('follow', {
    at: ports.clock.now(),
    workloadOwner: { ...owner, pool: staying[0]?.owner.pool ?? '', pod: '' },
    apiVersion,
    workload,
    unfinished: new Set(staying.map(({ name }) => name)),
    revision: Number.MAX_SAFE_INTEGER,
  })
  if (isRefusal(decision)) return []
  return decision.changes.flatMap(({ address, before, after, because }) =>
    before === null || after !== null ? [] : [{ ip: address.text, key: ownerKey(before.owner), because }],
  )
}
