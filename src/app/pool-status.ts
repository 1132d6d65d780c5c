/** Owns what the status of a Pool object says: of itself, or that another one of its name is in force. */
import type { JudgedPool, PoolFact, PoolStatus } from '../kube/pool.ts'
import { unreachable } from '../lib/assert.ts'
import type { Resized } from '../rules/pool.ts'

/** `first`: the one of its name that counts. */
export function statusOf(
  pool: PoolFact,
  first: PoolFact,
  judged: JudgedPool,
  { allocated, inUse }: Resized,
): PoolStatus {
  const counts = pool.uid === first.uid
  const status = { size: first.size, allocated, inUse }
  const within = withinSize(first, judged, allocated)
  if (counts) return { observedGeneration: judged.generation, ...status, conditions: [inForce(judged), within] }
  const message = `the pool of namespace ${first.namespace} is in force`
  const shadowed: Condition = { type: 'InForce', status: 'False', reason: 'Shadowed', message }
  return { observedGeneration: null, ...status, conditions: [shadowed, within] }
}

type Condition = PoolStatus['conditions'][number]

function inForce({ standing }: JudgedPool): Condition {
  const type = 'InForce'
  const limits = 'its size limits the pods of the pool'
  switch (standing) {
    case 'applied':
      return { type, status: 'True', reason: 'InForce', message: limits }
    case 'inherited':
      return {
        ...{ type, status: 'True', reason: 'Inherited' },
        message: `${limits}; it was here before floatip: no address is released for it before its next change`,
      }
    case 'aside':
      return {
        ...{ type, status: 'False', reason: 'Inherited' },
        message:
          'more addresses are in use than its size since before floatip: it limits nothing before its next change',
      }
    default:
      return unreachable(standing)
  }
}

function withinSize({ size }: PoolFact, judged: JudgedPool, allocated: number): Condition {
  const type = 'WithinSize'
  const surplus = allocated - size
  if (surplus <= 0)
    return { type, status: 'True', reason: type, message: `${allocated} of ${size} addresses are allocated` }
  if (judged.standing !== 'applied')
    return {
      type,
      status: 'False',
      reason: 'Inherited',
      message: `${surplus} more addresses than its size are allocated`,
    }
  const message = `${surplus} more addresses than its size are in use: waits for their pods to end`
  return { type, status: 'False', reason: 'InUse', message }
}
