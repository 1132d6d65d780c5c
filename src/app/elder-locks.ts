/** Owns what we know of the locks of older galaxy-ipams, who know nothing of our Lease: which of them to wait for, and whether one takes office beside us. */
import type { ElderSighting } from '../kube/lease.ts'
import { type Observation, observationOf } from './lease-observation.ts'

export interface Elder {
  readonly holder: string
  readonly where: string
}

export interface ElderLocks {
  /** The one to wait for. Texts in `expired` were seen to expire by a leader before us: who is unchanged since is expired still. */
  living(sightings: readonly ElderSighting[], monotonicMs: number, expired: readonly string[]): Elder | null
  /** One that changed since we looked for the living. */
  newcomer(sightings: readonly ElderSighting[]): Elder | null
}

export function elderLocksOf(durationMs: number): ElderLocks {
  const observed = new Map<string, Observation>()

  function at(where: string): Observation {
    const known = observed.get(where) ?? observationOf(durationMs)
    observed.set(where, known)
    return known
  }

  return {
    living(sightings, now, expired) {
      for (const { where, lock } of sightings) at(where).see(lock, now)
      const found = sightings.find(
        ({ where, lock }) => at(where).heldForMs(now) > 0 && !(lock !== null && expired.includes(lock.text)),
      )
      return found === undefined ? null : { holder: at(found.where).holder, where: found.where }
    },
    newcomer(sightings) {
      for (const { where, lock } of sightings) {
        if (lock !== null && lock.holder !== '' && !at(where).knows(lock)) return { holder: lock.holder, where }
      }
      return null
    },
  }
}

/** What the next leader need not wait for, as long as nobody touches it. */
export function expiredTexts(sightings: readonly ElderSighting[]): readonly string[] {
  return sightings.flatMap(({ lock }) => (lock === null || lock.holder === '' ? [] : [lock.text]))
}
