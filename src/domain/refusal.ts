/** Owns the first family of errors: a Refusal is an answer, returned to whoever asked, in words for that person. */

export type RefusalCode =
  | 'unknown-node'
  | 'node-not-configured'
  | 'no-address-left'
  | 'resting'
  | 'limit-reached'
  | 'rollout-deadlock'
  | 'waiting-for-old-pod'
  | 'policy-not-supported'
  | 'request-not-possible'
  | 'address-elsewhere'
  | 'not-requested'
  | 'not-found'
  | 'stale'
  | 'in-use'

/** `because` is one sentence that stays the same as long as the state does (a changing text wakes the pod in a loop). */
export interface Refusal {
  readonly refused: true
  readonly code: RefusalCode
  readonly because: string
}

export function refusal(code: RefusalCode, because: string): Refusal {
  return { refused: true, code, because }
}

export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'refused' in value && value.refused === true
}
