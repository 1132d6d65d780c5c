/** Owns waking: when addresses or room come free, as many of the oldest waiting pods that they suit are told, and no more. */
import type { Demand } from '../domain/demand.ts'
import type { NodeGroup } from '../domain/geometry.ts'
import { ownerKey, sharedBy } from '../domain/owner.ts'
import { isRefusal } from '../domain/refusal.ts'
import type { PodFact } from '../kube/pod.ts'
import { filter, type Verdicts } from '../rules/filter.ts'
import type { View } from '../rules/view.ts'
import { demandForWake } from './demand.ts'
import type { Ports } from './ports.ts'
import { stuckAmong } from './stuck-rollouts.ts'
import type { Waiting, WaitingList } from './waiting.ts'

/** A wake that no filter answered in this time passes to the next in line (R25). */
const ANSWER_WITHIN_MS = 1_000
/** Changes come in bursts (a scale-down of 500): one look at the waiting pods for all of a burst. */
const GATHER_MS = 20

export interface Waking {
  /** Something came free, or a fact changed: look again soon. */
  look(): void
  /** At start-up: whoever waits is told to ask again, once. */
  wakeAll(pods: readonly PodFact[]): void
  /** The scheduler asked for this pod. True when that answers a wake: if it is refused again, the next in line must be told. */
  heard(uid: string): boolean
  stop(): void
}

export interface WakingParts extends Pick<Ports, 'ledger' | 'cluster' | 'calls' | 'clock' | 'log'> {
  readonly waiting: WaitingList
  readonly freshValue: () => string
}

/** What one wake under way will probably use up. */
interface Promised {
  readonly entries: readonly number[]
  readonly share: string | null
}

/** It is told to ask, and will probably get nothing. */
const NOTHING: Promised = { entries: [], share: null }

export function wakingOf(parts: WakingParts): Waking {
  const { ledger, cluster, calls, clock, log, waiting, freshValue } = parts
  const underway = new Map<string, Promised>()
  const stopping = new AbortController()
  let gathering = false

  ledger.onCommit(changes => {
    // Only what frees, keeps or gives back can turn a refusal into an answer; a bind only takes.
    if (changes.some(({ after }) => after === null || after.phase === 'reserved')) look()
  })

  function look(): void {
    if (gathering || waiting.size === 0) return
    gathering = true
    void clock.sleep(GATHER_MS, stopping.signal).then(() => {
      gathering = false
      if (!stopping.signal.aborted) round()
    })
  }

  function round(): void {
    const budget = budgetLess([...underway.values()])
    for (const each of waiting.inOrder()) {
      if (underway.has(each.pod.uid)) continue
      const promised = suits(each, budget)
      if (promised !== null) void wake(each, promised)
    }
  }

  /** What the pod would use if it were woken now, taken off the budget; null: it would be refused again. */
  function suits({ pod, groups: asked, unknown }: Waiting, budget: Budget): Promised | null {
    const groups = inForce(asked)
    const known = unknown.some(name => (cluster.nodes.get(name)?.addresses.length ?? 0) > 0)
    if (known) return NOTHING // it was never asked about this node: let it ask
    const demand = demandForWake(parts, pod)
    if (demand === null) return NOTHING // its workload went: the answer has changed, let it ask
    return ledger.read(view => {
      const decision = filter(view, { at: clock.now(), demand, groups })
      if (isRefusal(decision)) return null
      const open = groups.filter(group => decision.answer.verdicts.get(group.id) === null)
      if (open.length === 0) return tellsOtherwise(pod, decision.answer.verdicts) ? NOTHING : null
      const room = decision.answer.room
      const takesFree = decision.changes.length === 0 && decision.answer.holds === null && !isOwn(view, demand)
      return budget.spend(view, {
        room,
        share: shareOf(demand),
        groups: takesFree ? open : null,
        count: demand.request.length || 1,
      })
    })
  }

  /** Its rollout began or ceased to wait for itself: the person who reads the pod's message is to know. */
  function tellsOtherwise({ uid }: PodFact, verdicts: Verdicts): boolean {
    return stuckAmong(verdicts.values())?.because !== stuckAmong(waiting.toldTo(uid))?.because
  }

  /** The groups asked; after a change of configuration those of all nodes, since which of them were asked is not kept. */
  function inForce(asked: readonly NodeGroup[]): readonly NodeGroup[] {
    const geometry = ledger.read(view => view.geometry)
    if (asked.every(group => group.geometry === geometry)) return asked
    const groups = [...cluster.nodes.values()].flatMap(node => geometry.groupOf(node.addresses) ?? [])
    return [...new Set(groups)]
  }

  async function wake(each: Waiting, promised: Promised): Promise<void> {
    const { namespace, name, uid } = each.pod
    underway.set(uid, promised)
    try {
      if ((await calls.touchPod({ namespace, name, uid }, freshValue())) === null) waiting.leave(uid)
      else log.debug({ pod: `${namespace}/${name}` }, 'woken')
    } catch (error) {
      log.warn({ pod: `${namespace}/${name}`, err: error }, 'a waiting pod could not be woken, the next in line is')
    }
    await clock.sleep(ANSWER_WITHIN_MS, stopping.signal)
    // Heard, and perhaps woken again since: then this is not the wake that went unanswered.
    if (underway.get(uid) !== promised || stopping.signal.aborted) return
    underway.delete(uid)
    each.slept++
    look()
  }

  return {
    look,
    wakeAll(pods) {
      for (const { namespace, name, uid } of pods) {
        calls.touchPod({ namespace, name, uid }, freshValue()).catch(error => {
          log.warn({ pod: `${namespace}/${name}`, err: error }, 'a pending pod could not be woken at start-up')
        })
      }
    },
    heard: uid => underway.delete(uid),
    stop: () => stopping.abort(),
  }
}

function isOwn(view: View, demand: Demand): boolean {
  return view.ofKey(ownerKey(demand.owner)).length > 0
}

function shareOf(demand: Demand): string | null {
  const share = sharedBy(demand.owner)
  return share === null ? null : ownerKey(share)
}

interface Wish {
  readonly room: number | null
  readonly share: string | null
  /** Groups whose free addresses it may use; null: it has or gets its own. */
  readonly groups: readonly NodeGroup[] | null
  readonly count: number
}

interface Budget {
  spend(view: View, wish: Wish): Promised | null
}

/** Free addresses per entry and room per share, less what wakes under way were promised. */
function budgetLess(underway: readonly Promised[]): Budget {
  const entriesUsed = new Map<number, number>()
  const shareUsed = new Map<string, number>()
  const bump = <K>(map: Map<K, number>, key: K) => map.set(key, (map.get(key) ?? 0) + 1)

  function book({ entries, share }: Promised): Promised {
    for (const entry of entries) bump(entriesUsed, entry)
    if (share !== null) bump(shareUsed, share)
    return { entries, share }
  }
  for (const promised of underway) book(promised)

  return {
    spend(view, { room, share, groups, count }) {
      const limited = room === null ? null : share
      if (limited !== null && (shareUsed.get(limited) ?? 0) >= (room ?? 0)) return null
      if (groups === null) return book({ entries: [], share: limited })
      const entry = groups
        .flatMap(group => group.entries)
        .find(candidate => view.freeCount(candidate) - (entriesUsed.get(candidate) ?? 0) > 0)
      if (entry === undefined) return null
      return book({ entries: Array.from({ length: count }, () => entry), share: limited })
    },
  }
}
