/** Owns the list of pods that wait for an address, and the memory of what each was last told. */
import type { NodeGroup } from '../domain/geometry.ts'
import { ownerKey } from '../domain/owner.ts'
import type { Refusal, RefusalCode } from '../domain/refusal.ts'
import type { PodFact } from '../kube/pod.ts'
import type { WallMs } from '../lib/clock.ts'

/** Refused on every node that was asked. */
export interface Waiting {
  readonly pod: PodFact
  readonly groups: readonly NodeGroup[]
  /** Names of asked nodes whose addresses we did not know: the scheduler's copy may be ahead of ours. */
  readonly unknown: readonly string[]
  /** Wakes that no filter answered: others go first. */
  slept: number
  readonly why: Why
}

/** Why and since when it waits: one reason of several, where nodes differ. */
export interface Why {
  readonly code: RefusalCode
  readonly because: string
  readonly since: WallMs
}

/** What a pod was told, good as long as neither the ledger nor the facts have moved, and the same is asked. */
interface Memo {
  readonly question: string
  readonly ledgerRevision: number
  readonly factsVersion: number
  readonly verdicts: ReadonlyMap<string, Refusal | null>
}

export interface WaitingList {
  readonly size: number
  get(uid: string): Waiting | undefined
  /** Those to be woken first, first. */
  inOrder(): readonly Waiting[]
  /** Since the first time that it was told to, whatever it was told later. */
  wait(pod: PodFact, groups: readonly NodeGroup[], unknown: readonly string[], why: Why): void
  /** True when this pod is refused for another kind of reason than the last time. */
  isNews(uid: string, code: RefusalCode): boolean
  /** It has its addresses, or needs none any more. */
  leave(uid: string): void
  recall(uid: string, question: string, ledgerRevision: number, factsVersion: number): Memo['verdicts'] | null
  remember(uid: string, memo: Memo): void
  /** The refusals it was last told. */
  toldTo(uid: string): readonly (Refusal | null)[]
}

/** Refused pods whose last reason is remembered: more than any cluster has pending. Beyond it they are told once more. */
const TOLD_MAX = 50_000

export function waitingList(): WaitingList {
  const waiting = new Map<string, Waiting>()
  const memos = new Map<string, Memo>()
  const told = new Map<string, RefusalCode>()
  return {
    get size() {
      return waiting.size
    },
    get: uid => waiting.get(uid),
    inOrder() {
      return [...waiting.values()].sort((a, b) => a.slept - b.slept || a.pod.createdAt - b.pod.createdAt)
    },
    wait(pod, groups, unknown, why) {
      const since = waiting.get(pod.uid)?.why.since ?? why.since
      waiting.set(pod.uid, { pod, groups, unknown, slept: 0, why: { ...why, since } })
    },
    isNews(uid, code) {
      const before = told.get(uid)
      if (told.size >= TOLD_MAX) told.clear()
      told.set(uid, code)
      return before !== code
    },
    leave(uid) {
      waiting.delete(uid)
      memos.delete(uid)
      told.delete(uid)
    },
    recall(uid, question, ledgerRevision, factsVersion) {
      const memo = memos.get(uid)
      const holds =
        memo?.question === question && memo.ledgerRevision === ledgerRevision && memo.factsVersion === factsVersion
      return holds ? memo.verdicts : null
    },
    remember(uid, memo) {
      memos.set(uid, memo)
    },
    toldTo: uid => [...(memos.get(uid)?.verdicts.values() ?? [])],
  }
}

/** What the answer depends on besides ledger and facts: the pod's own demand, and which groups were asked. */
export function questionOf(pod: PodFact, groups: readonly NodeGroup[]): string {
  const asked = groups.map(group => group.id).sort()
  return [pod.policy, pod.args ?? '', ownerKey(pod.owner), ...asked].join('\n')
}
