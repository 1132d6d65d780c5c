/** Owns the list of pods that wait for an address, and the memory of what each was last told. */
import type { Allocation } from '../domain/allocation.ts'
import type { Committed } from '../domain/change.ts'
import type { Workload } from '../domain/demand.ts'
import type { Geometry, NodeGroup } from '../domain/geometry.ts'
import { DEPLOYMENT, type Owner, ownerKey, STATEFUL_SET, sharedBy, workloadKey } from '../domain/owner.ts'
import { RELEASE_AT_POD_END } from '../domain/policy.ts'
import type { RefusalCode } from '../domain/refusal.ts'
import type { PodFact } from '../kube/pod.ts'
import type { WallMs } from '../lib/clock.ts'
import type { Verdicts } from '../rules/filter.ts'

/** How the pod was refused on every node that was asked. */
export interface Refused {
  readonly geometry: Geometry
  readonly groups: readonly NodeGroup[]
  /** Names of asked nodes whose addresses we did not know: the scheduler's copy may be ahead of ours. */
  readonly unknown: readonly string[]
  /** Of the cluster's facts, when the groups of the asked nodes were looked up. */
  readonly placedAt: number
  /** Its workload as the refusal saw it. */
  readonly workload: Workload
  /** By group. */
  readonly verdicts: Verdicts
  readonly why: Why
}

/** Why and since when it waits: one reason of several, where nodes differ. */
export interface Why {
  readonly code: RefusalCode
  readonly because: string
  readonly since: WallMs
}

export interface Waiting extends Refused {
  readonly pod: PodFact
  readonly key: string
  /** Pods of one class that have no rows of their own get the same answer from the same state. */
  readonly likeness: string
  /** Wakes that no filter answered: others go first. */
  readonly slept: number
}

/** On what a refusal rests. It stands until the facts move, or the ledger does in a way that could change it (see {@link WaitingList.committed}). */
export interface Memo {
  readonly question: string
  readonly factsVersion: number
  /** Not null: it rests on something that nobody tells us the changes of, and stands for this revision of the ledger only. */
  readonly ledgerRevision: number | null
}

interface Entry extends Waiting {
  slept: number
  memo: Memo | null
  /** Under which it is found when rows change: its own key, and whom it shares with. */
  readonly touching: readonly string[]
}

export interface WaitingList {
  readonly size: number
  get(uid: string): Waiting | undefined
  /** Those to be woken first, first. */
  inOrder(): readonly Waiting[]
  /** Since the first time that it was told to, whatever it was told later. `memo` null: what it was told cannot be relied on. */
  wait(pod: PodFact, refused: Refused, memo: Memo | null): void
  /** True when this pod is refused for another kind of reason than the last time. */
  isNews(uid: string, code: RefusalCode): boolean
  /** It has its addresses, or needs none any more. */
  leave(uid: string): void
  /** A wake of it was not answered. */
  sleptThrough(uid: string): void
  /** What it would be told again, while that stands. */
  recall(uid: string, question: string, ledgerRevision: number, factsVersion: number): Verdicts | null
  /** True while it would be told what it was told last, if the same was asked. */
  stands(uid: string, ledgerRevision: number, factsVersion: number): boolean
  /**
   * The ledger moved. A refusal rests on three things only: the rows of the pod's own key, the rows that it shares (Deployment, pool),
   * and the absence of free addresses. Whoever takes a free address can end none of them but those of its own key and share; so a
   * refusal stands, to the letter, until an address comes free or a row of its own key or share changes. Of addresses that rest it tells
   * the number: it stands until one begins or ceases to rest.
   */
  committed(changes: readonly Committed[]): void
}

/** Refused pods whose last reason is remembered: more than any cluster has pending. Beyond it they are told once more. */
const TOLD_MAX = 50_000

