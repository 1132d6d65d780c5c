/** Owns filter, prioritize and preempt: nodes in, verdicts out. */

import type { Geometry, NodeGroup } from '../domain/geometry.ts'
import { isRefusal, type Refusal, refusal } from '../domain/refusal.ts'
import type { Address } from '../ip/address.ts'
import type { PodFact } from '../kube/pod.ts'
import { Fault } from '../lib/fault.ts'
import { filter } from '../rules/filter.ts'
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
const NOT_CONFIGURED = refusal('node-not-configured', 'no node subnet of the configuration contains the node')

/** The group of a node with these InternalIPs, or why it has none. */
export function placeOf(geometry: Geometry, addresses: readonly Address[]): NodeGroup | Refusal {
  return addresses.length === 0 ? UNKNOWN_NODE : (geometry.groupOf(addresses) ?? NOT_CONFIGURED)
}

export function filteringOn(ports: Ports, waiting: WaitingList, holds: Holds, stuck: StuckRollouts): Filtering {
  const { ledger, cluster, clock, log } = ports

  function placed(geometry: Geometry, node: AskedNode): NodeGroup | Refusal {
    return placeOf(geometry, node.addresses ?? cluster.nodes.get(node.name)?.addresses ?? [])
  }

  function place(nodes: readonly AskedNode[]) {
    const geometry = ledger.read(view => view.geometry)
    const places = nodes.map(node => placed(geometry, node))
    const groups = new Map<string, NodeGroup>()
    for (const place of places) if (!isRefusal(place)) groups.set(place.id, place)
    return { places, groups: [...groups.values()] }
  }

  /** The verdict of each group, from memory while nothing has moved. */
  async function verdictsOf(
    pod: PodFact,
    groups: readonly NodeGroup[],
    unknown: readonly string[],
  ): Promise<ReadonlyMap<string, Refusal | null>> {
    const question = questionOf(pod, groups)
    const remembered = waiting.recall(pod.uid, question, ledger.revision, cluster.factsVersion)
    if (remembered !== null) return remembered

    const factsVersion = cluster.factsVersion
    const demand = demandFromMirror(ports, pod) ?? (await gatherDemand(ports, pod))
    const command = { at: clock.now(), demand, groups }
    const ledgerRevision = ledger.revision
    const asked = ledger.read(view => filter(view, command))
    const settled = isRefusal(asked) || asked.changes.length === 0 ? asked : await ledger.submit('filter', command)
    if (isRefusal(settled)) {
      if (waiting.isNews(pod.uid, settled.code)) say(pod, settled, 'refused')
      return new Map(groups.map(group => [group.id, settled]))
    }

    const { verdicts, holds: held } = settled.answer
    if ([...verdicts.values()].some(verdict => verdict?.code === 'stale')) {
      throw new Fault('the configuration changed in this moment', { retryable: true })
    }
    if (held !== null) holds.renew(held)
    stuck.told(pod, [...verdicts.values()])
    if ([...verdicts.values()].some(verdict => verdict === null)) waiting.leave(pod.uid)
    else if (groups.length > 0 || unknown.length > 0) {
      const told = [...verdicts.values()].find(verdict => verdict !== null) ?? UNKNOWN_NODE
      // Once: the scheduler asks again for every waiting pod after each bind of any pod, and not always about the same nodes.
      if (waiting.isNews(pod.uid, told.code)) say(pod, told, 'waits for an address')
      waiting.wait(pod, groups, unknown, { code: told.code, because: told.because, since: clock.now() })
      waiting.remember(pod.uid, { question, ledgerRevision, factsVersion, verdicts })
    }
    return verdicts
  }

  function say({ namespace, name }: PodFact, { code, because }: Refusal, what: string): void {
    log.info({ pod: `${namespace}/${name}`, code, reason: because }, what)
  }

  return {
    async filter(pod, nodes) {
      const { places, groups } = place(nodes)
      const unknown = nodes.flatMap(({ name }, at) => (places[at] === UNKNOWN_NODE ? [name] : []))
      const verdicts = await verdictsOf(pod, groups, unknown)
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
