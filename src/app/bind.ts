/** Owns bind: gather → claim → replicate → confirm → post the Binding; one attempt per pod UID. */

import type { Committed } from '../domain/change.ts'
import type { Demand } from '../domain/demand.ts'
import type { NodeGroup } from '../domain/geometry.ts'
import type { PodAddress } from '../domain/pod-address.ts'
import { isRefusal, type Refusal, refusal } from '../domain/refusal.ts'
import type { PodFact } from '../kube/pod.ts'
import { notABug } from '../lib/assert.ts'
import { Fault } from '../lib/fault.ts'
import { confirm, outgrown } from '../rules/bind.ts'
import { giveBackBeside, textsOf } from './beside.ts'
import { otherEndsOf } from './bind-ends.ts'
import { ms } from './decisions.ts'
import { gatherDemand } from './demand.ts'
import type { Holds } from './holds.ts'
import { leaveNodes, leaveUnchanged } from './leaving.ts'
import type { Ports } from './ports.ts'
import type { WaitingList } from './waiting.ts'

export interface BindRequest {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly node: string
}

/** Null: bound. Throws a Fault when the world failed; the scheduler comes again. */
export type BindResult = Refusal | null

export interface Binding {
  bind(request: BindRequest): Promise<BindResult>
}

/** The scheduler's default time-out is 5 s for all verbs: answer before it, and let the work go on for the retry to join. */
const ANSWER_WITHIN_MS = 4_000
/** Binds of so long share a timer, so that some are answered so much too early. */
const MOMENT_MS = 100
/** galaxy: retry for 3 s at 0.5 s. */
const RETRY_FOR_MS = 3_000
const RETRY_EVERY_MS = 500
/** Decisions in one attempt: first, and once more for each change of the pod in between. */
const DECISIONS_MAX = 3

interface Attempt {
  readonly request: BindRequest
  readonly result: Promise<BindResult>
}

interface Claim {
  readonly pod: PodFact
  readonly demand: Demand
  readonly node: string
  readonly addresses: readonly PodAddress[]
  readonly changes: readonly Committed[]
  readonly revision: number
  /** Where the time went, in ms, for the log. */
  readonly spent: Record<string, number>
}

