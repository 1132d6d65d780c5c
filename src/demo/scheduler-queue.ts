/** Owns which pod is scheduled next, and what wakes those that were refused. */
import { isFinished, type KubeObject, type Node, type Pod } from './objects.ts'
import { NODES, PODS, resourceId } from './resources.ts'
import type { StoreEvent } from './store.ts'

/** A refused pod is asked again after that long, whatever happens. */
const ASLEEP_MAX_MS = 300_000
/** Pods that name another one are not ours. */
const SCHEDULER_NAME = 'default-scheduler'
/** After an error; nothing shortens it. kube-scheduler comes again at about 0.15, 1.7, 4.7, 9.7, 18.7 s. */
const BACK_OFF_MS: readonly number[] = [150, 1_550, 3_000, 5_000, 9_000, 10_000]

export interface SchedulingQueue {
  /** Called for each event of the store. */
  heard(event: StoreEvent): void
  /** The longest waiting one; from then on it is under way. */
  next(): Pod | null
  /** Refused: it sleeps, unless something that could wake it happened meanwhile. */
  refused(uid: string): void
  failed(uid: string): void
  bound(uid: string): void
  stop(): void
}

interface Entry {
  pod: Pod
  state: 'active' | 'under way' | 'asleep' | 'backing off'
  failures: number
  /** Something happened that would have woken it, while it was under way. */
  disturbed: boolean
  timer?: ReturnType<typeof setTimeout> | undefined
}

export function schedulingQueue(onReady: () => void): SchedulingQueue {
  const entries = new Map<string, Entry>()

  function wake(entry: Entry): void {
    if (entry.state === 'under way') entry.disturbed = true
    if (entry.state === 'asleep') activate(entry)
  }

  function activate(entry: Entry): void {
    clearTimeout(entry.timer)
    entry.state = 'active'
    onReady()
  }

  function rest(entry: Entry, state: 'asleep' | 'backing off', ms: number): void {
    entry.state = state
    entry.timer = setTimeout(() => activate(entry), ms)
  }

  function forget(uid: string): void {
    clearTimeout(entries.get(uid)?.timer)
    entries.delete(uid)
  }

  function heardPod({ type, object, before }: StoreEvent): void {
    const pod = object as Pod
    const { uid } = pod.metadata
    const { nodeName, schedulerName = SCHEDULER_NAME } = pod.spec
    const ours = schedulerName === SCHEDULER_NAME && nodeName === undefined
    const waits = type !== 'DELETED' && ours && !isFinished(pod) && !pod.metadata.deletionTimestamp
    if (!waits) forget(uid)
    if (changesRoom(type, pod, before as Pod | null)) for (const entry of entries.values()) wake(entry)
    if (!waits) return
    const entry = entries.get(uid)
    if (entry === undefined) {
      const added: Entry = { pod, state: 'active', failures: 0, disturbed: false }
      entries.set(uid, added)
      onReady()
      return
    }
    entry.pod = pod
    if (before !== null && !sameLabels(before, pod)) wake(entry)
  }

  return {
    heard(event) {
      if (event.resource === resourceId(PODS)) heardPod(event)
      if (event.resource !== resourceId(NODES) || !nodeChanged(event)) return
      for (const entry of entries.values()) wake(entry)
    },
    next() {
      const entry = [...entries.values()].find(({ state }) => state === 'active')
      if (entry === undefined) return null
      entry.state = 'under way'
      entry.disturbed = false
      return entry.pod
    },
    refused(uid) {
      const entry = entries.get(uid)
      if (entry === undefined) return
      entry.failures = 0
      if (entry.disturbed) activate(entry)
      else rest(entry, 'asleep', ASLEEP_MAX_MS)
    },
    failed(uid) {
      const entry = entries.get(uid)
      if (entry === undefined) return
      rest(entry, 'backing off', BACK_OFF_MS[Math.min(entry.failures++, BACK_OFF_MS.length - 1)] ?? 0)
    },
    bound: forget,
    stop() {
      for (const { timer } of entries.values()) clearTimeout(timer)
      entries.clear()
    },
  }
}

/** Another pod was bound, updated while bound, or is gone: what it used may be free. */
function changesRoom(type: StoreEvent['type'], pod: Pod, before: Pod | null): boolean {
  if (type === 'DELETED') return true
  if (pod.spec.nodeName === undefined) return false
  if (before?.spec.nodeName === undefined || (isFinished(pod) && !isFinished(before))) return true
  return !sameLabels(before, pod)
}

function sameLabels(a: KubeObject, b: KubeObject): boolean {
  const both = ({ metadata }: KubeObject) => [metadata.labels ?? {}, metadata.annotations ?? {}]
  return Bun.deepEquals(both(a), both(b))
}

/** Status reports aside. */
function nodeChanged({ type, object, before }: StoreEvent): boolean {
  if (type !== 'MODIFIED' || before === null) return true
  const addresses = (node: KubeObject) => (node as Node).status?.addresses
  return (
    !sameLabels(before, object) ||
    !Bun.deepEquals([before.spec, addresses(before as Node)], [object.spec, addresses(object)])
  )
}
