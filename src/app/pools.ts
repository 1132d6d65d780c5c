/** Owns named pools: their size and pre-allocation over HTTP and through kubectl, and the status that both show. */
import type { Committed } from '../domain/change.ts'
import { isKept, ownerKey, poolOwner } from '../domain/owner.ts'
import { isRefusal } from '../domain/refusal.ts'
import type { Address } from '../ip/address.ts'
import type { PoolFact, PoolStatus, PoolStore } from '../kube/pool.ts'
import { notABug } from '../lib/assert.ts'
import { Fault, messageOf } from '../lib/fault.ts'
import type { Resized } from '../rules/pool.ts'
import { isConfigured } from '../rules/view.ts'
import { poolStandingsOf } from './pool-standing.ts'
import { statusOf } from './pool-status.ts'
import type { Ports } from './ports.ts'
import { notReplicated } from './replicated.ts'

/** Binds and ends come in bursts: one status for all of a burst. */
const GATHER_MS = 300
const RETRY_MS = 1_000
/** Addresses taken or freed in one turn: some 25 ms. A hundred thousand at once would hold up the scheduler for seconds. */
export const RESIZED_AT_ONCE = 1_000
/** No status is served: a definition that was just updated serves it in a moment, galaxy-ipam's own never. */
const UNSERVED_FIRST_MS = 1_000
const UNSERVED_MOST_MS = 600_000
/** The API server fails or refuses it: whoever mends that waits for the effect. */
const FAILING_MOST_MS = 30_000
const NOT_WRITTEN = 'the status of a pool was not written yet, will retry'
/** After 1 + 2 + 4 s it is no moment any more. */
const UNSERVED_TOLD = 4

/** A pool as people see it in a list. */
export interface PoolListed {
  readonly name: string
  /** As our picture of the cluster has it; null: it has addresses and no object, so that nothing limits it. */
  readonly pool: PoolFact | null
  readonly allocated: number
  readonly inUse: number
}

export interface Pools {
  /** All that have an object or addresses, by name. */
  list(): readonly PoolListed[]
  /** By a quorum read; null: unknown. */
  get(name: string): Promise<PoolFact | null>
  /** Creates or updates; answered once replicated (R34). How many addresses the pool has now; null: nothing was to be allocated. */
  put(name: string, size: number, preallocate: boolean): Promise<number | null>
  /** False: unknown. Its addresses stay. */
  remove(name: string): Promise<boolean>
  /** Once, when rows and objects are known and before the first answer: what is found changes nothing (R22). */
  takeOver(): void
  /** After that, and whenever an object of this name came, changed or went. */
  changed(name: string): void
  stop(): void
}

export interface PoolParts extends Pick<Ports, 'ledger' | 'cluster' | 'replicator' | 'clock' | 'log'> {
  readonly store: PoolStore
}

