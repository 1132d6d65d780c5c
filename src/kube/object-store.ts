/** Owns the calls that read and write FloatingIP objects, each write a compare-and-swap. */
import type { Allocation } from '../domain/allocation.ts'
import { type Address, objectName } from '../ip/address.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import {
  agrees,
  FLOATINGIPS_PATH,
  type FloatingIpFact,
  floatingIpBody,
  floatingIpFact,
  floatingIpPatch,
  GROUP_VERSION,
  NO_OWNER,
} from './floatingip.ts'
import { listAll } from './list.ts'
import { type Mirror, mirror } from './mirror.ts'
import { type Known, knownOr, type RawObject } from './raw.ts'
import { ApiError, isNotFound, mergePatch, type Transport } from './transport.ts'

export interface Version {
  readonly uid: string
  readonly resourceVersion: string
}

export interface ObjectStore {
  /** A fresh, paged quorum list; of those that did not change since, the facts that `known` has. */
  list(known?: Known<FloatingIpFact>): Promise<readonly FloatingIpFact[]>
  /** Quorum read; null: there is none. */
  get(address: Address): Promise<FloatingIpFact | null>
  /** Null: one exists already. */
  create(row: Allocation): Promise<Version | null>
  /** Null: it is not at this version any more. */
  update(row: Allocation, version: Version): Promise<Version | null>
  /** It names no owner any more, and all else stays. Null: it is not at this version any more. */
  disown(address: Address, version: Version): Promise<Version | null>
  /** False: it is not at this version any more. */
  remove(address: Address, version: Version): Promise<boolean>
  agrees(fact: FloatingIpFact, row: Allocation): boolean
  /** We deleted this very object: a watch that still shows it is late. */
  hasRemoved(fact: FloatingIpFact): boolean
  /** The watch shows it no more. */
  gone(fact: FloatingIpFact): void
}

export function objectStoreOn(transport: Transport): ObjectStore {
  /** UIDs of what was deleted, or may have been when the answer was lost, by name; until the watch has told it. */
  const removed = new Map<string, string>()

  function patched(address: Address, body: object): Promise<Version | null> {
    return unlessConflict(null, async () => {
      const path = `${FLOATINGIPS_PATH}/${objectName(address)}`
      const reply = await transport.request<RawObject>({ method: 'PATCH', path, contentType: mergePatch, body })
      removed.delete(objectName(address))
      return reply.body.metadata
    })
  }

  return {
    agrees,
    async list(known = new Map()) {
      const pick = (raw: RawObject) => knownOr(known, raw, floatingIpFact)
      const { items } = await listAll(transport, FLOATINGIPS_PATH, { quorum: true, pick })
      return items
    },
    async get(address) {
      const name = objectName(address)
      try {
        const { body } = await transport.request<RawObject>({ method: 'GET', path: `${FLOATINGIPS_PATH}/${name}` })
        return floatingIpFact(body)
      } catch (error) {
        if (isNotFound(error, name)) return null
        throw error
      }
    },
    create(row) {
      const body = { apiVersion: GROUP_VERSION, kind: 'FloatingIP', ...floatingIpBody(row) }
      return unlessConflict(null, async () => {
        const reply = await transport.request<RawObject>({ method: 'POST', path: FLOATINGIPS_PATH, body })
        return reply.body.metadata
      })
    },
    update: (row, { uid, resourceVersion }) => patched(row.address, floatingIpPatch(row, { uid, resourceVersion })),
    disown: (address, { uid, resourceVersion }) =>
      patched(address, { metadata: { uid, resourceVersion }, spec: NO_OWNER }),
    async remove(address, { uid, resourceVersion }) {
      const name = objectName(address)
      const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid, resourceVersion } }
      removed.set(name, uid)
      const done = await unlessConflict(false, async () => {
        try {
          await transport.request({ method: 'DELETE', path: `${FLOATINGIPS_PATH}/${name}`, body })
        } catch (error) {
          if (!isNotFound(error, name)) throw error
        }
        return true
      })
      if (!done) removed.delete(name)
      return done
    },
    hasRemoved: ({ name, uid }) => removed.get(name) === uid,
    gone({ name, uid }) {
      if (removed.get(name) === uid) removed.delete(name)
    },
  }
}

/** 409 (AlreadyExists, Conflict) and the 404 of an update whose object went are answers, not failures. */
async function unlessConflict<T>(otherwise: T, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    if (error instanceof ApiError && (error.status === 409 || (error.status === 404 && error.reason === 'NotFound'))) {
      return otherwise
    }
    throw error
  }
}

export interface ObjectMirrorParts {
  readonly transport: Transport
  readonly log: Log
  readonly clock: Clock
  readonly random: () => number
  readonly onFailure: (thrown: unknown) => void
  readonly seen: (fact: FloatingIpFact) => void
  readonly gone: (fact: FloatingIpFact) => void
}

/** Follows the objects for as long as it runs. */
export function mirrorObjects({ seen, gone, ...parts }: ObjectMirrorParts): Mirror<FloatingIpFact> {
  return mirror<FloatingIpFact>({
    ...parts,
    path: FLOATINGIPS_PATH,
    pick: floatingIpFact,
    onChange(change) {
      if (change.kind === 'seen') seen(change.after)
      else gone(change.kind === 'deleted' ? change.last : change.before)
    },
  })
}
