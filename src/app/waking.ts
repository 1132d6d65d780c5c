/** Owns waking: when addresses or room come free, as many of the oldest waiting pods that they suit are told, and no more. */
import type { Geometry, NodeGroup } from '../domain/geometry.ts'
import type { PodFact } from '../kube/pod.ts'
import { notABug } from '../lib/assert.ts'
import type { Verdicts } from '../rules/filter.ts'
import { type Promises, promisesOn } from '../rules/promise.ts'
import { demandForWake } from './demand.ts'
import type { Ports } from './ports.ts'
import { stuckAmong } from './stuck-rollouts.ts'
import type { Waiting, WaitingList } from './waiting.ts'

/** A wake that no filter answered in this time passes to the next in line (R25). */
const ANSWER_WITHIN_MS = 1_000
/**
 * A pod that slept through a wake is left alone for twice as long each time, and no longer than this: the scheduler has no node for it, and
 * asks by itself once it has one; or it is away, and asks for all when it is back.
 */
const ASLEEP_MOST_MS = 60_000
/** Changes come in bursts (a scale-down of 500): one look at the waiting pods for all of a burst. */
const GATHER_MS = 20
/** Patches at once when all pending pods are woken at start: a quarter of the connections, the rest is for Bindings. */
const WAKE_ALL_AT_ONCE = 16

export interface Waking {
  /** Something came free, or a fact changed: look again soon. */
  look(): void
  /** At start-up: whoever waits is told to ask again, once. */
  wakeAll(pods: readonly PodFact[]): Promise<void>
  /** The scheduler asks for this pod. */
  heard(uid: string): void
  /** And was answered. If that was the answer to a wake and a refusal, the next in line must be told. */
  answered(uid: string, fits: boolean): void
  stop(): void
}

export interface WakingParts extends Pick<Ports, 'ledger' | 'cluster' | 'calls' | 'clock' | 'log'> {
  readonly waiting: WaitingList
  readonly freshValue: () => string
}

/** A pod that was told, and what was promised to it by that until it has it, or its time is over. */
interface Wake {
  readonly each: Waiting
  heard: boolean
}

