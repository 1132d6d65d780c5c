/** The table of contents of all deciding: which command is answered by which rule. */
import { adopt } from './adopt.ts'
import { bind } from './bind.ts'
import { filter } from './filter.ts'
import { follow } from './follow.ts'
import { forget } from './forget.ts'
import { importAll } from './import.ts'
import { resizePool } from './pool.ts'
import { release } from './release.ts'
import { reserve, unreserve } from './reserve.ts'
import { rested } from './rest.ts'
import { giveBack, reclaim, unbind } from './unbind.ts'
import { unblock } from './unblock.ts'
import type { Rule } from './view.ts'

export const rules = {
  filter, // on which nodes can the pod have its addresses? (takes a hold where a limit counts)
  bind, // claim them for the chosen node
  giveBack, // nobody bound what filter took
  unbind, // a pod ended: free or keep, by policy
  rested, // an address has rested
  reclaim, // no pod of its name exists, and nobody told its end
  unblock, // a reservation ended
  follow, // a workload changed: what it keeps follows
  resizePool, // a pool's size changed: keep ahead, or free what is too many
  release, // somebody asked
  reserve, // a person keeps addresses ahead
  unreserve, // and no longer
  expire: unreserve, // the same by its time
  importAll, // another program recorded whom addresses belong to
  adopt, // the cluster knows what the ledger does not
  forget, // the ledger is of another cluster
} satisfies Record<string, Rule<never, unknown>>

export type CommandKind = keyof typeof rules
export type CommandOf<K extends CommandKind> = Parameters<(typeof rules)[K]>[1]
export type AnswerOf<K extends CommandKind> = (typeof rules)[K] extends Rule<infer _C, infer A> ? A : never
