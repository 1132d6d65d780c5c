/** Owns scheduling: one pod at a time is filtered, binds run beside it, and what was refused is said on the pod. */
import type { Api } from './api.ts'
import { recordEvent } from './events.ts'
import type { Extender } from './extender.ts'
import { isFailure } from './failure.ts'
import { type Condition, type Node, type Pod, requests, withCondition } from './objects.ts'
import { setStatus } from './pods.ts'
import type { OnFailure, Running } from './queue.ts'
import { NODES, PODS } from './resources.ts'
import { schedulingQueue } from './scheduler-queue.ts'

export function scheduler(api: Api, extender: Extender | null, onFailure: OnFailure): Running {
  let running = false
  let stopped = false
  const queue = schedulingQueue(() => {
    if (running || stopped) return
    running = true
    // Not within the event that woke us.
    setTimeout(() => void work().catch(onFailure))
  })

  async function work(): Promise<void> {
    try {
      for (let pod = queue.next(); pod !== null && !stopped; pod = queue.next()) await schedule(pod)
    } finally {
      running = false
    }
  }

  async function schedule(pod: Pod): Promise<void> {
    const { uid } = pod.metadata
    try {
      const all = api.list<Node>(NODES)
      const possible = all.filter(node => whyNot(node, pod) === null)
      const asks = extender !== null && requests(pod, extender.resources)
      const { fitting, refused } =
        asks && possible.length > 0 ? await extender.filter(pod, possible) : { fitting: possible, refused: new Map() }
      if (stopped) return
      if (fitting.length === 0) {
        const reasons = all.map(
          node => whyNot(node, pod) ?? refused.get(node.metadata.name) ?? 'refused by the extender',
        )
        say(pod, 'Unschedulable', `0/${all.length} nodes are available: ${counted(reasons)}`)
        return queue.refused(uid)
      }
      const scores = asks && fitting.length > 1 ? await extender.prioritize(pod, fitting) : new Map<string, number>()
      const node = best(fitting, scores)
      // Beside the next pod's filter, as kube-scheduler does it.
      void bind(pod, node, asks).catch(onFailure)
    } catch (thrown) {
      tryLater(pod, thrown)
    }
  }

  async function bind(pod: Pod, node: string, asks: boolean): Promise<void> {
    const { namespace = '', name, uid } = pod.metadata
    try {
      if (asks && extender?.binds) await extender.bind(pod, node)
      else api.bind(namespace, name, { metadata: { uid }, target: { name: node } })
    } catch (thrown) {
      return tryLater(pod, thrown)
    }
    queue.bound(uid)
    recordEvent(api, pod, {
      type: 'Normal',
      reason: 'Scheduled',
      message: `Successfully assigned ${namespace}/${name} to ${node}`,
    })
  }

  function tryLater(pod: Pod, thrown: unknown): void {
    if (stopped) return
    say(pod, 'SchedulerError', thrown instanceof Error ? thrown.message : String(thrown))
    queue.failed(pod.metadata.uid)
  }

  /** On the pod, and as an event; the same again changes nothing, so it wakes nobody. */
  function say(pod: Pod, reason: string, message: string): void {
    const now = api.find<Pod>(PODS, pod.metadata.namespace, pod.metadata.name)
    if (now?.metadata.uid !== pod.metadata.uid || now.spec.nodeName !== undefined) return
    const condition: Condition = { type: 'PodScheduled', status: 'False', reason, message }
    try {
      setStatus(api, now, PODS, { conditions: withCondition(now.status?.conditions, condition) })
      recordEvent(api, now, { type: 'Warning', reason: 'FailedScheduling', message })
    } catch (thrown) {
      if (!isFailure(thrown, 'NotFound')) throw thrown
    }
  }

  /** Few pods first, where the extender has no preference. */
  function best(nodes: readonly Node[], scores: ReadonlyMap<string, number>): string {
    const used = new Map<string, number>()
    for (const { spec } of api.list<Pod>(PODS)) {
      if (spec.nodeName !== undefined) used.set(spec.nodeName, (used.get(spec.nodeName) ?? 0) + 1)
    }
    const value = (name: string) => (scores.get(name) ?? 0) - (used.get(name) ?? 0)
    const names = nodes.map(({ metadata }) => metadata.name)
    return names.reduce((a, b) => (value(b) > value(a) ? b : a))
  }

  const unsubscribe = api.store.subscribe(event => queue.heard(event))
  return {
    stop() {
      stopped = true
      unsubscribe()
      queue.stop()
    },
  }
}

/** What the scheduler itself has against the node; null: nothing. */
function whyNot({ metadata, spec }: Node, pod: Pod): string | null {
  if (spec?.unschedulable) return 'node(s) were unschedulable'
  if (spec?.taints?.some(({ effect }) => effect !== 'PreferNoSchedule')) return 'node(s) had untolerated taints'
  const selected = Object.entries(pod.spec.nodeSelector ?? {}).every(([key, value]) => metadata.labels?.[key] === value)
  return selected ? null : "node(s) didn't match Pod's node affinity/selector"
}

/** `2 node(s) were unschedulable, 1 no address`: sorted, so that the same state gives the same text. */
function counted(reasons: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  const parts = [...counts].map(([reason, count]) => `${count} ${reason}`)
  return `${parts.sort().join(', ')}.`
}
