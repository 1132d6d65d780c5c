/** Owns the end of holds: what filter took and no bind claimed goes back after a time, and so does a claim that led to no Binding. */
import type { PodEnd } from '../kube/cluster.ts'
import { notABug } from '../lib/assert.ts'
import type { WallMs } from '../lib/clock.ts'
import { giveBackBeside, textsOf } from './beside.ts'
import { leaveNodes } from './leaving.ts'
import { endIncarnation } from './pod-ends.ts'
import type { Ports } from './ports.ts'

export interface Holds {
  /** The pod asked again: its hold lives on from now. */
  renew(uid: string): void
  /** Its Binding is confirmed: nothing is held any more. */
  settle(uid: string): void
  /** The pod is no more: from now on it can hold nothing. */
  ended(end: PodEnd): void
  /** True when this pod has ended, as far as is remembered: the scheduler may have asked for it before it knew. */
  isOver(uid: string): boolean
  /** When this pod's hold ends, unless it asks again; null: it has none. */
  endsAt(uid: string): WallMs | null
  stop(): void
}

export interface HoldParts
  extends Pick<Ports, 'ledger' | 'cluster' | 'calls' | 'places' | 'claimants' | 'restMs' | 'clock' | 'log'> {
  /** How long a hold waits for its bind, in ms. */
  readonly holdMs: number
  /** A value for the retry annotation that was never used before. */
  readonly freshValue: () => string
}

/** Ends remembered: a question is under way for seconds, in which a large cluster deletes some thousand pods. 10,000 UIDs take about 1 MB. */
const ENDS_MAX = 10_000

/**
 * One timer per pod UID that has rows which no confirmed Binding carries. Before addresses are taken from a pod it is patched:
 * that kills any Binding still on its way (it carries the pod's version), and the answer shows whether one had arrived (R1).
 */
export function holdsOf(parts: HoldParts): Holds {
  const { ledger, calls, clock, log, holdMs, freshValue } = parts
  const timers = new Map<string, AbortController>()
  const ends = new Map<string, WallMs>()
  let stopped = false
  /** In the order in which they ended. */
  const over = new Set<string>()

  ledger.onCommit(changes => {
    for (const { after } of changes) if (after?.phase === 'held' && after.incarnation !== null) renew(after.incarnation)
  })

  function renew(uid: string): void {
    if (stopped) return
    timers.get(uid)?.abort()
    const timer = new AbortController()
    timers.set(uid, timer)
    ends.set(uid, clock.now() + holdMs)
    void clock.sleep(holdMs, timer.signal).then(async () => {
      if (timer.signal.aborted) return
      timers.delete(uid)
      ends.delete(uid)
      await giveBack(uid)
    })
  }

  async function giveBack(uid: string): Promise<void> {
    const rows = ledger.read(view => view.ofIncarnation(uid))
    const row = rows[0]
    if (row === undefined) return
    const revision = Math.max(...rows.map(each => each.revision))
    const { namespace, pod: name } = row.owner
    try {
      if (rows.some(each => each.phase === 'bound')) {
        const pod = await calls.touchPod({ namespace, name, uid }, freshValue())
        // The watch may have told its end before the claim was made, and will not tell it again.
        if (pod === null) return await endIncarnation(parts, uid, 'its pod is gone', null)
        // The Binding had arrived.
        if (pod.node !== null) return await giveBackBeside(parts, uid, textsOf(pod.addresses), false)
        // A claim that was made while we waited has a time of its own, and may be bound by now: the cloud is asked nothing.
        const now = ledger.read(view => view.ofIncarnation(uid))
        if (now.some(each => each.revision > revision)) return timers.has(uid) ? undefined : renew(uid)
      }
      await leaveNodes(parts, uid)
      await ledger.submit('giveBack', { at: clock.now(), incarnation: uid, revision, because: 'not bound in time' })
    } catch (error) {
      notABug(error)
      log.warn({ pod: `${namespace}/${name}`, err: error }, 'hold not given back, will retry')
      renew(uid)
    }
  }

  function settle(uid: string): void {
    timers.get(uid)?.abort()
    timers.delete(uid)
    ends.delete(uid)
  }

  return {
    renew,
    settle,
    ended({ pod: { uid }, certain }) {
      // Only missing from a list, it may be found alive: then its hold still has to end.
      if (!certain) return
      settle(uid)
      over.add(uid)
      for (const oldest of over) {
        if (over.size <= ENDS_MAX) break
        over.delete(oldest)
      }
    },
    isOver: uid => over.has(uid),
    endsAt: uid => ends.get(uid) ?? null,
    stop() {
      stopped = true
      for (const timer of timers.values()) timer.abort()
      timers.clear()
    },
  }
}
