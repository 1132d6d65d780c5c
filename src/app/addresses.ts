/** Owns what people ask about addresses: the list as they see it, and the release by name. */
import type { Allocation } from '../domain/allocation.ts'
import { isKept, type Owner } from '../domain/owner.ts'
import { isRefusal } from '../domain/refusal.ts'
import { type Address, compareAddresses } from '../ip/address.ts'
import { messageOf } from '../lib/fault.ts'
import type { Search } from '../store/search.ts'
import { inTime } from './in-time.ts'
import { inLanes } from './lanes.ts'
import { leaveUnchanged } from './leaving.ts'
import { mayRunOn } from './pod-ends.ts'
import type { Ports } from './ports.ts'

/** One address as a person sees it. */
export interface Listed {
  readonly address: Address
  /** Null: free. */
  readonly row: Allocation | null
  /** The pod's phase, `Deleted` when it is gone, `Unknown` when the cluster cannot tell; empty for an address that is free or nobody's. */
  readonly status: string
  /** True only when no pod holds it. */
  readonly releasable: boolean
}

export interface ListedPage {
  readonly total: number
  readonly content: readonly Listed[]
}

export interface ReleaseRequest {
  readonly address: Address
  readonly owner: Owner
}

/** What a search of the rows finds. */
export interface Found {
  readonly total: number
  readonly rows: readonly Allocation[]
}

export interface Addresses {
  list(search: Search): Promise<ListedPage>
  /** True when there is something to list before floatip is ready: what it left on disk, if nobody else leads. */
  remembered(): boolean
  /** A row as a person sees it. */
  shown(row: Allocation): Listed
  /** For each null: released, or free already; else why not. */
  release(requests: readonly ReleaseRequest[]): Promise<readonly (string | null)[]>
}

export interface AddressParts
  extends Pick<Ports, 'ledger' | 'cluster' | 'calls' | 'places' | 'replicator' | 'leadership' | 'restMs' | 'clock'> {
  readonly search: (search: Search) => Promise<Found>
}

/** A person waits; what the API server has not taken by then, the replicator goes on with. */
const REPLICATED_WITHIN_MS = 9_000
/** Half of the requests to the API server that may be under way: the rest is for Bindings, which would stand behind thousands. */
const RELEASED_AT_ONCE = 32
/** While the API server or the cloud does not answer: a script that asks for thousands is to hear of it within its own time-out. */
const TRIED_WITHIN_MS = 30_000

