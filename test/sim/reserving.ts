/** Owns the person of the simulation who reserves addresses ahead, and ends that. */
import { sharedBy } from '../../src/domain/owner.ts'
import { BLOCKING_OWNER } from '../../src/domain/reservation.ts'
import type { Ledger, Outcome } from '../../src/ledger/ledger.ts'
import type { AnswerOf, CommandKind, CommandOf } from '../../src/rules/decide.ts'
import type { SimCluster, SimWorkload } from './cluster.ts'
import type { Random } from './random.ts'

export interface ReservingParts {
  readonly cluster: SimCluster
  readonly random: Random
  readonly ledger: Ledger
  readonly ask: <K extends CommandKind>(
    kind: K,
    command: CommandOf<K>,
    then?: (outcome: Outcome<AnswerOf<K>>) => void,
  ) => void
  readonly now: () => number
}

export function reservingOf({ cluster, random, ledger, ask, now }: ReservingParts) {
  /** A person keeps addresses for pods of a workload, or out of circulation. */
  function reserveFor(workload: SimWorkload | null, step: number): void {
    const asked = workload?.owner ?? BLOCKING_OWNER
    // A pool keeps for all of its Deployments.
    const owner = asked.kind === 'dp' ? (sharedBy(asked) ?? asked) : asked
    const pods = [1 + random.below(3), 1 + random.below(3)].map(n => ({ ...owner, pod: `${owner.workload}-${n}` }))
    const named = workload !== null && asked.kind !== 'dp'
    ask('reserve', {
      at: now(),
      reservation: { id: `r${step}`, expiresAt: null, note: '' },
      owners: named ? [...new Map(pods.map(each => [each.pod, each])).values()] : [owner, owner],
      apiVersion: 'apps/v1',
      blocked: workload === null,
      addresses: null,
      within: null,
      contiguous: random.chance(0.5),
    })
  }

  function unreserveOne(): void {
    const row = random.pick(ledger.read(view => [...view.rows()].filter(each => each.reservation !== null)))
    const id = row?.reservation?.id
    if (id === undefined) return
    const alive = [...cluster.pods.values()].filter(pod => !pod.finished)
    const unfinished = new Set(alive.map(pod => `${pod.owner.namespace}/${pod.name}`))
    // What is expected to come back is so by a policy: the end of a reservation takes nothing from that.
    ask(random.chance(0.5) ? 'unreserve' : 'expire', { at: now(), id, address: null, because: 'over', unfinished })
  }

  return { reserveFor, unreserveOne }
}