export function waitingList(): WaitingList {
  const waiting = new Map<string, Entry>()
  const byKey = new Map<string, Set<Entry>>()
  const told = new Map<string, RefusalCode>()
  let order: Entry[] | null = null
  /** Once an address came free no earlier memo counts: emptied, not searched. */
  let remembering = new Set<Entry>()

  function drop(entry: Entry): void {
    waiting.delete(entry.pod.uid)
    remembering.delete(entry)
    for (const key of entry.touching) {
      const same = byKey.get(key)
      same?.delete(entry)
      if (same?.size === 0) byKey.delete(key)
    }
  }

  function put(entry: Entry): void {
    waiting.set(entry.pod.uid, entry)
    if (entry.memo !== null) remembering.add(entry)
    for (const key of entry.touching) {
      const same = byKey.get(key)
      if (same === undefined) byKey.set(key, new Set([entry]))
      else same.add(entry)
    }
  }

  function forget(key: string): void {
    for (const entry of byKey.get(key) ?? []) {
      entry.memo = null
      remembering.delete(entry)
    }
  }

  function stands({ memo }: Entry, ledgerRevision: number, factsVersion: number): boolean {
    if (memo === null || memo.factsVersion !== factsVersion) return false
    return memo.ledgerRevision === null || memo.ledgerRevision === ledgerRevision
  }

  return {
    get size() {
      return waiting.size
    },
    get: uid => waiting.get(uid),
    inOrder() {
      order ??= [...waiting.values()].sort((a, b) => a.slept - b.slept || a.pod.createdAt - b.pod.createdAt)
      return order
    },
    wait(pod, refused, memo) {
      const before = waiting.get(pod.uid)
      const since = before?.why.since ?? refused.why.since
      if (before !== undefined) drop(before)
      put(entryOf(pod, { ...refused, why: { ...refused.why, since } }, memo))
      order = null
    },
    isNews(uid, code) {
      const before = told.get(uid)
      if (told.size >= TOLD_MAX) told.clear()
      told.set(uid, code)
      return before !== code
    },
    leave(uid) {
      told.delete(uid)
      const entry = waiting.get(uid)
      if (entry === undefined) return
      drop(entry)
      order = null
    },
    sleptThrough(uid) {
      const entry = waiting.get(uid)
      if (entry === undefined) return
      entry.slept++
      order = null
    },
    recall(uid, question, ledgerRevision, factsVersion) {
      const entry = waiting.get(uid)
      if (entry?.memo?.question !== question || !stands(entry, ledgerRevision, factsVersion)) return null
      return entry.verdicts
    },
    stands(uid, ledgerRevision, factsVersion) {
      const entry = waiting.get(uid)
      return entry !== undefined && stands(entry, ledgerRevision, factsVersion)
    },
    committed(changes) {
      if (changes.some(({ before, after }) => after === null || isResting(before) || isResting(after))) {
        for (const entry of remembering) entry.memo = null
        remembering = new Set()
        return
      }
      if (waiting.size > 0) for (const key of changes.flatMap(keysOf)) forget(key)
    },
  }
}

function isResting(row: Allocation | null): boolean {
  return row?.phase === 'resting'
}

function entryOf(pod: PodFact, refused: Refused, memo: Memo | null): Entry {
  const key = ownerKey(pod.owner)
  const likeness = likenessOf(pod, refused.groups)
  return { ...refused, pod, key, likeness, slept: 0, memo, touching: keysTouching(pod.owner) }
}

function keysOf({ before, after }: Committed): readonly string[] {
  return [before, after].flatMap(row => (row === null ? [] : keysTouching(row.owner)))
}

/** The owner's own key, and that of whom it shares with. */
function keysTouching(owner: Owner): readonly string[] {
  const share = sharedBy(owner)
  return share === null ? [ownerKey(owner)] : [ownerKey(owner), ownerKey(share)]
}

/** What the answer depends on besides ledger and facts: the pod's own demand, and which groups were asked. */
export function questionOf(pod: PodFact, groups: readonly NodeGroup[]): string {
  return [pod.policy, pod.args ?? '', ownerKey(pod.owner), ...idsOf(groups)].join('\n')
}

/** The same without what does not count for a pod that has no rows of its own; see `rules/source.ts` for what is read of an owner. */
function likenessOf(pod: PodFact, groups: readonly NodeGroup[]): string {
  return [pod.policy, pod.args ?? '', kinship(pod), ...idsOf(groups)].join('\n')
}

function kinship({ owner, policy }: PodFact): string {
  if (policy === RELEASE_AT_POD_END) return ''
  if (owner.kind === DEPLOYMENT || owner.pool !== '') return workloadKey(owner)
  // Others are judged by the pod's name too.
  return owner.kind === STATEFUL_SET ? STATEFUL_SET : ownerKey(owner)
}

function idsOf(groups: readonly NodeGroup[]): readonly string[] {
  return groups.length < 2 ? groups.map(group => group.id) : groups.map(group => group.id).sort()
}
