/** Owns what can be asked of the ledger. Commands carry their time and all facts: a rule looks nothing up. */
import type { Address } from '../ip/address.ts'
import type { RangeSet } from '../ip/range.ts'
import type { WallMs } from '../lib/clock.ts'
import type { Demand, PodRef, Workload } from './demand.ts'
import type { NodeGroup } from './geometry.ts'
import type { Owner } from './owner.ts'
import type { ReleasePolicy } from './policy.ts'
import type { Reservation } from './reservation.ts'

/** On which groups of nodes can the pod get its addresses? Takes a hold where the rules say so. */
export interface FilterCommand {
  readonly at: WallMs
  readonly demand: Demand
  readonly groups: readonly NodeGroup[]
}

/** The scheduler chose this node: claim the pod's addresses there. */
export interface BindCommand {
  readonly at: WallMs
  readonly demand: Demand
  readonly node: string
  readonly group: NodeGroup
}

/** A pod ended. The incarnation comes from evidence: the UID of a deleted, replaced or finished object. */
export interface UnbindCommand {
  readonly at: WallMs
  readonly incarnation: string
  readonly workload: Workload
  /** Its last status shows a container running: what other owners could have is to rest first (R12). */
  readonly rests: boolean
  /** Another pod of its name is there already: what its workload seems not to need any more, that one may (R11). */
  readonly awaited?: boolean
  readonly because: string
}

/** Nobody bound what filter took, or a bind was given up: back to where it came from. */
export interface GiveBackCommand {
  readonly at: WallMs
  readonly incarnation: string
  /** Fence: only rows not written since. */
  readonly revision: number
  readonly because: string
  /** Addresses (as text) that the pod carries after all. */
  readonly except?: ReadonlySet<string>
}

/** The time is over that an address had to rest. */
export interface RestedCommand {
  readonly at: WallMs
  readonly address: Address
  /** Fence: the rest that is over; a later one goes on. */
  readonly since: WallMs
}

/** Somebody asks to release one address by name. */
export interface ReleaseCommand {
  readonly at: WallMs
  readonly address: Address
  /** Fences: the owner as the asker saw it, and the row's revision when its pod was confirmed absent. */
  readonly owner: Owner
  readonly revision: number
  /** Its pod went a moment ago, and a container of it may run on. */
  readonly rests?: boolean
  readonly because: string
}

/** A workload changed or went: what it keeps follows. */
export interface FollowCommand {
  readonly at: WallMs
  /** The workload, as an owner without a pod. */
  readonly workloadOwner: Owner
  /** As read: two groups may have kinds of one name (R10). */
  readonly apiVersion: string
  /** From a quorum read. */
  readonly workload: Workload
  /** Names of its pods that are not finished: their addresses stay. */
  readonly unfinished: ReadonlySet<string>
  /** Fence: the ledger's revision before that read. What was kept since then is not judged by it (R10). */
  readonly revision: number
}

/** The reservation of an address ended. */
export interface UnblockCommand {
  readonly at: WallMs
  readonly address: Address
}

/** No unfinished pod of the row's name exists, and nobody will tell its end. */
export interface ReclaimCommand {
  readonly at: WallMs
  readonly address: Address
  /** Fence: the row as it was when the pod was looked up. */
  readonly revision: number
}

/** The ledger is of another cluster: nothing of it counts, whatever it is. */
export interface ForgetCommand {
  readonly at: WallMs
  readonly addresses: readonly Address[]
  readonly because: string
}

/** A pool has this size, and is to be filled up ahead of its pods or not. */
export interface ResizePoolCommand {
  readonly at: WallMs
  readonly pool: string
  readonly size: number
  readonly preallocate: boolean
  /** False: its size was found at a takeover, and what is kept stays however much it is (R22). */
  readonly trims?: boolean
  /** Changes at once; as many as these: there may be more to do. */
  readonly most?: number
}

/** A person wants addresses kept: one for each owner, all or none. */
export interface ReserveCommand {
  readonly at: WallMs
  readonly reservation: Reservation
  /** Pods by name, or the same kept owner several times. */
  readonly owners: readonly Owner[]
  readonly apiVersion: string
  /** Out of circulation instead of for an owner. */
  readonly blocked: boolean
  /** Exactly these, as many as owners; null: any. */
  readonly addresses: readonly Address[] | null
  /** Any of these; null: of one entry. */
  readonly within: RangeSet | null
  /** Neighbours without a gap. */
  readonly contiguous: boolean
}

/** A reservation is over: asked for, or by its time. */
export interface UnreserveCommand {
  readonly at: WallMs
  readonly id: string
  /** Only this one of its addresses; null: all. */
  readonly address: Address | null
  readonly because: string
  /** Pods (`namespace/name`) that are not finished: what is kept under their names stays (R11). */
  readonly unfinished: ReadonlySet<string>
}

/** The cluster says that this pod has this address. */
export interface AdoptCommand {
  readonly at: WallMs
  readonly source: 'object' | 'pod'
  readonly address: Address
  readonly owner: Owner
  readonly apiVersion: string
  readonly policy: ReleasePolicy
  /** When its object was written last; a pod does not tell. */
  readonly since?: WallMs
  /** Null: an object without a pod. */
  readonly incarnation: string | null
  readonly node: string | null
  readonly index: number
  /** What its object says; a pod does not tell. */
  readonly reservation: Reservation | null
  /** An administrator's reservation, or an object that cannot be read: kept out of circulation. */
  readonly blocked: boolean
  /** As its object says, see the allocation's. */
  readonly restsSince: WallMs | null
  /** The object says that a rollout was given it beyond the replicas; a pod's annotation does not tell. */
  readonly surge: boolean
  /** Incarnations known to be unfinished, from the same fresh list. */
  readonly alive: ReadonlySet<string>
}

/** May the Binding be posted? Everything as the claim left it. */
export interface ConfirmQuestion {
  readonly pod: PodRef
  readonly addresses: readonly Address[]
  readonly revision: number
}

/** Allocations that another program recorded: each is kept for its owner from now on, all or none. */
export interface ImportCommand {
  readonly at: WallMs
  readonly items: readonly Imported[]
}

export interface Imported {
  readonly address: Address
  readonly owner: Owner
  readonly policy: ReleasePolicy
}
