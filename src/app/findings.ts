/** Owns what a check can find: each kind in words, and the way to mend it where that is safe. */
import type { Allocation } from '../domain/allocation.ts'
import type { AdoptCommand } from '../domain/command.ts'
import { type Owner, ownerKey } from '../domain/owner.ts'
import type { Address } from '../ip/address.ts'
import type { FloatingIpFact } from '../kube/floatingip.ts'
import type { PodFact } from '../kube/pod.ts'

export const FINDING_KINDS = [
  'missing-object', // the ledger has the address, the cluster has no object
  'object-differs', // it says something else
  'foreign-object', // an object, and the address is free in the ledger
  'unreadable-object', // its name, key or policy means nothing
  'reservation-without-object', // kept out of circulation by an object that is gone
  'reserved-in-use', // an administrator's label on the address of a pod
  'address-not-recorded', // a pod carries what the ledger has as free, or for somebody who is gone
  'two-claimants', // two living pods
  'pod-without-address', // bound by somebody else, or its annotation was taken away
  'row-without-pod', // the ledger has it for a pod that is not there
  'orphaned-in-use', // it left the configuration, and its pod runs
] as const

export type FindingKind = (typeof FINDING_KINDS)[number]

/** How a finding is mended. Each asks again before it changes anything. */
export type Mend =
  | { readonly kind: 'rewrite'; readonly row: Allocation }
  /** `revision`: fence, of the row as it was found; null: it was free. */
  | { readonly kind: 'adopt'; readonly sighting: AdoptCommand; readonly revision: number | null }
  | { readonly kind: 'end'; readonly row: Allocation }
  | { readonly kind: 'unblock'; readonly row: Allocation }

export interface Finding {
  readonly kind: FindingKind
  /** The address, or the object's name where that is none. */
  readonly ip: string
  /** Owner key, or empty. */
  readonly key: string
  readonly because: string
  /** What is done about it; or, without {@link mend}, why nothing is, and what a person can do. */
  readonly remedy: string
  readonly mend: Mend | null
}

type Named = { readonly address: Address; readonly owner: Owner }

function about(
  { address, owner }: Named,
  kind: FindingKind,
  because: string,
  remedy: string,
  mend: Mend | null = null,
) {
  return { kind, ip: address.text, key: ownerKey(owner), because, remedy, mend } satisfies Finding
}

export const finding = {
  missingObject: (row: Allocation): Finding =>
    about(row, 'missing-object', 'there is no FloatingIP object of it', 'write the object', { kind: 'rewrite', row }),

  objectDiffers: (row: Allocation, because: string): Finding =>
    about(row, 'object-differs', because, 'write the object as the ledger has it', { kind: 'rewrite', row }),

  foreignObject: (fact: FloatingIpFact, sighting: AdoptCommand): Finding =>
    about(
      sighting,
      'foreign-object',
      `an object says ${fact.reserved ? 'that it is reserved' : fact.key || 'nothing that can be read'}, and the ledger has it as free`,
      'record what the object says',
      { kind: 'adopt', sighting, revision: null },
    ),

  unreadableObject: (fact: FloatingIpFact, because: string): Finding => ({
    kind: 'unreadable-object',
    ip: fact.address?.text ?? fact.name,
    key: fact.key,
    because,
    remedy: `somebody else made it: correct it, or kubectl delete floatingip ${fact.name}`,
    mend: null,
  }),

  reservationWithoutObject: (row: Allocation): Finding =>
    about(
      row,
      'reservation-without-object',
      'it is kept out of circulation, and the object that did so is gone',
      'end the reservation',
      { kind: 'unblock', row },
    ),

  reservedInUse: (row: Allocation): Finding =>
    about(
      row,
      'reserved-in-use',
      'its object has the label reserved, and it is in use',
      'it stays with its owner: release it or end its pod, and it is reserved then; or take the label away',
    ),

  notRecorded: (sighting: AdoptCommand, pod: string, row: Allocation | null): Finding =>
    about(
      sighting,
      'address-not-recorded',
      `pod ${pod} carries it, and the ledger has it ${row === null ? 'as free' : `${row.phase} for ${ownerKey(row.owner)}`}`,
      'record it for the pod',
      { kind: 'adopt', sighting, revision: row?.revision ?? null },
    ),

  twoClaimants: (named: Named, because: string): Finding =>
    about(named, 'two-claimants', because, 'nobody but you can tell which is right: delete one of the pods'),

  podWithoutAddress: (pod: PodFact): Finding => ({
    kind: 'pod-without-address',
    ip: '',
    key: ownerKey(pod.owner),
    because: `pod ${pod.namespace}/${pod.name} asks for an address, and is bound to ${pod.node} without one`,
    remedy: 'delete the pod, so that it is scheduled with floatip as extender',
    mend: null,
  }),

  rowWithoutPod: (row: Allocation): Finding =>
    about(
      row,
      'row-without-pod',
      `it is ${row.phase} for pod ${row.owner.namespace}/${row.owner.pod}, which does not exist`,
      'book the end of the pod: its policy frees or keeps the address',
      { kind: 'end', row },
    ),

  orphanedInUse: (row: Allocation): Finding =>
    about(
      row,
      'orphaned-in-use',
      'its range left the configuration while its pod runs',
      'it goes with its pod: put the range back, or let the pod be made again with another address',
    ),
}
