/** Owns the FloatingIP object: an allocation as the cluster stores it, in galaxy's form. */
import type { Allocation } from '../domain/allocation.ts'
import { REQUEST_LISTS_MAX } from '../domain/demand.ts'
import { type Owner, ownerKey, parseOwnerKey } from '../domain/owner.ts'
import { policyOf, type ReleasePolicy } from '../domain/policy.ts'
import { type Reservation, readReservation, reservationText } from '../domain/reservation.ts'
import { type Address, objectName, parseObjectName } from '../ip/address.ts'
import type { WallMs } from '../lib/clock.ts'
import type { RawMetadata, RawObject } from './raw.ts'

export const GROUP_VERSION = 'galaxy.k8s.io/v1alpha1'
export const FLOATINGIPS_PATH = `/apis/${GROUP_VERSION}/floatingips`
/** galaxy lists its objects by this label. */
const IP_TYPE = { ipType: 'internalIP' }
const RESERVED_LABEL = 'reserved'
/** The owner reference's apiVersion: tells kinds of the same name apart. */
const API_VERSION_ANNOTATION = 'floatip.galaxy.k8s.io/owner-api-version'
/** Which range list of the request the address answers. */
const INDEX_ANNOTATION = 'floatip.galaxy.k8s.io/request-index'
/** On what a rollout was given beyond the replicas. */
const SURGE_ANNOTATION = 'floatip.galaxy.k8s.io/rollout-surge'
/** Since when it rests, see the allocation: a new leader is to know. RFC 3339. */
const RESTS_ANNOTATION = 'floatip.galaxy.k8s.io/rests-since'
/** The reservation that the address belongs to, as JSON. */
const RESERVATION_ANNOTATION = 'floatip.galaxy.k8s.io/reservation'

export interface RawFloatingIp extends RawObject {
  readonly metadata: RawMetadata & {
    readonly labels?: Readonly<Record<string, string>> | null
    readonly annotations?: Readonly<Record<string, string>> | null
  }
  readonly spec?: {
    readonly key?: unknown
    readonly policy?: unknown
    readonly attribute?: unknown
    readonly updateTime?: unknown
  } | null
}

/** An object as read: what it says, as far as it can be read. */
export interface FloatingIpFact {
  readonly name: string
  readonly uid: string
  readonly resourceVersion: string
  /** Null: the name is not an address. */
  readonly address: Address | null
  readonly key: string
  /** Null: the key cannot be read. */
  readonly owner: Owner | null
  /** Null: the number is none of ours. */
  readonly policy: ReleasePolicy | null
  readonly node: string
  readonly podUid: string
  /** An administrator keeps the address. */
  readonly reserved: boolean
  readonly apiVersion: string
  readonly index: number
  readonly surge: boolean
  readonly restsSince: WallMs | null
  /** When it was written last, by its own word; 0 where that cannot be read. */
  readonly updatedAt: WallMs
  /** Made over the API; null: none, or none that can be read. */
  readonly reservation: Reservation | null
}

export function floatingIpFact(raw: RawObject): FloatingIpFact {
  const { metadata, spec } = raw as RawFloatingIp
  const key = typeof spec?.key === 'string' ? spec.key : ''
  const attribute = readAttribute(spec?.attribute)
  const index = Number(metadata.annotations?.[INDEX_ANNOTATION] ?? 0)
  return {
    name: metadata.name,
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    address: parseObjectName(metadata.name),
    key,
    owner: parseOwnerKey(key),
    policy: policyOf(spec?.policy),
    node: attribute.NodeName,
    podUid: attribute.Uid,
    reserved: metadata.labels?.[RESERVED_LABEL] !== undefined,
    apiVersion: metadata.annotations?.[API_VERSION_ANNOTATION] ?? '',
    reservation: readReservation(metadata.annotations?.[RESERVATION_ANNOTATION]),
    index: Number.isInteger(index) && index >= 0 && index < REQUEST_LISTS_MAX ? index : 0,
    surge: metadata.annotations?.[SURGE_ANNOTATION] === 'true',
    restsSince: Date.parse(metadata.annotations?.[RESTS_ANNOTATION] ?? '') || null,
    updatedAt: Date.parse(String(spec?.updateTime)) || 0,
  }
}

function readAttribute(text: unknown): { NodeName: string; Uid: string } {
  try {
    const value = JSON.parse(String(text)) as { NodeName?: unknown; Uid?: unknown } | null
    return {
      NodeName: typeof value?.NodeName === 'string' ? value.NodeName : '',
      Uid: typeof value?.Uid === 'string' ? value.Uid : '',
    }
  } catch {
    return { NodeName: '', Uid: '' }
  }
}

interface Written {
  readonly metadata: {
    readonly name: string
    readonly labels: Readonly<Record<string, string>>
    readonly annotations: Readonly<Record<string, string>>
  }
  readonly spec: {
    readonly key: string
    readonly policy: number
    readonly attribute: string
    readonly updateTime: string
  }
}

/** What the object of this allocation says. */
export function floatingIpBody(row: Allocation): Written {
  return {
    metadata: {
      name: objectName(row.address),
      labels: row.blocked ? { ...IP_TYPE, [RESERVED_LABEL]: 'floatip' } : IP_TYPE,
      annotations: {
        [API_VERSION_ANNOTATION]: row.apiVersion,
        [INDEX_ANNOTATION]: String(row.index),
        ...(row.surge && { [SURGE_ANNOTATION]: 'true' }),
        ...(row.restsSince !== null && { [RESTS_ANNOTATION]: new Date(row.restsSince).toISOString() }),
        ...(row.reservation !== null && { [RESERVATION_ANNOTATION]: reservationText(row.reservation) ?? '' }),
      },
    },
    spec: {
      key: ownerKey(row.owner),
      policy: row.policy,
      attribute: JSON.stringify({ NodeName: row.node ?? '', Uid: row.incarnation ?? '' }),
      updateTime: new Date(row.updatedAt).toISOString(),
    },
  }
}

/** The same as a merge patch: it leaves foreign labels and annotations alone, and takes away what is no longer true. */
export function floatingIpPatch(row: Allocation, version: { readonly uid: string; readonly resourceVersion: string }) {
  const { metadata, spec } = floatingIpBody(row)
  const annotations = {
    [SURGE_ANNOTATION]: null,
    [RESTS_ANNOTATION]: null,
    [RESERVATION_ANNOTATION]: null,
    ...metadata.annotations,
  }
  return { metadata: { ...metadata, annotations, ...version }, spec }
}

/** What galaxy-ipam writes where nobody has the address. */
export const NO_OWNER = { key: '', policy: 0, attribute: JSON.stringify({ NodeName: '', Uid: '' }) }

/** True when the object says what the allocation says (times aside). */
export function agrees(fact: FloatingIpFact, row: Allocation): boolean {
  return (
    fact.key === ownerKey(row.owner) &&
    fact.policy === row.policy &&
    fact.podUid === (row.incarnation ?? '') &&
    fact.node === (row.node ?? '') &&
    fact.surge === row.surge &&
    fact.restsSince === row.restsSince &&
    fact.reservation?.id === row.reservation?.id
  )
}
