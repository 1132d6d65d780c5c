/** Owns how a test asks why a pod waits. */
import { api } from './asking.ts'
import type { World } from './world.ts'

export interface Explained {
  readonly reason: string
  readonly because: string
  readonly help: string
  readonly has: readonly { ip: string; state: string; ifThePodEnded?: { kept: boolean; keptFor?: string } }[]
  readonly blockedBy: readonly { ip: string; key: string; podUid?: string }[]
  readonly blockedByTotal?: number
  readonly nodes?: {
    readonly total: number
    readonly qualifying: number
    readonly groups: readonly { qualifies: boolean; nodes: number; examples: string[]; code?: string }[]
  }
  readonly waiting: Record<string, unknown>
}

/** Reasons that were seen by the tests of one file. */
export const seen = new Set<string>()

export async function explain(world: World, name: string): Promise<Explained> {
  const { status, body } = await api<Explained>(world, `/v1/explain/pods/default/${name}`)
  if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`)
  seen.add(body.reason)
  return body
}
