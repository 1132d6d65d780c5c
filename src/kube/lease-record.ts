/** Owns what a record of leadership says on the wire: the Lease, and the annotation by which older galaxy-ipams elect their leader. */
import type { WallMs } from '../lib/clock.ts'
import type { RawObject } from './raw.ts'

/** A record of leadership, in whatever object it is kept. */
export interface Lock {
  /** Empty: nobody holds it. */
  readonly holder: string
  /** 0: it does not say. */
  readonly durationMs: number
  /** The record as it was written: another text means that it was written since. */
  readonly text: string
}

export interface LeaseRecord extends Lock {
  /** How often the holder changed; the number of a leadership. */
  readonly transitions: number
  readonly resourceVersion: string
  /** Texts of older locks that a leader before us saw expire: unchanged, they are expired still. */
  readonly expiredLocks: readonly string[]
}

export interface LeaseWrite {
  readonly holder: string
  readonly durationMs: number
  readonly transitions: number
  readonly renewedAt: WallMs
  /** Null: as it is. */
  readonly acquiredAt: WallMs | null
  /** Null: as it is. */
  readonly expiredLocks: readonly string[] | null
}

/** Where client-go kept the record before there were Leases. */
export const ELDER_ANNOTATION = 'control-plane.alpha.kubernetes.io/leader'
const EXPIRED_ANNOTATION = 'floatip.galaxy.k8s.io/expired-locks'

export interface RawLease extends RawObject {
  readonly metadata: RawObject['metadata'] & { readonly annotations?: Readonly<Record<string, string>> | null }
  readonly spec?: Fields | null
}

type Fields = Readonly<Record<string, unknown>>

export function leaseRecord({ metadata, spec }: RawLease): LeaseRecord {
  const fields = spec ?? {}
  return {
    ...lockOf(fields, JSON.stringify(fields)),
    transitions: countOf(fields.leaseTransitions),
    resourceVersion: metadata.resourceVersion,
    expiredLocks: textsOf(metadata.annotations?.[EXPIRED_ANNOTATION]),
  }
}

/** As a merge patch it leaves alone what it does not name; as a whole it is a new Lease's metadata and spec. */
export function leaseBody(write: LeaseWrite) {
  const { holder, durationMs, transitions, renewedAt, acquiredAt, expiredLocks } = write
  return {
    metadata: expiredLocks === null ? {} : { annotations: { [EXPIRED_ANNOTATION]: JSON.stringify(expiredLocks) } },
    spec: {
      holderIdentity: holder,
      // Whole seconds, and never less than what we count on.
      leaseDurationSeconds: Math.ceil(durationMs / 1000),
      leaseTransitions: transitions,
      renewTime: microTime(renewedAt),
      ...(acquiredAt === null ? {} : { acquireTime: microTime(acquiredAt) }),
    },
  }
}

/** The older record in an object's annotation; one that cannot be read counts as held for as long as it keeps changing. */
export function elderLock(where: string, annotation: string | undefined): Lock | null {
  if (annotation === undefined || annotation === '') return null
  const text = `${where}: ${annotation}`
  const fields = parsed(annotation)
  if (fields === null) return { holder: 'somebody whose record cannot be read', durationMs: 0, text }
  return lockOf(fields, text)
}

function lockOf(fields: Fields, text: string): Lock {
  const holder = typeof fields.holderIdentity === 'string' ? fields.holderIdentity : ''
  return { holder, durationMs: countOf(fields.leaseDurationSeconds) * 1000, text }
}

function countOf(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0
}

function textsOf(annotation: string | undefined): readonly string[] {
  const list = annotation === undefined ? null : parsed(annotation)
  return Array.isArray(list) ? list.filter(each => typeof each === 'string') : []
}

function parsed(text: string): Fields | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Fields) : null
  } catch {
    return null
  }
}

/** Kubernetes' MicroTime takes exactly six digits. */
function microTime(at: WallMs): string {
  return new Date(at).toISOString().replace('Z', '000Z')
}