export function bindingOn(ports: Ports, waiting: WaitingList, holds: Holds, freshValue: () => string): Binding {
  const { ledger, cluster, calls, replicator, places, clock, log } = ports
  const { alreadyBound, conflict, podGone } = otherEndsOf(ports, waiting, holds)
  const attempts = new Map<string, Attempt>()
  let late: { readonly since: number; readonly ended: Promise<'late'> } | null = null

  async function bind(request: BindRequest): Promise<BindResult> {
    const running = attempts.get(request.uid)
    // The same node again: join. Another node: a newer attempt, and the older one's confirm fails.
    if (running !== undefined && running.request.node === request.node) return within(running.result)
    const attempt: Attempt = { request, result: Promise.resolve(null).then(() => run(attempt)) }
    attempts.set(request.uid, attempt)
    const forget = () => {
      if (attempts.get(request.uid) === attempt) attempts.delete(request.uid)
    }
    attempt.result.then(forget, forget)
    return within(attempt.result)
  }

  async function within(result: Promise<BindResult>): Promise<BindResult> {
    const first = await Promise.race([result, lateness()])
    if (first === 'late')
      throw new Fault('the bind takes longer than the scheduler waits; it goes on', { retryable: true })
    return first
  }

  /** One timer for all binds of a moment: hundreds a second need not have one each. */
  function lateness(): Promise<'late'> {
    const now = clock.now()
    if (late === null || now < late.since || now - late.since > MOMENT_MS) {
      late = { since: now, ended: clock.sleep(ANSWER_WITHIN_MS).then(() => 'late' as const) }
    }
    return late.ended
  }

  async function run(attempt: Attempt): Promise<BindResult> {
    const { namespace, name, uid, node } = attempt.request
    const mirrored = cluster.pods.get(`${namespace}/${name}`)
    let pod = mirrored?.uid === uid ? mirrored : await calls.getPod(namespace, name)
    for (let decision = 1; decision <= DECISIONS_MAX; decision++) {
      if (pod === null || pod.uid !== uid) return podGone(attempt.request, pod)
      if (!pod.asks)
        return refusal('not-requested', `pod ${namespace}/${name} does not request tke.cloud.tencent.com/eni-ip`)
      if (pod.node !== null) return alreadyBound(pod, node)
      if (pod.finished) return refusal('not-found', `pod ${namespace}/${name} is ${pod.phase}`)
      const elsewhere = ledger.read(view => view.ofIncarnation(uid)).some(row => row.node !== null && row.node !== node)
      if (places !== null && elsewhere) {
        // A Binding to the other node may be on its way: the patch kills it, or shows that it arrived (R1).
        pod = await calls.touchPod(pod, freshValue())
        if (pod === null) return podGone(attempt.request, null)
        if (pod.node !== null) return alreadyBound(pod, node)
      }
      const claimed = await claim(pod, node)
      if (isRefusal(claimed)) return claimed
      const { spent, changes } = claimed
      await timed(spent, 'replicateMs', () =>
        Promise.all(changes.map(({ address, revision }) => replicator.acknowledged(address, revision))),
      )
      if (places !== null) await timed(spent, 'cloudMs', () => assign(attempt, claimed))
      const posted = await post(attempt, claimed)
      if (posted !== 'decide again') return posted
      pod = await calls.getPod(namespace, name)
    }
    throw new Fault(`pod ${namespace}/${name} changed ${DECISIONS_MAX} times during its bind`, { retryable: true })
  }

  async function claim(pod: PodFact, node: string): Promise<Claim | Refusal> {
    const group = await groupOf(node)
    if (isRefusal(group)) return group
    // The object names the old node until the cloud has left it: a new leader could not know otherwise.
    await leaveNodes(ports, pod.uid, node)
    // Last, for nothing tells that it is out of date; the group is refused when it is.
    const demand = await gatherDemand(ports, pod)
    const askedMs = performance.now()
    const outcome = await ledger.submit('bind', { at: clock.now(), demand, node, group })
    if (isRefusal(outcome)) return outcome
    const { beganMs, decideMs, persistMs } = outcome.turn
    const spent = { queueMs: ms(beganMs - askedMs), decideMs: ms(decideMs), persistMs: ms(persistMs) }
    // Until the Binding is confirmed the claim is like a hold: it does not outlive the pod's interest for ever.
    holds.renew(pod.uid)
    return {
      pod,
      demand,
      node,
      addresses: outcome.answer.addresses,
      changes: outcome.changes,
      revision: outcome.revision,
      spent,
    }
  }

  async function groupOf(node: string): Promise<NodeGroup | Refusal> {
    const fact = cluster.nodes.get(node) ?? (await calls.getNode(node))
    if (fact === null || fact.addresses.length === 0) return refusal('unknown-node', `node ${node} has no InternalIP`)
    const geometry = ledger.read(view => view.geometry)
    return geometry.groupOf(fact.addresses) ?? refusal('node-not-configured', `no node subnet contains node ${node}`)
  }

  /** The network sends the addresses to the node before the pod is there; for a claim that was superseded nothing is sent. */
  async function assign(attempt: Attempt, claimed: Claim): Promise<void> {
    if (places === null) return
    const due = () => superseded(attempt, claimed) === null
    await Promise.all(claimed.changes.map(({ address }) => places.bring(address, claimed.node, due)))
  }

  function superseded(attempt: Attempt, { pod, changes, revision }: Claim): Refusal | null {
    if (ports.leadership.safeForMs() <= 0) throw new Fault('this floatip does not lead any more', { retryable: true })
    if (attempts.get(pod.uid) !== attempt) return refusal('stale', 'a newer bind took over')
    return ledger.read(view => confirm(view, { pod, addresses: changes.map(change => change.address), revision }))
  }

  /** Confirms in the same turn in which the request leaves, for each try anew (R3). */
  async function post(attempt: Attempt, claimed: Claim): Promise<BindResult | 'decide again'> {
    const { pod, node, addresses } = claimed
    const giveUpAt = clock.now() + RETRY_FOR_MS
    const safeForMs = () => ports.leadership.safeForMs()
    for (;;) {
      const stale = superseded(attempt, claimed)
      if (stale !== null) return stale
      const result = await timed(claimed.spent, 'bindingMs', () => calls.postBinding(pod, node, addresses, safeForMs))
      switch (result.kind) {
        case 'bound':
          waiting.leave(pod.uid)
          holds.settle(pod.uid)
          log.info(
            { pod: `${pod.namespace}/${pod.name}`, node, ips: addresses.map(a => a.address.text), ...claimed.spent },
            'bound',
          )
          void releaseOutgrown(claimed)
          return null
        case 'gone':
          return podGone(attempt.request, null)
        case 'refused':
          if (result.conflict) return conflict(pod, node, addresses, result.because)
          throw new Fault(result.because, { retryable: false })
        case 'unknown': {
          if (clock.now() >= giveUpAt) throw new Fault(result.because, { retryable: true })
          await clock.sleep(RETRY_EVERY_MS)
        }
      }
    }
  }

  /** Only now: until the Binding is there the pod may still be bound with them (R21). What fails is tried at the next bind of the key. */
  async function releaseOutgrown({ pod, demand, addresses }: Claim): Promise<void> {
    const because = 'the request of its pod does not ask for it any more'
    const bound = addresses.map(each => each.address)
    try {
      await giveBackBeside(ports, pod.uid, textsOf(bound), true)
      for (const row of ledger.read(view => outgrown(view, demand, bound))) {
        await leaveUnchanged(ports, row)
        const { address, owner, revision } = row
        await ledger.submit('release', { at: clock.now(), address, owner, revision, because })
      }
    } catch (error) {
      notABug(error)
      log.warn(
        { pod: `${pod.namespace}/${pod.name}`, err: error },
        'what its pod was not bound with is not released yet',
      )
    }
  }

  return { bind }
}

/** Adds how long the work took to what was spent under this name. */
async function timed<T>(spent: Record<string, number>, name: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now()
  try {
    return await work()
  } finally {
    spent[name] = ms((spent[name] ?? 0) + performance.now() - began)
  }
}
