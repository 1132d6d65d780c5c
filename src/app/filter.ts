/** Owns filter, prioritize and preempt: nodes in, verdicts out. */

import type { Geometry, NodeGroup } from '../domain/geometry.ts'
import { isObjectName } from '../domain/owner.ts'
import { isRefusal, type Refusal, refusal } from '../domain/refusal.ts'
import type { Address } from '../ip/address.ts'
import type { PodFact } from '../kube/pod.ts'
import { present } from '../lib/assert.ts'
import { Fault } from '../lib/fault.ts'
import { filter, type Verdicts } from '../rules/filter.ts'
import { fitsAfter, score } from '../rules/score.ts'
import { demandFromMirror, gatherDemand } from './demand.ts'
import type { Holds } from './holds.ts'
import type { Ports } from './ports.ts'
import type { StuckRollouts } from './stuck-rollouts.ts'
import { questionOf, type WaitingList } from './waiting.ts'

/** A node as asked: its InternalIPs when the scheduler sent them, else as our mirror has it. */
export interface AskedNode {
  readonly name: string
  readonly addresses: readonly Address[] | null
}

export interface Filtering {
  /** Null per node: the pod can have its addresses there. Throws a Fault for failures of our own. */
  filter(pod: PodFact, nodes: readonly AskedNode[]): Promise<readonly (Refusal | null)[]>
  /** 0 to 10 per node. */
  prioritize(pod: PodFact, nodes: readonly AskedNode[]): readonly number[]
  /** Per node: would evicting these pods (UIDs) give the pod its addresses there? */
  preempt(
    pod: PodFact,
    nodes: readonly { readonly node: AskedNode; readonly victims: readonly string[] }[],
  ): Promise<readonly boolean[]>
}

const UNKNOWN_NODE = refusal('unknown-node', 'the node has no InternalIP')
/** Nodes come one by one; more at once are a mirror far behind, and the scheduler asks again. */
const LOOKED_UP_MAX = 16
const NOT_CONFIGURED = refusal('node-not-configured', 'no node subnet of the configuration contains the node')

/** The group of a node with these InternalIPs, or why it has none. */
export function placeOf(geometry: Geometry, addresses: readonly Address[]): NodeGroup | Refusal {
  return addresses.length === 0 ? UNKNOWN_NODE : (geometry.groupOf(addresses) ?? NOT_CONFIGURED)
}

