/** Owns the memory of what the scheduler asked about a pod and was told, for whoever asks why the pod waits. It decides nothing. */

import { isRefusal, type Refusal } from '../domain/refusal.ts'
import type { Clock, WallMs } from '../lib/clock.ts'
import { messageOf } from '../lib/fault.ts'
import type { Binding } from './bind.ts'
import type { Filtering } from './filter.ts'

export interface Asked {
  /** When filter refused every node for the first time since it last granted one; null: it did not. */
  readonly waitsSince: WallMs | null
  readonly filteredAt: WallMs | null
  /** Of the nodes asked last, how many were granted. */
  readonly nodes: number
  readonly granted: number
  /** What most of them were refused for; null: some were granted. */
  readonly refusal: Refusal | null
  /** The last bind that did not succeed; null: none, or filter was asked again since and refused. */
  readonly failedBind: {
    readonly node: string
    readonly at: WallMs
    readonly because: string
    /** The address provider failed, not we. */
    readonly cloud: boolean
  } | null
}

export interface AskedMemory {
  get(uid: string): Asked | undefined
  /** The pod is bound or has ended. */
  forget(uid: string): void
  /** The same, remembered. */
  filtering(inner: Filtering): Filtering
  binding(inner: Binding): Binding
}

/** Pods remembered: more wait in no cluster that we know of (some 200 bytes each, 4 MB); beyond it the oldest is forgotten. */
const PODS_MAX = 20_000

const NOTHING: Asked = { waitsSince: null, filteredAt: null, nodes: 0, granted: 0, refusal: null, failedBind: null }

export function askedMemory(clock: Pick<Clock, 'now'>): AskedMemory {
  const memory = new Map<string, Asked>()

  function note(uid: string, news: (before: Asked) => Partial<Asked>): void {
    const before = memory.get(uid) ?? NOTHING
    memory.delete(uid)
    memory.set(uid, { ...before, ...news(before) })
    const [oldest] = memory.size > PODS_MAX ? memory.keys() : []
    if (oldest !== undefined) memory.delete(oldest)
  }

  return {
    get: uid => memory.get(uid),
    forget: uid => void memory.delete(uid),
    filtering: inner => ({
      ...inner,
      async filter(pod, nodes) {
        const verdicts = await inner.filter(pod, nodes)
        const at = clock.now()
        const granted = verdicts.filter(verdict => verdict === null).length
        note(pod.uid, before => ({
          filteredAt: at,
          nodes: nodes.length,
          granted,
          refusal: granted > 0 ? null : mostFrequent(verdicts),
          waitsSince: granted > 0 ? null : (before.waitsSince ?? at),
          failedBind: granted > 0 ? before.failedBind : null,
        }))
        return verdicts
      },
    }),
    binding: inner => ({
      async bind(request) {
        const { uid, node } = request
        try {
          const result = await inner.bind(request)
          if (isRefusal(result)) {
            note(uid, () => ({ failedBind: { node, at: clock.now(), because: result.because, cloud: false } }))
          } else memory.delete(uid)
          return result
        } catch (error) {
          const cloud = error instanceof Error && error.name === 'CloudFault'
          note(uid, () => ({ failedBind: { node, at: clock.now(), because: messageOf(error), cloud } }))
          throw error
        }
      },
    }),
  }
}

function mostFrequent(verdicts: readonly (Refusal | null)[]): Refusal | null {
  const counts = new Map<Refusal, number>()
  for (const verdict of verdicts) if (verdict !== null) counts.set(verdict, (counts.get(verdict) ?? 0) + 1)
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0] ?? null
}
