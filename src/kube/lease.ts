/** Owns the calls to the Lease by which one leader is elected, each write a compare-and-swap, and the look at older galaxy-ipams' locks. */
import { Fault } from '../lib/fault.ts'
import {
  ELDER_ANNOTATION,
  elderLock,
  type LeaseRecord,
  type LeaseWrite,
  type Lock,
  leaseBody,
  leaseRecord,
  type RawLease,
} from './lease-record.ts'
import { ApiError, isNotFound, mergePatch, type Transport } from './transport.ts'

export interface CallLimits {
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

export interface ElderSighting {
  readonly where: string
  /** Null: there is no record. */
  readonly lock: Lock | null
}

/** The port to the locks; its calls throw a Fault when they do not know, and after a Fault a write may have been done all the same. */
export interface LeaseStore {
  /** For messages to people. */
  readonly where: string
  /** Quorum read; null: there is none. */
  read(limits: CallLimits): Promise<LeaseRecord | null>
  /** Null: one exists already. */
  create(write: LeaseWrite, limits: CallLimits): Promise<LeaseRecord | null>
  /** Null: it is not at this version any more. */
  update(write: LeaseWrite, resourceVersion: string, limits: CallLimits): Promise<LeaseRecord | null>
  /** Where older galaxy-ipams keep their record; always the same places. */
  elders(limits: CallLimits): Promise<readonly ElderSighting[]>
}

/** galaxy-ipam's own: a floatip and a later galaxy-ipam exclude each other. */
const NAMESPACE = 'kube-system'
const NAME = 'galaxy-ipam'
const LEASES_PATH = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases`
const ELDERS = [
  { kind: 'Endpoints', resource: 'endpoints' },
  { kind: 'ConfigMap', resource: 'configmaps' },
] as const

/** Give it a transport of its own: a renewal must not queue behind the binds that it permits. */
export function leaseStoreOn(transport: Transport): LeaseStore {
  const path = `${LEASES_PATH}/${NAME}`
  const leases = { group: 'coordination.k8s.io', resource: 'leases' }

  async function elder({ kind, resource }: (typeof ELDERS)[number], limits: CallLimits): Promise<ElderSighting> {
    const where = `${kind} ${NAMESPACE}/${NAME}`
    const get = { method: 'GET', path: `/api/v1/namespaces/${NAMESPACE}/${resource}/${NAME}`, ...limits } as const
    const found = await unlessMissing(() =>
      allowed('get', { group: '', resource }, () => transport.request<RawLease>(get)),
    )
    return { where, lock: elderLock(where, found?.body.metadata.annotations?.[ELDER_ANNOTATION]) }
  }

  return {
    where: `Lease ${NAMESPACE}/${NAME}`,

    async read(limits) {
      const get = { method: 'GET', path, ...limits } as const
      const found = await unlessMissing(() => allowed('get', leases, () => transport.request<RawLease>(get)))
      return found === null ? null : leaseRecord(found.body)
    },

    async create(write, limits) {
      const { metadata, spec } = leaseBody(write)
      const named = { ...metadata, namespace: NAMESPACE, name: NAME }
      const body = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: named, spec }
      const post = { method: 'POST', path: LEASES_PATH, body, ...limits } as const
      const made = await unlessConflict(() => allowed('create', leases, () => transport.request<RawLease>(post)))
      return made === null ? null : leaseRecord(made.body)
    },

    /** A PATCH, not a PUT: Bun repeats no PATCH by itself, and what others wrote into the object stays. */
    async update(write, resourceVersion, limits) {
      const { metadata, spec } = leaseBody(write)
      const body = { metadata: { ...metadata, resourceVersion }, spec }
      const patch = { method: 'PATCH', path, contentType: mergePatch, body, ...limits } as const
      const send = () => allowed('patch', leases, () => transport.request<RawLease>(patch))
      const made = await unlessMissing(() => unlessConflict(send))
      return made === null ? null : leaseRecord(made.body)
    },

    elders: limits => Promise.all(ELDERS.map(each => elder(each, limits))),
  }
}

interface Resource {
  readonly group: string
  readonly resource: string
}

/** A 403 in words that say what to do about it. */
async function allowed<T>(verb: string, { group, resource }: Resource, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 403) throw error
    const named = verb === 'create' ? '' : `, resourceNames: [${NAME}]`
    const rule = `apiGroups: ["${group}"], resources: [${resource}]${named}, verbs: [${verb}]`
    throw new Fault(
      `leader election may not ${verb} ${resource} ${NAMESPACE}/${NAME}: its Role in ${NAMESPACE} lacks the rule {${rule}} (deploy/rbac.yaml has it): ${error.message}`,
      { retryable: true, cause: error },
    )
  }
}

async function unlessMissing<T>(call: () => Promise<T>): Promise<T | null> {
  try {
    return await call()
  } catch (error) {
    if (isNotFound(error, NAME)) return null
    throw error
  }
}

async function unlessConflict<T>(call: () => Promise<T>): Promise<T | null> {
  try {
    return await call()
  } catch (error) {
    if (error instanceof ApiError && error.status === 409) return null
    throw error
  }
}
