/** Owns the owner key: who an address belongs to, as a typed value inside and as text in objects and the API. */

/**
 * Who owns an address. `pod` is empty when the address is kept for the workload or the pool without a pod.
 * As text: `sts_<ns>_<workload>_<pod>`, `dp_…`, `NULL_<ns>_NULL_<pod>`, any of them after `pool__<P>_`, or `pool__<P>_`
 * alone. Kubernetes names hold no `_`, so the text reads back without doubt.
 */
export interface Owner {
  /** The named pool, or empty. */
  readonly pool: string
  /** `sts`, `dp`, `NULL` (a pod without a controller), another kind in lower case; empty when kept for a pool. */
  readonly kind: string
  readonly namespace: string
  /** The workload's name; `NULL` for a pod without a controller. */
  readonly workload: string
  readonly pod: string
}

export const STATEFUL_SET = 'sts'
export const DEPLOYMENT = 'dp'
export const NO_CONTROLLER = 'NULL'

export function ownerKey(owner: Owner): string {
  const pool = owner.pool === '' ? '' : poolKey(owner.pool)
  if (owner.kind === '') return pool
  return `${pool}${owner.kind}_${owner.namespace}_${owner.workload}_${owner.pod}`
}

/** A DNS-1123 name, as every object has; a pool with another one would make owner keys ambiguous (R20). */
export function isObjectName(name: string): boolean {
  return /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(name)
}

/** Who keeps a pool's addresses without a pod. */
export function poolOwner(pool: string): Owner {
  return { pool, kind: '', namespace: '', workload: '', pod: '' }
}

function poolKey(pool: string): string {
  return `pool__${pool}_`
}

/** The owner that this key names, or null when it is not a key. */
export function parseOwnerKey(key: string): Owner | null {
  let rest = key
  let pool = ''
  if (key.startsWith('pool__')) {
    const end = key.indexOf('_', 'pool__'.length)
    if (end <= 'pool__'.length) return null
    pool = key.slice('pool__'.length, end)
    rest = key.slice(end + 1)
    if (rest === '') return poolOwner(pool)
  }
  const parts = rest.split('_')
  const [kind = '', namespace = '', workload = '', pod = ''] = parts
  if (parts.length !== 4 || kind === '' || namespace === '' || workload === '') return null
  return { pool, kind, namespace, workload, pod }
}

/** True when the address is kept for a workload or a pool, without a pod. */
export function isKept(owner: Owner): boolean {
  return owner.pod === ''
}

/** Under whom an address is kept when this owner's pod is gone and its addresses are shared: the pool, else the Deployment. */
export function sharedBy(owner: Owner): Owner | null {
  if (owner.pool !== '') return poolOwner(owner.pool)
  return owner.kind === DEPLOYMENT ? { ...owner, pod: '' } : null
}

/** Under whom the address is kept once its pod is gone: its own name if it has a number to come back under, else what it shares. */
export function keptBy(owner: Owner): Owner {
  return comesBack(owner) ? owner : (sharedBy(owner) ?? owner)
}

/** True when the pod's name has a number: whoever makes it again gives it the same one. */
export function comesBack({ kind, pod }: Owner): boolean {
  return kind !== DEPLOYMENT && /-\d+$/.test(pod)
}

/**
 * Who may have an address at once that rests for others: in a pool its pods, else a pod of the same name where names come back
 * (StatefulSets, bare pods, numbered ones), else any pod of the same workload.
 */
export function restKey(owner: Owner): string {
  if (owner.pool !== '') return poolKey(owner.pool)
  const named = owner.kind === STATEFUL_SET || owner.kind === NO_CONTROLLER
  return named || (owner.kind !== DEPLOYMENT && ordinalOf(owner) !== null) ? ownerKey(owner) : workloadKey(owner)
}

/** The key of the workload itself, whatever the pod: `sts_<ns>_<workload>_`. */
export function workloadKey(owner: Owner): string {
  return ownerKey({ ...owner, pod: '' })
}

/** True for owners of one workload, in whatever pool, with whatever pod. */
export function isSameWorkload(a: Owner, b: Owner): boolean {
  return a.kind === b.kind && a.namespace === b.namespace && a.workload === b.workload
}

/** The number at the end of a pod's name `<workload>-<n>`, or null: what a StatefulSet calls the ordinal. */
export function ordinalOf(owner: Owner): number | null {
  if (!owner.pod.startsWith(`${owner.workload}-`)) return null
  const digits = owner.pod.slice(owner.workload.length + 1)
  return /^\d{1,9}$/.test(digits) ? Number(digits) : null
}

/** True when the pod's name ends in its workload's ordinal, and that ordinal exists. */
export function ordinalExists(owner: Owner, replicas: number, firstOrdinal: number): boolean {
  const ordinal = ordinalOf(owner)
  return ordinal !== null && ordinal >= firstOrdinal && ordinal < firstOrdinal + replicas
}
