/** Owns the release policy: when an address leaves its workload. */

/** 0: at the pod's end; 1 (`immutable`): when the workload goes or shrinks; 2 (`never`): only when someone asks. */
export type ReleasePolicy = 0 | 1 | 2

export const RELEASE_AT_POD_END = 0
export const IMMUTABLE = 1
export const NEVER = 2

/** The policy that an annotation's value names; absent, empty and unknown values mean {@link RELEASE_AT_POD_END}. */
export function parsePolicy(value: string | undefined): ReleasePolicy {
  return value === 'immutable' ? IMMUTABLE : value === 'never' ? NEVER : RELEASE_AT_POD_END
}

/** The policy stored as a number in an object or a row; null when it is not one of ours. */
export function policyOf(value: unknown): ReleasePolicy | null {
  return value === 0 || value === 1 || value === 2 ? value : null
}

export function policyName(policy: ReleasePolicy): string {
  return policy === IMMUTABLE ? 'immutable' : policy === NEVER ? 'never' : 'release at pod end'
}
