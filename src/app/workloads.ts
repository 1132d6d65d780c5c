/** Owns what a workload keeps: it follows the workload when that shrinks, goes, or has finished its rollout. */
import type { FollowCommand } from '../domain/command.ts'
import { type Owner, workloadKey } from '../domain/owner.ts'
import { IMMUTABLE } from '../domain/policy.ts'
import { isRefusal } from '../domain/refusal.ts'
import type { PodFact } from '../kube/pod.ts'
import { notABug } from '../lib/assert.ts'
import { follow, followed } from '../rules/follow.ts'
import type { View } from '../rules/view.ts'
import { inLanes } from './lanes.ts'
import type { Ports } from './ports.ts'

type Parts = Pick<Ports, 'ledger' | 'cluster' | 'calls' | 'clock' | 'log'>

/** Quorum GETs under way at once for pods whose kept address would go. */
const PODS_AT_ONCE = 16

/** Brings what the workload (an owner without a pod) keeps in line with its size and rollout; doubt keeps. */
export async function workloadChanged(ports: Parts, owner: Owner, apiVersion: string): Promise<void> {
  const { ledger, cluster, calls, clock, log } = ports
  // Before the pods are listed nobody knows whose address is unused; start-up follows every workload after that.
  if (!cluster.pods.isSynced || !ledger.read(view => mayLoseSome(view, owner))) return
  try {
    const { revision } = ledger
    const workload = await calls.getWorkload(owner, apiVersion)
    const unfinished = [...cluster.pods.values()].filter(pod => isAwaited(pod, owner)).map(pod => pod.name)
    const facts = { workloadOwner: owner, apiVersion, workload, revision }
    const command = { at: clock.now(), ...facts, unfinished: new Set(unfinished) }
    const found = await unfinishedAmong(ports, command)
    await ledger.submit('follow', { ...command, unfinished: new Set([...unfinished, ...found]) })
  } catch (error) {
    notABug(error)
    const name = `${owner.namespace}/${owner.workload}`
    log.warn({ workload: name, err: error }, 'the workload could not be read: its addresses stay')
  }
}

/** A watch can be behind: of the pods whose kept addresses would go, those that a quorum GET finds unfinished (R11). */
async function unfinishedAmong({ ledger, calls }: Parts, command: FollowCommand): Promise<readonly string[]> {
  const decision = ledger.read(view => follow(view, command))
  if (isRefusal(decision)) return []
  const names = decision.changes.flatMap(({ before }) => (before?.owner.pod ? [before.owner.pod] : []))
  const { namespace } = command.workloadOwner
  const found: string[] = []
  await inLanes(names, PODS_AT_ONCE, async name => {
    const pod = await calls.getPod(namespace, name)
    if (pod !== null && isAwaited(pod, command.workloadOwner)) found.push(name)
  })
  return found
}

/** What is kept under its name is its own: in another pool it would have another key. */
function isAwaited({ owner, finished }: PodFact, workload: Owner): boolean {
  return !finished && workloadKey(owner) === workloadKey(workload)
}

/** True when there is something that a look at the workload could free or settle. */
function mayLoseSome(view: View, owner: Owner): boolean {
  const sticky = owner.pool === ''
  return followed(view, owner).some(
    row => row.surge || (sticky && row.phase === 'reserved' && row.policy === IMMUTABLE && !row.blocked),
  )
}