export function wakingOf(parts: WakingParts): Waking {
  const { ledger, cluster, calls, clock, log, waiting, freshValue } = parts
  const underway = new Map<string, Wake>()
  /** By UID: which wake nobody answered. */
  const asleep = new Map<string, Wake>()
  const stopping = new AbortController()
  let gathering = false

  ledger.onCommit(changes => {
    // Only what frees, keeps, lets rest or gives back can turn a refusal into an answer; a bind only takes.
    if (changes.some(({ after }) => after === null || after.incarnation === null)) look()
  })

  function look(): void {
    if (gathering) return
    gathering = true
    void clock.sleep(GATHER_MS, stopping.signal).then(() => {
      gathering = false
      if (!stopping.signal.aborted && waiting.size > 0) for (const each of due()) void wake(each)
    })
  }

  /** Whom the present state suits, after what wakes under way were promised. */
  function due(): readonly Waiting[] {
    return ledger.read(view => {
      const promises = promisesOn(view)
      const groupsOf = groupsInForce(view.geometry)
      for (const { each } of underway.values()) promises.promise(demandOf(each), groupsOf(each).groups)
      /** Likenesses of which one was refused: in this round the others are told the same, for promises only take. */
      const spent = new Map<string, Verdicts>()
      return waiting.inOrder().filter(each => {
        const { uid } = each.pod
        if (underway.has(uid) || asleep.has(uid)) return false
        if (waiting.stands(uid, ledger.revision, cluster.factsVersion)) return false
        return isDue(each, promises, groupsOf, spent)
      })
    })
  }

  function isDue(each: Waiting, promises: Promises, groupsOf: GroupsOf, spent: Map<string, Verdicts>): boolean {
    // It was never asked about this node: let it ask.
    if (each.unknown.some(name => (cluster.nodes.get(name)?.addresses.length ?? 0) > 0)) return true
    const alone = promises.hasOwn(each.pod.owner)
    const { groups, likeness } = groupsOf(each)
    const known = alone ? undefined : spent.get(likeness)
    const told = known ?? promises.promise(demandOf(each), groups)
    if (told === 'served') return true
    if (!alone) spent.set(likeness, told)
    // The old pod of its name has ended, and that was not all: what it waits for now is to be read in its message.
    if (awaitsOldPod(each.verdicts) && !awaitsOldPod(told)) return true
    // Its rollout began or ceased to wait for itself: the person who reads the pod's message is to know.
    return stuckAmong(told.values())?.because !== stuckAmong(each.verdicts.values())?.because
  }

  const demandOf = ({ pod, workload }: Waiting) => demandForWake(parts, pod, workload)

  /**
   * The groups asked, and those of nodes that have other addresses since; after a change of configuration those of all nodes. Which nodes were
   * asked is not kept.
   */
  function groupsInForce(geometry: Geometry): GroupsOf {
    const { nodes, renumbered } = cluster
    const groupsAt = (names: readonly string[]) => {
      const found = names.flatMap(name => geometry.groupOf(nodes.get(name)?.addresses ?? []) ?? [])
      return [...new Map(found.map(group => [group.id, group])).values()]
    }
    let all: readonly NodeGroup[] | null = null
    const since = new Map<number, readonly NodeGroup[]>()
    return each => {
      if (each.geometry !== geometry) {
        all ??= groupsAt([...nodes.values()].map(({ name }) => name))
        return { groups: all, likeness: `${each.likeness} everywhere` }
      }
      const asked = { groups: each.groups, likeness: each.likeness }
      if (renumbered.size === 0) return asked
      const known = since.get(each.placedAt)
      const moved = known ?? groupsAt([...renumbered].flatMap(([name, at]) => (at > each.placedAt ? name : [])))
      if (known === undefined) since.set(each.placedAt, moved)
      if (moved.length === 0) return asked
      return { groups: [...each.groups, ...moved], likeness: `${each.likeness} since ${each.placedAt}` }
    }
  }

  async function wake(each: Waiting): Promise<void> {
    const { namespace, name, uid } = each.pod
    const mine: Wake = { each, heard: false }
    underway.set(uid, mine)
    try {
      if ((await calls.touchPod({ namespace, name, uid }, freshValue())) === null) {
        waiting.leave(uid)
        if (underway.get(uid) === mine) underway.delete(uid)
        return look()
      }
      log.debug({ pod: `${namespace}/${name}` }, 'woken')
    } catch (error) {
      notABug(error)
      log.warn({ pod: `${namespace}/${name}`, err: error }, 'a waiting pod could not be woken, the next in line is')
    }
    await clock.sleep(ANSWER_WITHIN_MS, stopping.signal)
    // Answered, and perhaps woken again since: then this is not the wake that went unanswered.
    if (underway.get(uid) !== mine || stopping.signal.aborted) return
    underway.delete(uid)
    if (!mine.heard) sleeps(mine)
    look()
  }

  function sleeps(wake: Wake): void {
    const { uid } = wake.each.pod
    waiting.sleptThrough(uid)
    const times = waiting.get(uid)?.slept ?? 0
    asleep.set(uid, wake)
    const ms = Math.min(ASLEEP_MOST_MS, ANSWER_WITHIN_MS * 2 ** Math.min(times, 10))
    void clock.sleep(ms, stopping.signal).then(() => {
      if (asleep.get(uid) !== wake) return
      asleep.delete(uid)
      if (!stopping.signal.aborted) look()
    })
  }

  return {
    look,
    async wakeAll(pods) {
      const left = [...pods].sort((a, b) => b.createdAt - a.createdAt)
      async function lane(): Promise<void> {
        for (let pod = left.pop(); pod !== undefined && !stopping.signal.aborted; pod = left.pop()) {
          const { namespace, name, uid } = pod
          await calls.touchPod({ namespace, name, uid }, freshValue()).catch(error => {
            notABug(error)
            log.warn({ pod: `${namespace}/${name}`, err: error }, 'a pending pod could not be woken at start-up')
          })
        }
      }
      await Promise.all(Array.from({ length: WAKE_ALL_AT_ONCE }, lane))
    },
    heard(uid) {
      asleep.delete(uid)
      const wake = underway.get(uid)
      if (wake !== undefined) wake.heard = true
    },
    answered(uid, fits) {
      // Served, the promise stands until its bind has taken what it was promised.
      if (!fits && underway.delete(uid)) look()
    },
    stop: () => stopping.abort(),
  }
}

/** `likeness`: pods of one get the same answer on these groups. */
type GroupsOf = (each: Waiting) => { readonly groups: readonly NodeGroup[]; readonly likeness: string }

function awaitsOldPod(verdicts: Verdicts): boolean {
  return [...verdicts.values()].some(verdict => verdict?.code === 'waiting-for-old-pod')
}
