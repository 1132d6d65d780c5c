/** Owns the plan of another size of a pool: what would be freed, who could come, and who could not come back. */
import { isKept, ownerKey, poolOwner } from '../domain/owner.ts'
import { isRefusal, type Refusal } from '../domain/refusal.ts'
import { gatherDemand, workloadAtEnd } from './demand.ts'
import type { Play } from './plan.ts'
import { addressesOf, madeAgain, placed } from './plan-pods.ts'
import type { PlannedAddress, PlannedPod, Played } from './plan-words.ts'
import { RESIZED_AT_ONCE } from './pools.ts'

/** Whoever asks for a size of millions fills no memory with it. */
const CHANGED_MAX = 100_000

export async function playPool(play: Play, pool: string, size: number): Promise<Played | Refusal> {
  const { ports, copy, groups } = play
  const resized = await resizedTo(play, pool, size)
  if (isRefusal(resized)) return resized
  const { freed, warnings } = resized
  const rows = copy.state.ofShare(ownerKey(poolOwner(pool)))
  let surplus = rows.filter(row => !isKept(row.owner)).length - size
  const members = [...ports.cluster.pods.values()]
    .filter(pod => pod.owner.pool === pool && !pod.finished)
    .sort((a, b) => b.createdAt - a.createdAt)

  const pods: PlannedPod[] = []
  for (const pod of members) {
    await copy.pace()
    const name = `${pod.namespace}/${pod.name}`
    const before = addressesOf(copy.state, pod.uid)
    if (before.length === 0) continue
    if (surplus <= 0) {
      pods.push({ pod: name, fate: 'keep', before, after: before, code: null, because: 'it keeps what it has' })
      continue
    }
    // More are in use than the size: nothing is taken from a pod, but this many could not come back. Tried on the youngest.
    copy.end(pod.uid, await workloadAtEnd(ports, pod.owner, pod.policy, pod.apiVersion))
    const next = madeAgain(pod)
    const demand = { ...(await gatherDemand(ports, next)), poolSize: size }
    const outcome = placed(copy, name, before, demand, groups())
    const later = outcome.fate === 'wait' ? `once it is made again: ${outcome.because}` : outcome.because
    pods.push({ ...outcome, because: later })
    // Who comes back to what is kept under its name leaves the others no more room than before.
    if (outcome.fate === 'wait') surplus -= before.length
  }
  return { pods, freed, orphaned: [], warnings }
}

/** As pools are resized: so many at once, and with its object as it is about what is allocated ahead. */
async function resizedTo({ ports, copy }: Play, pool: string, size: number) {
  const preallocate = ports.cluster.poolInForce(pool)?.preallocate ?? false
  const freed: PlannedAddress[] = []
  for (let changed = 0; ; ) {
    const facts = { pool, size, preallocate, most: RESIZED_AT_ONCE }
    const decision = copy.decide('resizePool', { at: ports.clock.now(), ...facts })
    if (isRefusal(decision)) return decision
    for (const { address, before, because } of decision.changes)
      if (before !== null) freed.push({ ip: address.text, key: ownerKey(before.owner), because })
    changed += decision.changes.length
    if (decision.changes.length < RESIZED_AT_ONCE) return { freed, warnings: [] }
    if (changed >= CHANGED_MAX) {
      const warning = `more than ${CHANGED_MAX} addresses would change: the plan goes no further`
      return { freed, warnings: [warning] }
    }
    await copy.pace()
  }
}