export function poolsOf({ ledger, cluster, replicator, clock, log, store }: PoolParts): Pools {
  const dirty = new Set<string>()
  /** By UID: one that was deleted and made again has no status. */
  const written = new Map<string, string>()
  const stopping = new AbortController()
  const used = (name: string) => rowsOf(name).filter(row => !isKept(row.owner) && !row.blocked).length
  const standings = poolStandingsOf({ cluster, used })
  let gathering = false
  /** How often a status was not written, and whether we rest for that. */
  let unserved = 0
  let resting = false
  const owed = new Set<string>()
  /** Whose status is being written: of two writes the older could arrive last, and nobody would write again. */
  const settling = new Set<string>()
  const resizing = new Map<string, Promise<void>>()

  ledger.onCommit(changes => {
    for (const name of poolsIn(changes)) touch(name)
  })

  function touch(name: string): void {
    dirty.add(name)
    if (gathering) return
    gathering = true
    void clock.sleep(GATHER_MS, stopping.signal).then(async () => {
      gathering = false
      const names = [...dirty]
      dirty.clear()
      for (const each of names) if (!stopping.signal.aborted) await settle(each)
    })
  }

  /** Frees what a shrunken pool no longer needs, then tells its objects how it is. */
  async function settle(name: string): Promise<void> {
    const [first] = cluster.poolsNamed(name)
    const judged = first === undefined ? null : standings.of(first)
    if (first === undefined || judged === null) return
    if (settling.has(name)) return touch(name)
    settling.add(name)
    try {
      const counts = count(name)
      // Of a size that is older than what we were told over HTTP nothing follows.
      const current = judged.standing === 'applied' && judged.generation === first.generation
      const shrinks = current && counts.allocated > first.size
      const now = shrinks ? await resize(name, first.size, false) : counts
      for (const each of cluster.poolsNamed(name)) await tell(each, statusOf(each, first, judged, now))
    } catch (error) {
      notABug(error)
      log.warn({ pool: name, err: messageOf(error) }, NOT_WRITTEN)
      void clock.sleep(RETRY_MS, stopping.signal).then(() => touch(name))
    } finally {
      settling.delete(name)
    }
  }

  async function tell(pool: PoolFact, status: PoolStatus): Promise<void> {
    const { uid } = pool
    const text = JSON.stringify(status)
    if (written.get(uid) === text) return
    if (resting) return void owed.add(pool.name)
    try {
      if (await store.writeStatus(pool, status)) {
        written.set(uid, text)
        unserved = 0
      } else if ([...cluster.pools.values()].some(each => each.uid === uid)) {
        rest(pool.name, UNSERVED_MOST_MS)
        if (unserved === UNSERVED_TOLD)
          log.warn({}, 'the definition of Pool has no status: kubectl shows none of any pool')
      }
    } catch (error) {
      notABug(error)
      if (unserved === 0) log.warn({ pool: pool.name, err: messageOf(error) }, NOT_WRITTEN)
      rest(pool.name, FAILING_MOST_MS)
    }
  }

  /** One try after ever longer pauses, for all pools together: a right that is missing is missing for each of them. */
  function rest(name: string, mostMs: number): void {
    owed.add(name)
    if (resting) return
    resting = true
    unserved++
    const ms = Math.min(mostMs, UNSERVED_FIRST_MS * 2 ** Math.min(unserved - 1, 20))
    void clock.sleep(ms, stopping.signal).then(() => {
      resting = false
      // The first of them tries; while that fails, the others rest with it. Who failed comes last: it may be refused for itself alone.
      owed.delete(name)
      for (const each of [...owed, name]) touch(each)
      owed.clear()
    })
  }

  function rowsOf(name: string) {
    return ledger.read(view => view.ofShare(ownerKey(poolOwner(name))).filter(row => isConfigured(view, row)))
  }

  /** What a size may add to, or take from. */
  function keptBy(name: string): readonly Address[] {
    return rowsOf(name)
      .filter(row => isKept(row.owner))
      .map(row => row.address)
  }

  function count(name: string): Resized {
    const rows = rowsOf(name)
    return { allocated: rows.length, inUse: rows.filter(row => row.incarnation !== null).length }
  }

  /** One after the other: two that want different sizes would go on against each other. */
  function resize(pool: string, size: number, preallocate: boolean, trims = true): Promise<Resized> {
    const before = resizing.get(pool) ?? Promise.resolve()
    const resized = before.then(() => resizeNow(pool, size, preallocate, trims))
    const over = resized
      .catch(() => {})
      .then(() => {
        if (resizing.get(pool) === over) resizing.delete(pool)
      })
    resizing.set(pool, over)
    return resized
  }

  async function resizeNow(pool: string, size: number, preallocate: boolean, trims: boolean): Promise<Resized> {
    for (;;) {
      const facts = { pool, size, preallocate, trims, most: RESIZED_AT_ONCE }
      const outcome = await ledger.submit('resizePool', { at: clock.now(), ...facts })
      if (isRefusal(outcome)) throw new Fault(outcome.because, { retryable: true })
      if (outcome.changes.length < RESIZED_AT_ONCE) return outcome.answer
    }
  }

  /** Its object is not told of again: what fails is tried until it is done. */
  async function followed(name: string): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        return await follow(name)
      } catch (error) {
        notABug(error)
        log.warn({ pool: name, err: messageOf(error) }, 'a pool was not brought to its size yet, will retry')
        await clock.sleep(RETRY_MS, stopping.signal)
      }
    }
  }

  /** What its object asks for, as far as it is to be carried out. */
  async function follow(name: string): Promise<void> {
    const there = new Set([...cluster.pools.values()].map(({ uid }) => uid))
    for (const uid of written.keys()) if (!there.has(uid)) written.delete(uid)
    const standing = standings.changed(name)
    const pool = cluster.poolInForce(name)
    if (pool === null || standing === null || standing === 'aside') return
    // galaxy-ipam allocated ahead what it was asked for; of a pool that it ignored nothing was ever asked.
    if (standing === 'inherited' && !pool.galaxys) return
    await resize(name, pool.size, pool.preallocate, standing === 'applied')
  }

  return {
    list() {
      const owned = ledger.read(view => [...view.rows()].flatMap(({ owner }) => (owner.pool === '' ? [] : owner.pool)))
      const names = new Set([...owned, ...[...cluster.pools.values()].map(pool => pool.name)])
      return [...names].sort().map(name => {
        const [pool = null] = cluster.poolsNamed(name)
        return { name, pool, ...count(name) }
      })
    },

    get: name => store.get(name),
    async put(name, size, preallocate) {
      const stored = await store.put(name, size, preallocate)
      if (stored !== null) standings.wanted(stored)
      const before = keptBy(name)
      const { allocated } = await resize(name, size, preallocate)
      touch(name)
      const waiting = await notReplicated({ replicator, clock }, [...before, ...keptBy(name)])
      if (waiting > 0)
        throw new Fault(`${waiting} addresses of pool ${name} are not with the API server yet: ask again`, {
          retryable: true,
        })
      return preallocate ? allocated : null
    },
    remove: name => store.remove(name),
    takeOver() {
      const aside = standings.takeOver()
      if (aside.length > 0)
        log.warn(
          { pools: aside },
          'more addresses are in use than these pools’ sizes: they limit nothing before their next change',
        )
    },
    changed(name) {
      void followed(name).then(() => touch(name))
    },
    stop: () => stopping.abort(),
  }
}

function poolsIn(changes: readonly Committed[]): Set<string> {
  const names = changes.flatMap(({ before, after }) => [before?.owner.pool ?? '', after?.owner.pool ?? ''])
  return new Set(names.filter(name => name !== ''))
}
