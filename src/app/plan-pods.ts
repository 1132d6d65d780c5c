/** Owns the fate of one pod that a plan schedules anew. */
import type { Demand } from '../domain/demand.ts'
import type { NodeGroup } from '../domain/geometry.ts'
import { comesBack } from '../domain/owner.ts'
import { RELEASE_AT_POD_END } from '../domain/policy.ts'
import { isRefusal } from '../domain/refusal.ts'
import type { PodFact } from '../kube/pod.ts'
import type { View } from '../rules/view.ts'
import type { Copy } from './plan-copy.ts'
import type { PlannedPod } from './plan-words.ts'

export function addressesOf(view: View, uid: string): readonly string[] {
  return view.ofIncarnation(uid).map(row => row.address.text)
}

/** A pod like this one, not bound yet: what its controller would make. */
export function likeness(pod: PodFact, name: string, uid: string): PodFact {
  return { ...pod, name, uid: `planned ${uid}`, owner: { ...pod.owner, pod: name }, node: null }
}

/** Under its own name, or, without a number in it, under a new one. */
export function madeAgain(pod: PodFact): PodFact {
  return likeness(pod, comesBack(pod.owner) ? pod.name : `${pod.name}-planned`, pod.uid)
}

/** `before`: what the pod had, that of its name if it is made again. */
export function placed(
  copy: Copy,
  pod: string,
  before: readonly string[],
  demand: Demand,
  groups: readonly NodeGroup[],
): PlannedPod {
  const given = copy.place(demand, groups)
  if (isRefusal(given)) return { pod, fate: 'wait', before, after: [], code: given.code, because: given.because }
  const base = { pod, before, after: given.addresses, code: null }
  if (given.own) return { ...base, fate: 'keep', because: 'it has what is kept for it' }
  if (before.length > 0 && demand.policy !== RELEASE_AT_POD_END)
    return { ...base, fate: 'lose', because: 'what it had is not kept for it: it would get another one' }
  return { ...base, fate: 'get', because: before.length > 0 ? 'any free one: its policy keeps none' : 'a free one' }
}
