/** Owns what a plan asks and what it answers. */
import type { Configuration } from '../domain/entry.ts'
import type { Owner } from '../domain/owner.ts'
import type { RefusalCode } from '../domain/refusal.ts'

export type PlanQuestion =
  | { readonly kind: 'scale'; readonly owner: Owner; readonly apiVersion: string; readonly replicas: number }
  | { readonly kind: 'drain'; readonly node: string }
  | { readonly kind: 'configure'; readonly configuration: Configuration }
  | { readonly kind: 'resize'; readonly pool: string; readonly size: number }

/**
 * keep: it has the same addresses as before, or those kept for it · get: new ones, and it had none that were to stay · lose: its
 * address is or will be another one's or nobody's · wait: it would have none · end: it goes, as the plan wants.
 */
export const FATES = ['lose', 'wait', 'get', 'end', 'keep'] as const
export type Fate = (typeof FATES)[number]

export interface PlannedPod {
  /** namespace/name; made up for pods of Deployments that do not exist yet. */
  readonly pod: string
  readonly fate: Fate
  readonly before: readonly string[]
  /** Which free address a pod would get is not promised: another pod may come first. */
  readonly after: readonly string[]
  readonly code: RefusalCode | null
  readonly because: string
}

export interface PlannedAddress {
  readonly ip: string
  readonly key: string
  readonly because: string
}

export interface PlannedSubnet {
  readonly subnet: string
  readonly gateway: string
  readonly totalBefore: number
  readonly totalAfter: number
  readonly freeBefore: number
  readonly freeAfter: number
}

export interface Played {
  readonly pods: readonly PlannedPod[]
  /** They leave the configuration and belong to somebody. */
  readonly orphaned: readonly PlannedAddress[]
  /** Kept without a pod, and free afterwards. */
  readonly freed: readonly PlannedAddress[]
  readonly warnings: readonly string[]
}

export interface Plan extends Played {
  /** Nobody would wait, or lose an address. */
  readonly ok: boolean
  readonly counts: Readonly<Record<Fate, number>>
  /** Entries of the configuration that would have more or fewer addresses, or more or fewer free ones. */
  readonly subnets: readonly PlannedSubnet[]
}
