/** Owns plans: what would happen if, played by the real rules on a copy of the state. Nothing is done, and nobody is held up. */
import type { Geometry, NodeGroup } from '../domain/geometry.ts'
import { geometryOf } from '../domain/geometry.ts'
import { isRefusal, type Refusal } from '../domain/refusal.ts'
import type { PodFact } from '../kube/pod.ts'
import type { State } from '../ledger/state.ts'
import { unreachable } from '../lib/assert.ts'
import { Fault } from '../lib/fault.ts'
import type { View } from '../rules/view.ts'
import { demandForWake } from './demand.ts'
import { placeAll } from './explain-nodes.ts'
import { playConfiguration } from './plan-configuration.ts'
import { type Copy, copyOf } from './plan-copy.ts'
import { playDrain } from './plan-drain.ts'
import { playPool } from './plan-pool.ts'
import { playScale } from './plan-scale.ts'
import {
  FATES,
  type Fate,
  type Plan,
  type PlannedPod,
  type PlannedSubnet,
  type PlanQuestion,
  type Played,
} from './plan-words.ts'
import type { Ports } from './ports.ts'
import type { WaitingList } from './waiting.ts'

export interface PlanParts {
  /** A state without rows. */
  readonly empty: (geometry: Geometry) => State
  /** The pod that a workload would make next; null: there is none, or nobody can tell. */
  readonly template: (owner: PodFact['owner']) => Promise<PodFact | null>
  readonly waiting: WaitingList
}

/** What every plan is given. */
export interface Play {
  readonly ports: Ports
  readonly parts: PlanParts
  readonly copy: Copy
  /** Of the copy, for the nodes that take pods; `except`: one that does not. */
  readonly groups: (except?: string) => readonly NodeGroup[]
}

export type Planning = (question: PlanQuestion) => Promise<Plan | Refusal>

/** A copy of 100,000 rows takes some 100 MB for as long as the plan lasts: one at a time, and these may stand in line. */
const IN_LINE_MAX = 4
/** Waiting pods that are tried on what would come free. */
const WAITING_MAX = 200

export function planningOn(ports: Ports, parts: PlanParts): Planning {
  const { ledger, cluster, clock } = ports
  let inLine = 0
  let last: Promise<unknown> = Promise.resolve()

  async function plan(question: PlanQuestion): Promise<Plan | Refusal> {
    const { rows, before } = ledger.read(view => ({ rows: [...view.rows()], before: subnetsOf(view) }))
    const geometry =
      question.kind === 'configure'
        ? geometryOf(question.configuration.entries)
        : geometryOf(ledger.read(view => view.geometry.entries))
    const copy = await copyOf(rows, geometry, parts.empty, clock.now())
    const groups = (except?: string) => {
      const open = [...cluster.nodes.values()].filter(node => node.name !== except && !node.cordoned)
      return placeAll(geometry, open).groups.map(({ group }) => group)
    }
    const play: Play = { ports, parts, copy, groups }
    const played = await playOne(play, question, rows)
    if (isRefusal(played)) return played
    const lucky = await servedWaiting(play, played.pods, question)
    const pods = [...played.pods, ...lucky].sort((a, b) => FATES.indexOf(a.fate) - FATES.indexOf(b.fate))
    const counts = Object.fromEntries(
      FATES.map(fate => [fate, pods.filter(pod => pod.fate === fate).length]),
    ) as Record<Fate, number>
    const subnets = changed(before, subnetsOf(copy.state))
    return { ...played, pods, counts, ok: counts.wait === 0 && counts.lose === 0, subnets }
  }

  /** Pods that wait now, and would not any more. */
  async function servedWaiting({ copy, groups }: Play, pods: readonly PlannedPod[], question: PlanQuestion) {
    const told = new Set(pods.map(({ pod }) => pod))
    const lucky: PlannedPod[] = []
    const except = question.kind === 'drain' ? question.node : undefined
    const open = groups(except)
    for (const { pod, workload } of parts.waiting.inOrder().slice(0, WAITING_MAX)) {
      await copy.pace()
      const name = `${pod.namespace}/${pod.name}`
      const demand = told.has(name) ? null : demandForWake(ports, pod, workload)
      if (demand === null) continue
      const resized = question.kind === 'resize' && pod.owner.pool === question.pool ? { poolSize: question.size } : {}
      const given = copy.place({ ...demand, ...resized }, open)
      if (isRefusal(given)) continue
      const because = 'it waits now, and would not any more'
      lucky.push({ pod: name, fate: 'get', before: [], after: given.addresses, code: null, because })
    }
    return lucky
  }

  return async question => {
    if (inLine >= IN_LINE_MAX) throw new Fault('other plans are being played: try again', { retryable: true })
    inLine++
    const mine = last.then(() => plan(question)).finally(() => inLine--)
    last = mine.catch(() => {})
    return await mine
  }
}

function playOne(
  play: Play,
  question: PlanQuestion,
  rows: Parameters<typeof playConfiguration>[1],
): Promise<Played | Refusal> {
  switch (question.kind) {
    case 'scale':
      return playScale(play, question)
    case 'drain':
      return playDrain(play, question.node)
    case 'configure':
      return playConfiguration(play, rows, question.configuration.warnings)
    case 'resize':
      return playPool(play, question.pool, question.size)
    default:
      return unreachable(question)
  }
}

interface Counted {
  readonly subnet: string
  readonly gateway: string
  readonly total: number
  readonly free: number
}

function subnetsOf(view: View): readonly Counted[] {
  return view.geometry.entries.map(({ subnet, gateway, size }, index) => ({
    subnet: subnet.text,
    gateway: gateway.text,
    total: size,
    free: view.freeCount(index),
  }))
}

/** Entries of one network are counted together: a configuration may split them otherwise. */
function changed(before: readonly Counted[], after: readonly Counted[]): readonly PlannedSubnet[] {
  const sums = new Map<string, PlannedSubnet>()
  const add = ({ subnet, gateway, total, free }: Counted, later: boolean) => {
    const key = `${subnet} ${gateway}`
    const sum = sums.get(key) ?? { subnet, gateway, totalBefore: 0, totalAfter: 0, freeBefore: 0, freeAfter: 0 }
    sums.set(
      key,
      later
        ? { ...sum, totalAfter: sum.totalAfter + total, freeAfter: sum.freeAfter + free }
        : { ...sum, totalBefore: sum.totalBefore + total, freeBefore: sum.freeBefore + free },
    )
  }
  for (const each of before) add(each, false)
  for (const each of after) add(each, true)
  return [...sums.values()].filter(
    ({ totalBefore, totalAfter, freeBefore, freeAfter }) => totalBefore !== totalAfter || freeBefore !== freeAfter,
  )
}
