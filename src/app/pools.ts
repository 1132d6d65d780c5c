/** Owns named pools: their size and pre-allocation over HTTP and through kubectl, and the status that both show. */
import type { Committed } from '../domain/change.ts'
import { ownerKey, poolOwner } from '../domain/owner.ts'
import { isRefusal } from '../domain/refusal.ts'
import type { PoolFact, PoolStatus, PoolStore } from '../kube/pool.ts'
import { Fault, messageOf } from '../lib/fault.ts'
import type { Resized } from '../rules/pool.ts'
import { isConfigured } from '../rules/view.ts'
import type { Ports } from './ports.ts'

/** Binds and ends come in bursts: one status for all of a burst. */
const GATHER_MS = 300

export interface Pools {
  /** By a quorum read; null: unknown. */
  get(name: string): Promise<PoolFact | null>
  /** Creates or updates. How many addresses the pool has now; null: nothing was to be allocated. */
  put(name: string, size: number, preallocate: boolean): Promise<number | null>
  /** False: unknown. Its addresses stay. */
  remove(name: string): Promise<boolean>
  /** An object of this name came, changed or went. */
  changed(name: string): void
  stop(): void
}

export interface PoolParts extends Pick<Ports, 'ledger' | 'cluster' | 'clock' | 'log'> {
  readonly store: PoolStore
}

export function poolsOf({ ledger, cluster, clock, log, store }: PoolParts): Pools {
  const dirty = new Set<string>()
  const written = new Map<string, string>()
  const stopping = new AbortController()
  let gathering = false

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
    const pool = cluster.poolInForce(name)
    if (pool === null) return
    try {
      const counts = count(name)
      const now = counts.allocated > pool.size ? await resize(name, pool.size, false) : counts
      for (const each of cluster.pools.values()) if (each.name === name) await tell(each, statusOf(each, pool, now))
    } catch (error) {
      log.warn({ pool: name, err: messageOf(error) }, 'the status of a pool was not written')
    }
  }

  async function tell(pool: PoolFact, status: PoolStatus): Promise<void> {
    const key = `${pool.namespace}/${pool.name}`
    const text = JSON.stringify(status)
    if (written.get(key) === text) return
    await store.writeStatus(pool, status)
    written.set(key, text)
  }

  function count(name: string): Resized {
    return ledger.read(view => {
      const rows = view.ofShare(ownerKey(poolOwner(name))).filter(row => isConfigured(view, row))
      return { allocated: rows.length, inUse: rows.filter(row => row.incarnation !== null).length }
    })
  }

  async function resize(pool: string, size: number, preallocate: boolean): Promise<Resized> {
    const outcome = await ledger.submit('resizePool', { at: clock.now(), pool, size, preallocate })
    if (isRefusal(outcome)) throw new Fault(outcome.because, { retryable: true })
    return outcome.answer
  }

  return {
    get: name => store.get(name),
    async put(name, size, preallocate) {
      await store.put(name, size, preallocate)
      const { allocated } = await resize(name, size, preallocate)
      touch(name)
      return preallocate ? allocated : null
    },
    remove: name => store.remove(name),
    changed(name) {
      const pool = cluster.poolInForce(name)
      if (pool === null) return
      resize(name, pool.size, pool.preallocate).then(
        () => touch(name),
        error => log.warn({ pool: name, err: messageOf(error) }, 'a pool was not brought to its size'),
      )
    },
    stop: () => stopping.abort(),
  }
}

function poolsIn(changes: readonly Committed[]): Set<string> {
  const names = changes.flatMap(({ before, after }) => [before?.owner.pool ?? '', after?.owner.pool ?? ''])
  return new Set(names.filter(name => name !== ''))
}

function statusOf(pool: PoolFact, force: PoolFact, { allocated, inUse }: Resized): PoolStatus {
  const inForce = pool.namespace === force.namespace
  const surplus = allocated - force.size
  return {
    size: force.size,
    allocated,
    inUse,
    conditions: [
      inForce
        ? { type: 'InForce', status: 'True', reason: 'InForce', message: 'its size limits the pods of the pool' }
        : {
            type: 'InForce',
            status: 'False',
            reason: 'Shadowed',
            message: `the pool of namespace ${force.namespace} is in force`,
          },
      surplus > 0
        ? {
            type: 'WithinSize',
            status: 'False',
            reason: 'InUse',
            message: `${surplus} more addresses than its size are in use: waits for their pods to end`,
          }
        : {
            type: 'WithinSize',
            status: 'True',
            reason: 'WithinSize',
            message: `${allocated} of ${force.size} addresses are allocated`,
          },
    ],
  }
}
