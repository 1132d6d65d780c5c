/** Owns the binds that others ended: the pod is bound already, was bound by somebody else, or is gone; what is true of it is recorded. */
import type { PodAddress } from '../domain/pod-address.ts'
import { type Refusal, refusal } from '../domain/refusal.ts'
import type { PodFact } from '../kube/pod.ts'
import { notABug } from '../lib/assert.ts'
import { Fault } from '../lib/fault.ts'
import { giveBackBeside, textsOf } from './beside.ts'
import type { BindRequest, BindResult } from './bind.ts'
import type { Holds } from './holds.ts'
import { endIncarnation } from './pod-ends.ts'
import type { Ports } from './ports.ts'
import { carriedBy } from './sighting.ts'
import type { WaitingList } from './waiting.ts'

export function otherEndsOf(ports: Ports, waiting: WaitingList, holds: Holds) {
  const { ledger, calls, clock, log } = ports

  /** The API server refused: what is true of the pod now? Success only if UID, node and addresses equal ours (R4). */
  async function conflict(
    pod: PodFact,
    node: string,
    addresses: readonly PodAddress[],
    because: string,
  ): Promise<BindResult | 'decide again'> {
    const now = await calls.getPod(pod.namespace, pod.name)
    if (now === null || now.uid !== pod.uid) return podGone({ ...pod, node }, now)
    if (now.node === null) {
      if (now.resourceVersion !== pod.resourceVersion) return 'decide again'
      throw new Fault(because, { retryable: true })
    }
    const carried = now.addresses?.map(address => address.text).join(' ')
    const planned = addresses.map(({ address }) => address.text).join(' ')
    if (now.node === node && carried === planned) {
      holds.settle(pod.uid)
      giveBackBeside(ports, pod.uid, textsOf(now.addresses), true).catch(error => {
        notABug(error)
        log.warn({ pod: `${pod.namespace}/${pod.name}`, err: error }, 'what it was not bound with is not released yet')
      })
      return null
    }
    await adoptCarried(now)
    return refusal('stale', `pod ${pod.namespace}/${pod.name} was bound to ${now.node} by somebody else`)
  }

  /** Records what the pod carries, then gives up what was planned. */
  async function adoptCarried(pod: PodFact): Promise<void> {
    const at = clock.now()
    for (const sighting of carriedBy(ledger, pod, at)) await ledger.submit('adopt', sighting)
    await giveBackBeside(ports, pod.uid, textsOf(pod.addresses), true)
  }

  async function alreadyBound(pod: PodFact, node: string): Promise<BindResult> {
    const carried = pod.addresses?.map(address => address.text).join(' ')
    const ours = ledger.read(view => view.ofIncarnation(pod.uid)).map(row => row.address.text)
    if (pod.node === node && carried === ours.join(' ')) return null
    await adoptCarried(pod)
    return refusal('stale', `pod ${pod.namespace}/${pod.name} is bound to ${pod.node} already`)
  }

  /** The server's word that this incarnation is no more is the evidence for its unbind. */
  async function podGone(request: BindRequest | (PodFact & { node: string }), now: PodFact | null): Promise<Refusal> {
    const { namespace, name, uid } = request
    await endIncarnation(ports, uid, 'its pod was gone at bind', null)
    holds.settle(uid)
    waiting.leave(uid)
    const what = now === null ? 'is gone' : 'was replaced by another pod of the same name'
    return refusal('not-found', `pod ${namespace}/${name} (uid ${uid}) ${what}`)
  }

  return { alreadyBound, conflict, podGone }
}
