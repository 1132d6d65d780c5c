/** Owns how each Pool object stands (R22): what we carried out stays so, and what a takeover finds changes nothing before its next change. */
import type { JudgedPool, PoolFact, PoolStanding } from '../kube/pool.ts'
import { unreachable } from '../lib/assert.ts'
import type { Ports } from './ports.ts'

export interface PoolStandings {
  /** Of a pool that counts; null: nobody has judged it yet. */
  of(pool: PoolFact): JudgedPool | null
  /** Before the first answer: every pool that nobody has judged is inherited, or set aside. Gives back the names of those that are aside. */
  takeOver(): readonly string[]
  /** A pool came, changed, or others of its name went: how the one that counts stands now; null: there is none, or a newer state of it is about to be seen. */
  changed(name: string): PoolStanding | null
  /** Somebody asks for it over HTTP: it is to be carried out, whatever it was. */
  wanted(pool: PoolFact): void
}

export interface StandingParts extends Pick<Ports, 'cluster'> {
  /** How many addresses count against its size. */
  readonly used: (name: string) => number
}

interface Known {
  readonly generation: number
  /** shadowed: another one of its name counts. */
  readonly standing: PoolStanding | 'shadowed'
}

export function poolStandingsOf({ cluster, used }: StandingParts): PoolStandings {
  /** By UID; what a status said comes from there. */
  const known = new Map<string, Known>()

  /** Our own word is newer than the mirror's. */
  function recall(pool: PoolFact): Known | null {
    return known.get(pool.uid) ?? pool.judged
  }

  function judge(pool: PoolFact, standing: PoolStanding): PoolStanding {
    known.set(pool.uid, { generation: pool.generation, standing })
    cluster.setAside(pool.uid, standing === 'aside')
    return standing
  }

  /** A size that galaxy-ipam did not know limits only those whom it can limit without a surprise. */
  function inherit(pool: PoolFact): PoolStanding {
    return judge(pool, pool.galaxys || used(pool.name) <= pool.size ? 'inherited' : 'aside')
  }

  /** `fresh`: what becomes of one that nobody has judged. */
  function standingNow(name: string, fresh: (pool: PoolFact) => PoolStanding): PoolStanding | null {
    const [first, ...others] = cluster.poolsNamed(name)
    for (const other of others)
      if (recall(other) === null) known.set(other.uid, { generation: other.generation, standing: 'shadowed' })
    if (first === undefined) return null
    const last = recall(first)
    if (last === null) return fresh(first)
    if (last.generation < first.generation) return judge(first, 'applied')
    // The mirror is behind what we were told over HTTP: it will come to it.
    if (last.generation > first.generation) return null
    switch (last.standing) {
      case 'shadowed':
        return inherit(first)
      case 'applied':
      case 'inherited':
      case 'aside':
        cluster.setAside(first.uid, last.standing === 'aside')
        return last.standing
      default:
        return unreachable(last.standing)
    }
  }

  function forgetGone(): void {
    const there = new Set([...cluster.pools.values()].map(pool => pool.uid))
    for (const uid of known.keys()) {
      if (there.has(uid)) continue
      known.delete(uid)
      cluster.setAside(uid, false)
    }
  }

  return {
    of(pool) {
      const last = recall(pool)
      if (last === null || last.standing === 'shadowed') return null
      return { generation: last.generation, standing: last.standing }
    },
    takeOver() {
      const names = new Set([...cluster.pools.values()].map(pool => pool.name))
      return [...names].filter(name => standingNow(name, inherit) === 'aside')
    },
    changed(name) {
      forgetGone()
      return standingNow(name, pool => judge(pool, 'applied'))
    },
    wanted: pool => void judge(pool, 'applied'),
  }
}