/** `onNews`: a pod begins to wait, or waits for another kind of reason than before. */
export function filteringOn(
  ports: Ports,
  waiting: WaitingList,
  holds: Holds,
  stuck: StuckRollouts,
  onNews?: (pod: PodFact, reasons: Reasons) => void,
): Filtering {
  const { ledger, cluster, calls, clock, log } = ports
  ledger.onCommit(waiting.committed)

  function placed(geometry: Geometry, node: AskedNode): NodeGroup | Refusal {
    return placeOf(geometry, node.addresses ?? cluster.nodes.get(node.name)?.addresses ?? [])
  }

  /** A node that the mirror does not have may be a moment old: it is unknown only by the API server's word. */
  async function found(nodes: readonly AskedNode[]): Promise<readonly AskedNode[]> {
    const missing = nodes.filter(
      ({ name, addresses }) => addresses === null && cluster.nodes.get(name) === undefined && isObjectName(name),
    )
    if (missing.length === 0 || missing.length > LOOKED_UP_MAX) return nodes
    const reading = missing.map(async ({ name }) => [name, (await calls.getNode(name))?.addresses ?? null] as const)
    const read = new Map(await Promise.all(reading))
    return nodes.map(({ name, addresses }) => ({ name, addresses: addresses ?? read.get(name) ?? null }))
  }

  function place(nodes: readonly AskedNode[]) {
    const geometry = ledger.read(view => view.geometry)
    const places = nodes.map(node => placed(geometry, node))
    const groups = new Map<string, NodeGroup>()
    for (const place of places) if (!isRefusal(place)) groups.set(place.id, place)
    return { places, groups: [...groups.values()] }
  }

  /** The verdict of each group, from memory while nothing has moved that could change it. */
  async function verdictsOf(
    pod: PodFact,
    groups: readonly NodeGroup[],
    places: readonly (NodeGroup | Refusal)[],
    unknown: readonly string[],
  ): Promise<Verdicts> {
    if (holds.isOver(pod.uid)) return over(pod, groups)
    const question = questionOf(pod, groups)
    const placedAt = cluster.factsVersion
    const remembered = waiting.recall(pod.uid, question, ledger.revision, cluster.factsVersion)
    if (remembered !== null) return remembered

    const mirrored = demandFromMirror(ports, pod)
    const demand = mirrored ?? (await gatherDemand(ports, pod))
    const command = { at: clock.now(), demand, groups }
    const { factsVersion } = cluster
    const ledgerRevision = mirrored === null ? ledger.revision : null
    const asked = ledger.read(view => filter(view, command))
    const inTurn = !isRefusal(asked) && asked.changes.length > 0
    const settled = inTurn ? await ledger.submit('filter', command) : asked
    if (isRefusal(settled)) {
      if (waiting.isNews(pod.uid, settled.code)) say(pod, [settled], 'refused')
      return new Map(groups.map(group => [group.id, settled]))
    }

    const { verdicts, holds: held } = settled.answer
    if ([...verdicts.values()].some(verdict => verdict?.code === 'stale')) {
      throw new Fault('the configuration changed in this moment', { retryable: true })
    }
    if (holds.isOver(pod.uid)) {
      // Its end was told before there was anything to give back, and is not told again.
      if (inTurn) await giveBack(pod)
      return over(pod, groups)
    }
    if (held !== null) holds.renew(held)
    stuck.told(pod, [...verdicts.values()])
    if ([...verdicts.values()].some(verdict => verdict === null)) waiting.leave(pod.uid)
    else if (places.length > 0) {
      const reasons = reasonsOf(groups.length > 0 ? [...verdicts.values()] : places)
      const [{ code, because }] = reasons
      // Once: the scheduler asks again for every waiting pod after each bind of any pod, and not always about the same nodes.
      if (waiting.isNews(pod.uid, code)) say(pod, reasons, 'waits for an address')
      // What a turn answered may have been overtaken by a later command of the same turn.
      const memo = inTurn ? null : { question, factsVersion, ledgerRevision }
      const geometry = ledger.read(view => view.geometry)
      const why = { code, because, since: clock.now() }
      waiting.wait(pod, { geometry, groups, unknown, placedAt, workload: demand.workload, verdicts, why }, memo)
    }
    return verdicts
  }

  async function giveBack({ uid }: PodFact): Promise<void> {
    const { revision } = ledger
    await ledger.submit('giveBack', { at: clock.now(), incarnation: uid, revision, because: 'its pod had ended' })
  }

  function say(pod: PodFact, reasons: Reasons, what: string): void {
    const [{ code, because }] = reasons
    log.info({ pod: `${pod.namespace}/${pod.name}`, code, reason: because }, what)
    onNews?.(pod, reasons)
  }

  return {
    async filter(pod, asked) {
      const nodes = await found(asked)
      const { places, groups } = place(nodes)
      const unknown = nodes.flatMap(({ name }, at) => (places[at] === UNKNOWN_NODE ? [name] : []))
      const verdicts = await verdictsOf(pod, groups, places, unknown)
      return places.map(at => (isRefusal(at) ? at : (verdicts.get(at.id) ?? null)))
    },

    prioritize(_pod, nodes) {
      const { places } = place(nodes)
      const scores = new Map<string, number>()
      return places.map(at => {
        if (isRefusal(at)) return 0
        const known = scores.get(at.id) ?? ledger.read(view => score(view, at))
        scores.set(at.id, known)
        return known
      })
    },

    async preempt(pod, nodes) {
      const demand = await gatherDemand(ports, pod)
      const { places } = place(nodes.map(({ node }) => node))
      const command = { at: clock.now(), demand, groups: [] }
      return ledger.read(view =>
        places.map((at, index) => !isRefusal(at) && fitsAfter(view, command, at, nodes[index]?.victims ?? [])),
      )
    },
  }
}

function over({ namespace, name }: PodFact, groups: readonly NodeGroup[]): Verdicts {
  const gone = refusal('not-found', `pod ${namespace}/${name} has ended`)
  return new Map(groups.map(group => [group.id, gone]))
}

/** Each reason once, in the order of their texts. */
export type Reasons = readonly [Refusal, ...Refusal[]]

function reasonsOf(refusals: readonly (NodeGroup | Refusal | null)[]): Reasons {
  const byText = new Map(refusals.flatMap(each => (isRefusal(each) ? [[each.because, each] as const] : [])))
  const [first, ...more] = [...byText.values()].sort((a, b) => (a.because < b.because ? -1 : 1))
  return [present(first, 'no node without a reason'), ...more]
}
