/** Owns the answer to "why does my pod wait?", by the very rules that filter, bind and unbind decide with; nothing is changed by asking. */
import type { Allocation } from '../domain/allocation.ts'
import type { Demand } from '../domain/demand.ts'
import { isRefusal, type Refusal } from '../domain/refusal.ts'
import type { PodFact } from '../kube/pod.ts'
import { Fault, messageOf } from '../lib/fault.ts'
import { filter, type Verdicts } from '../rules/filter.ts'
import { isConfigured } from '../rules/view.ts'
import type { Asked, AskedMemory } from './asked.ts'
import { type Blockers, blockersOf } from './blockers.ts'
import { gatherDemand } from './demand.ts'
import { type AtEnd, atEndOf, type BoundVerdict, judgeBound } from './explain-bound.ts'
import { mainRefusal, type NodesShown, type Placed, placeAll, showNodes } from './explain-nodes.ts'
import { helpFor, type Reason, reasonOf } from './explain-words.ts'
import type { Gate } from './gate.ts'
import type { Ports } from './ports.ts'
import type { Waiting, WaitingList } from './waiting.ts'

/** An address that the pod has, or holds. */
export interface Had {
  readonly row: Allocation
  readonly orphaned: boolean
  /** What would become of it if the pod ended now; null: not asked (it is not bound). */
  readonly atEnd: AtEnd | null
}

export interface Explanation {
  /** Null: nobody can tell now. */
  readonly pod: PodFact | null
  readonly reason: Reason
  readonly because: string
  readonly help: string
  readonly has: readonly Had[]
  /** What it asks for, with its limits; null: it does not, or nobody can tell. */
  readonly demand: Demand | null
  readonly blockers: Blockers
  /** Null: which nodes it could run on is not the question. */
  readonly nodes: NodesShown | null
  readonly asked: Asked | undefined
  /** It is in the list of those that are told when an address comes free. */
  readonly waiting: Waiting | undefined
}

export interface Explaining {
  /** Null: there is no such pod. Throws a Fault when the API server cannot tell. */
  explain(namespace: string, name: string): Promise<Explanation | null>
}

export interface ExplainParts {
  readonly gate: Pick<Gate, 'open' | 'waitingFor'>
  readonly waiting: WaitingList
  readonly asked: AskedMemory
}

type Verdict = Pick<Explanation, 'reason' | 'because'> & Partial<Explanation>