export function addressesOf(parts: AddressParts): Addresses {
  const { ledger, cluster, calls, places, replicator, leadership, restMs, clock, search } = parts
  const rows = () => ledger.read(view => view.size)
  const onDisk = rows() > 0

  function shown(row: Allocation): Listed {
    const { namespace, pod: name } = row.owner
    const pod = isKept(row.owner) ? undefined : cluster.pods.get(`${namespace}/${name}`)
    const unknown = pod === undefined && !cluster.pods.isSynced && !isKept(row.owner)
    // The pod is gone whose container may still run: another one of that name has nothing to do with it.
    if (row.phase === 'resting') return { address: row.address, row, status: 'Deleted', releasable: true }
    const status = unknown ? 'Unknown' : (pod?.phase ?? 'Deleted')
    // Nobody's: there is no pod that could be gone.
    if (row.blocked) return { address: row.address, row, status: '', releasable: false }
    const releasable = !unknown && (pod === undefined || pod.finished)
    return { address: row.address, row, status, releasable }
  }

  /** Every configured address in numeric order, the free ones too; orphans after them. Never materialised. */
  function everything({ descending, offset, limit }: Search): ListedPage {
    return ledger.read(view => {
      const slots = view.geometry.slots
      const orphans = [...view.orphans.values()].sort((a, b) => compareAddresses(a.address, b.address))
      const total = slots + orphans.length
      const content: Listed[] = []
      for (let at = offset; at < Math.min(offset + limit, total); at++) {
        content.push(nth(descending ? total - 1 - at : at))
      }
      return { total, content }

      function nth(at: number): Listed {
        const orphan = orphans[at - slots]
        if (orphan !== undefined) return shown(orphan)
        const address = view.geometry.nthAddress(at)
        const row = view.at(address)
        return row === null ? freeOne(address) : shown(row)
      }
    })
  }

  /** The same by another field: those of a free address are empty, so the free ones stand together, before all rows or after them. */
  async function byField(wanted: Search): Promise<ListedPage> {
    const { descending, offset, limit } = wanted
    if (descending) {
      const { total, rows } = await search(wanted)
      const { count, page } = freeOnes(Math.max(0, offset - total), limit - rows.length, true)
      return { total: total + count, content: [...rows.map(shown), ...page] }
    }
    const { count, page } = freeOnes(offset, limit, false)
    const rest = { offset: Math.max(0, offset - count), limit: limit - page.length }
    const { total, rows } = await search({ ...wanted, ...rest })
    return { total: count + total, content: [...page, ...rows.map(shown)] }
  }

  /** How many addresses are free, and so many of them from one on, in the order of the entries. */
  function freeOnes(from: number, most: number, descending: boolean): { count: number; page: readonly Listed[] } {
    return ledger.read(view => {
      const count = view.geometry.entries.reduce((sum, _, entry) => sum + view.freeCount(entry), 0)
      const page: Listed[] = []
      for (let at = from; at < Math.min(from + most, count); at++) {
        const address = view.nthFree(descending ? count - 1 - at : at)
        if (address !== null) page.push(freeOne(address))
      }
      return { count, page }
    })
  }

  async function releaseOne({ address, owner }: ReleaseRequest): Promise<string | null> {
    const row = ledger.read(view => view.at(address))
    if (row === null) return null
    let last = cluster.pods.get(`${row.owner.namespace}/${row.owner.pod}`)
    try {
      if (!isKept(row.owner) && row.phase !== 'resting') {
        const pod = await calls.getPod(row.owner.namespace, row.owner.pod)
        if (pod !== null && !pod.finished)
          return `releasing ${address.text}: pod ${pod.namespace}/${pod.name} is ${pod.phase}`
        if (pod?.uid === row.incarnation) last = pod ?? last
      }
      await leaveUnchanged({ ledger, places }, row)
      const because = 'released over HTTP'
      const outcome = await ledger.submit('release', {
        at: clock.now(),
        address,
        owner,
        revision: row.revision,
        // Its end may not be told yet: what was seen last counts, as at the end itself (R12).
        rests: mayRunOn({ restMs }, row.incarnation, last ?? null),
        because,
      })
      if (isRefusal(outcome)) return outcome.because
      // Said only once a new leader would know it, too (R34).
      const written = outcome.changes.map(change => replicator.acknowledged(change.address, change.revision))
      const inCluster = await inTime(clock, Promise.all(written), REPLICATED_WITHIN_MS)
      return inCluster === 'late' ? `releasing ${address.text}: the API server has not deleted its object yet` : null
    } catch (error) {
      return `releasing ${address.text}: ${messageOf(error)}`
    }
  }

  return {
    shown,
    remembered: () => onDisk && rows() > 0 && leadership.isLeader(),
    async list(wanted) {
      if (isUnfiltered(wanted)) return wanted.sort === 'ip' ? everything(wanted) : await byField(wanted)
      const { total, rows } = await search(wanted)
      return { total, content: rows.map(shown) }
    },

    async release(requests) {
      const reasons: (string | null)[] = []
      const began = performance.now()
      await inLanes([...requests.entries()], RELEASED_AT_ONCE, async ([at, request]) => {
        const late = `releasing ${request.address.text}: not tried, those before it took too long: ask again`
        reasons[at] = performance.now() - began < TRIED_WITHIN_MS ? await releaseOne(request) : late
      })
      return reasons
    },
  }
}

function freeOne(address: Address): Listed {
  return { address, row: null, status: '', releasable: false }
}

function isUnfiltered({ keyword, pool, kind, namespace, workload, pod, after }: Search): boolean {
  return [keyword, pool, kind, namespace, workload, pod, after].every(field => field === undefined)
}