export function explainingOn(ports: Ports, { gate, waiting, asked }: ExplainParts): Explaining {
  const { ledger, cluster, calls, clock } = ports

  async function podOf(namespace: string, name: string): Promise<PodFact | null> {
    // The mirror has only pods that ask, and may be behind for one that was just made.
    return cluster.pods.get(`${namespace}/${name}`) ?? (await calls.getPod(namespace, name))
  }

  async function judge(pod: PodFact): Promise<Verdict> {
    const { namespace, name } = pod
    if (!pod.asks) {
      const because = `pod ${namespace}/${name} does not request tke.cloud.tencent.com/eni-ip`
      return { reason: 'not-requested', because }
    }
    if (pod.finished) return { reason: 'ended', because: `pod ${namespace}/${name} is ${pod.phase}` }
    if (pod.node !== null) return await bound(pod)
    if (pod.deleting)
      return { reason: 'ended', because: `pod ${namespace}/${name} is being deleted, and was not bound` }
    return await unbound(pod)
  }

  async function bound(pod: PodFact): Promise<BoundVerdict & { has: readonly Had[] }> {
    const ends = await atEndOf(ports, pod.uid)
    return { ...judgeBound(ports, pod), has: hadBy(pod.uid, ends) }
  }

  function hadBy(uid: string, ends: ReadonlyMap<string, AtEnd>): readonly Had[] {
    return ledger.read(view =>
      view.ofIncarnation(uid).map(row => ({
        row,
        orphaned: !isConfigured(view, row),
        atEnd: ends.get(row.address.text) ?? null,
      })),
    )
  }

  async function unbound(pod: PodFact): Promise<Verdict> {
    let demand: Demand
    try {
      demand = await gatherDemand(ports, pod)
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      return { reason: 'workload-unreadable', because: `its workload cannot be read: ${messageOf(error)}` }
    }
    return ledger.read(view => {
      const placed = placeAll(view.geometry, cluster.nodes.values())
      const groups = placed.groups.map(({ group }) => group)
      const decision = filter(view, { at: clock.now(), demand, groups })
      const verdicts: Verdicts = isRefusal(decision)
        ? new Map(groups.map(group => [group.id, decision]))
        : decision.answer.verdicts
      const nodes = showNodes(view, placed, verdicts)
      const told = asked.get(pod.uid)?.refusal ?? null
      const elsewhere = nodes.qualifying > 0 ? refusedWhereAsked(pod, placed, verdicts, told) : null
      const refusal = demand.problem ?? (nodes.qualifying > 0 ? elsewhere : mainRefusal(placed, verdicts))
      const verdict =
        refusal !== null
          ? refused(demand, refusal, nodes.qualifying)
          : placed.total === 0
            ? { reason: 'no-nodes' as const, because: 'the cluster has no nodes' }
            : granted(pod)
      const refusedGroups = groups.filter(group => verdicts.get(group.id) !== null)
      const blockers = blockersOf(view, demand, verdict.reason, refusedGroups)
      return { ...verdict, demand, nodes, blockers, has: hadBy(pod.uid, new Map()) }
    })
  }

  /** Others qualify, but the scheduler asked only about nodes that still do not. Null: it asked about one that does now, or not at all. */
  function refusedWhereAsked(
    { uid }: PodFact,
    placed: Placed,
    verdicts: Verdicts,
    told: Refusal | null,
  ): Refusal | null {
    const waits = waiting.get(uid)
    if (waits === undefined) return told
    const ids = new Set(waits.groups.map(({ id }) => id))
    const groups = placed.groups.filter(({ group }) => ids.has(group.id))
    if (groups.some(({ group }) => verdicts.get(group.id) === null)) return null
    return mainRefusal({ ...placed, groups, others: [] }, verdicts) ?? told
  }

  function refused(demand: Demand, refusal: Refusal, others: number): Pick<Explanation, 'reason' | 'because'> {
    const sizedPool = demand.owner.pool !== '' && demand.poolSize !== null
    const reason = reasonOf(refusal, { sizedPool, problem: demand.problem !== null })
    if (others === 0) return { reason, because: refusal.because }
    const more = others === 1 ? '1 other node would do' : `${others} other nodes would do`
    return { reason, because: `${refusal.because}; ${more}, which the scheduler did not ask about` }
  }

  /** The rules would give it addresses: what keeps it then? */
  function granted({ uid }: PodFact): Pick<Explanation, 'reason' | 'because'> {
    const told = asked.get(uid)
    const failed = told?.failedBind ?? null
    if (failed !== null) return { reason: failed.cloud ? 'cloud-failing' : 'bind-failed', because: failed.because }
    const claimed = ledger.read(view => view.ofIncarnation(uid).find(row => row.node !== null))
    if (claimed !== undefined) return { reason: 'binding', because: `it is being bound to ${claimed.node}` }
    if ((told?.filteredAt ?? null) === null) {
      return { reason: 'not-asked', because: 'the scheduler has not asked about it since floatip started' }
    }
    return { reason: 'scheduler-turn', because: 'there are addresses for it, and the scheduler has not bound it yet' }
  }

  return {
    async explain(namespace, name) {
      if (!gate.open) {
        const because = `floatip is not ready: waiting for ${gate.waitingFor}`
        return finish(await podOf(namespace, name).catch(unlessFault), { reason: 'not-ready', because })
      }
      const pod = await podOf(namespace, name)
      return pod === null ? null : finish(pod, await judge(pod))
    },
  }

  function finish(pod: PodFact | null, verdict: Verdict): Explanation {
    const { demand = null, nodes = null, blockers = { rows: [], total: 0 }, has = [] } = verdict
    const owner = pod?.owner
    const told = pod === null ? undefined : asked.get(pod.uid)
    const help = helpFor(verdict.reason, {
      workload: owner === undefined ? '' : `${owner.namespace}/${owner.workload}`,
      pool: owner?.pool ?? '',
      node: told?.failedBind?.node ?? '',
      subnets: nodes?.groups.find(group => group.refusal !== null && group.nodeSubnets !== '')?.nodeSubnets ?? '',
      kept: blockers.total,
      others: nodes?.qualifying ?? 0,
    })
    const { reason, because } = verdict
    const waits = pod === null ? undefined : waiting.get(pod.uid)
    return { pod, reason, because, help, has, demand, blockers, nodes, asked: told, waiting: waits }
  }
}

function unlessFault(error: unknown): null {
  if (!(error instanceof Fault)) throw error
  return null
}
