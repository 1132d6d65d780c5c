/** Owns the tables of rollouts: the limit meanwhile, what is kept until the end, what is trimmed then, and when pods wait for themselves. */
import { describe, expect, test } from 'bun:test'
import type { Allocation } from '../../src/domain/allocation.ts'
import { GONE, UNLOOKED, type Workload } from '../../src/domain/demand.ts'
import { isRefusal } from '../../src/domain/refusal.ts'
import type { Rollout } from '../../src/domain/rollout.ts'
import { changesOf, demandOf, keptRow, type PodWords, rowOf, scaled, type World, who, worldOf } from './world.ts'

/** A Deployment with rollout-surge and policy immutable, in the middle of its rollout, as Kubernetes rolls three replicas. */
function rolling(replicas: number, words: Partial<Rollout> = {}): Workload {
  const rollout: Rollout = {
    ...{ stage: 'replacing', maxSurge: 1, keepsOldPods: true, surgeAllowed: true, policy: 1, pool: '' },
    ...words,
  }
  return { state: 'present', replicas, firstOrdinal: 0, rollout }
}

const OVER = { stage: 'over' } as const
const DP = 'dp_ns_api_'
const bound = (last: number, pod: string, words: Partial<Allocation> = {}) =>
  rowOf(`10.0.1.${last}`, `${DP}${pod}`, { policy: 1, ...words })
const kept = (last: number, words: Partial<Allocation> = {}) => keptRow(`10.0.1.${last}`, DP, words)

function asks(world: World, pod: string, workload: Workload, words: PodWords = {}) {
  const key = pod.includes('_') ? pod : `${DP}${pod}`
  const demand = demandOf(key, { policy: 1, workload, ...words })
  const done = world.decide('bind', { at: 10, demand, node: 'n1', group: world.group('10.1.9.9') })
  return isRefusal(done) ? done.because : changesOf(done).join()
}

const ends = (world: World, pod: string, workload: Workload) =>
  changesOf(world.decide('unbind', { at: 20, incarnation: `${pod}#1`, workload, rests: false, because: 'pod deleted' }))

function follows(world: World, workload: Workload, words: { owner?: string; revision?: number } = {}) {
  const { owner = DP, revision = world.revision } = words
  const facts = { workloadOwner: who(owner), apiVersion: 'apps/v1', workload, revision }
  const command = { at: 30, ...facts, unfinished: new Set<string>() }
  return changesOf(world.decide('follow', command))
}

describe('R19: how many addresses a Deployment of three may use', () => {
  const three = () => worldOf(['a', 'b', 'c'].map((pod, at) => bound(at + 2, pod)))
  const GETS = `bind 10.0.1.5 -> bound ${DP}d`
  const WAITS = 'deployment api has allocated 3 ips with replicas of 3, wait for releasing'

  test.each<[string, Workload, string]>([
    ['old pods are there: one more', rolling(3), GETS],
    ['only new ones, not all yet: one more', rolling(3, { stage: 'finishing' }), GETS],
    ['its rollout is over: no more', rolling(3, OVER), WAITS],
    ['nobody can tell: no more', rolling(3, { stage: 'unclear' }), WAITS],
    ['Recreate or maxSurge 0: no more', rolling(3, { maxSurge: 0, keepsOldPods: false }), WAITS],
    ['without the annotation: no more', rolling(3, { surgeAllowed: false, keepsOldPods: false }), WAITS],
    ['a StatefulSet’s facts, or those of an older floatip: no more', scaled(3), WAITS],
    ['gone', GONE, 'deployment api has allocated 3 ips with replicas of 0, wait for releasing'],
  ])('%s', (_, workload, expected) => {
    expect(asks(three(), 'd', workload)).toBe(expected)
  })

  test('no more than maxSurge', () => {
    const world = worldOf([...['a', 'b'].map((pod, at) => bound(at + 2, pod)), bound(4, 'c', { surge: true })])
    expect(asks(world, 'd', rolling(2))).toBe(
      'deployment api has allocated 3 ips with replicas of 2, wait for releasing',
    )
  })

  test('what is taken beyond the replicas is marked; what was kept, and what is within them, is not', () => {
    const world = three()
    asks(world, 'd', rolling(3))
    expect(world.row('10.0.1.5')?.surge).toBe(true)
    const within = worldOf([bound(2, 'a')])
    asks(within, 'd', rolling(3))
    expect(within.row('10.0.1.3')?.surge).toBe(false)
    const again = worldOf([bound(2, 'a'), kept(3)])
    asks(again, 'd', rolling(1))
    expect(again.row('10.0.1.3')).toMatchObject({ surge: false, phase: 'bound' })
  })

  test('a kept address comes before a free one', () => {
    const world = worldOf([bound(2, 'a'), bound(3, 'b'), kept(4)])
    expect(asks(world, 'd', rolling(2))).toBe(`bind 10.0.1.4 -> bound ${DP}d`)
  })

  test('a pool without a size follows the Deployment; one with a size stays within it', () => {
    const pooled = (pod: string) => `pool__blue_dp_ns_api_${pod}`
    const rows = () => [rowOf('10.0.1.2', pooled('a'), { policy: 2 })]
    const facts = rolling(1, { policy: 2, pool: 'blue', keepsOldPods: false })
    expect(asks(worldOf(rows()), pooled('d'), facts, { policy: 2 })).toBe(`bind 10.0.1.3 -> bound ${pooled('d')}`)
    expect(asks(worldOf(rows()), pooled('d'), facts, { policy: 2, poolSize: 1 })).toBe(
      'reached pool blue size limit of 1',
    )
  })
})

describe('R19: an ended pod’s address during a rollout with surge', () => {
  const four = () => worldOf([bound(2, 'a'), bound(3, 'b'), bound(4, 'c'), bound(5, 'd', { surge: true })])
  test.each<[string, Workload, string]>([
    ['is kept, although there are more than replicas', rolling(3), `keep 10.0.1.2 -> reserved ${DP}`],
    ['is kept while nobody can tell', rolling(3, { stage: 'unclear' }), `keep 10.0.1.2 -> reserved ${DP}`],
    ['is freed when it ends after the rollout', rolling(3, OVER), 'free 10.0.1.2 -> free'],
    ['is freed at once without the annotation', rolling(3, { surgeAllowed: false }), 'free 10.0.1.2 -> free'],
    ['is freed when its Deployment is gone', GONE, 'free 10.0.1.2 -> free'],
  ])('%s', (_, workload, change) => {
    expect(ends(four(), 'a', workload)).toEqual([change])
  })

  test('a lent one is kept as lent', () => {
    const world = four()
    ends(world, 'd', rolling(3))
    expect(world.row('10.0.1.5')).toMatchObject({ surge: true, phase: 'reserved' })
  })
})

describe('R19: when the rollout is over', () => {
  const policies = [
    ['immutable', 1],
    ['never', 2],
  ] as const

  test.each(policies)(
    '%s: one kept address goes for the lent one that a pod has, and that one is its own',
    (_, policy) => {
      const rows = () => [
        ...[bound(2, 'a', { policy }), bound(3, 'b', { policy })],
        ...[bound(5, 'd', { policy, surge: true }), kept(4, { policy })],
      ]
      const world = worldOf(rows())
      expect(follows(world, rolling(3, { policy }))).toEqual([])
      expect(follows(world, rolling(3, { policy, stage: 'unclear' }))).toEqual([])
      expect(follows(world, rolling(3, { policy, ...OVER }))).toEqual([
        'free 10.0.1.4 -> free',
        `settle 10.0.1.5 -> bound ${DP}d`,
      ])
      expect(world.rows()).toHaveLength(3)
      expect(world.row('10.0.1.5')?.surge).toBe(false)
      expect(follows(world, rolling(3, { policy, ...OVER }))).toEqual([])
    },
  )

  test.each(policies)('%s: of those kept the lent one goes first, then the newest', (_, policy) => {
    const rows = [
      ...[bound(2, 'a', { policy }), kept(3, { policy, updatedAt: 9 }), kept(4, { policy, updatedAt: 8 })],
      kept(5, { policy, updatedAt: 1, surge: true }),
    ]
    expect(follows(worldOf(rows), rolling(3, { policy, ...OVER }))).toEqual(['free 10.0.1.5 -> free'])
    const other = rows.map(row => ({ ...row, surge: row.address.text === '10.0.1.2' }))
    expect(follows(worldOf(other), rolling(3, { policy, ...OVER }))[0]).toBe('free 10.0.1.3 -> free')
  })

  test('never: what was kept before the rollout stays, however few replicas there are', () => {
    const never = { policy: 2 } as const
    const scaledDown = [bound(2, 'a', never), kept(3, never), kept(4, { ...never, updatedAt: 1 })]
    expect(follows(worldOf(scaledDown), rolling(1, { ...never, ...OVER }))).toEqual([])
    const lent = [...scaledDown, bound(5, 'd', { ...never, surge: true })]
    expect(follows(worldOf(lent), rolling(2, { ...never, ...OVER }))).toEqual([
      'free 10.0.1.4 -> free',
      `settle 10.0.1.5 -> bound ${DP}d`,
    ])
  })

  test('an old pod that still ends pays when it has ended', () => {
    const never = { policy: 2 } as const
    const world = worldOf([bound(2, 'a', never), bound(5, 'd', { ...never, surge: true })])
    const over = rolling(1, { ...never, ...OVER })
    expect(follows(world, over)).toEqual([])
    expect(ends(world, 'a', over)).toEqual([`keep 10.0.1.2 -> reserved ${DP}`])
    expect(follows(world, over)).toEqual(['free 10.0.1.2 -> free', `settle 10.0.1.5 -> bound ${DP}d`])
  })

  test('scaled up meanwhile: nothing is owed', () => {
    const world = worldOf([bound(2, 'a', { policy: 2 }), bound(5, 'd', { policy: 2, surge: true })])
    expect(follows(world, rolling(2, { policy: 2, ...OVER }))).toEqual([`settle 10.0.1.5 -> bound ${DP}d`])
  })

  test('the annotation was taken away meanwhile: what is owed is paid all the same', () => {
    const rows = [kept(2, { policy: 2 }), bound(5, 'd', { policy: 2, surge: true })]
    const facts = { policy: 2, surgeAllowed: false } as const
    expect(follows(worldOf(rows), rolling(1, facts))).toEqual([])
    expect(follows(worldOf(rows), rolling(1, { ...facts, ...OVER }))[0]).toBe('free 10.0.1.2 -> free')
  })

  test.each([GONE, rolling(1, { policy: 0, ...OVER })])('gone, or keeping none now: never keeps no lent one', end => {
    const rows = [kept(2, { policy: 2 }), kept(5, { policy: 2, surge: true })]
    expect(follows(worldOf(rows), end)).toEqual(['free 10.0.1.5 -> free'])
  })

  test('a pool keeps one address less for each that was lent, and no fewer', () => {
    const rows = [
      rowOf('10.0.1.2', 'pool__blue_dp_ns_api_d', { policy: 2, surge: true }),
      rowOf('10.0.1.3', 'pool__blue_dp_ns_other_x', { policy: 2 }),
      ...[4, 5].map(last => keptRow(`10.0.1.${last}`, 'pool__blue_', { policy: 2, updatedAt: last })),
    ]
    const over = rolling(1, { policy: 2, pool: 'blue', ...OVER })
    expect(follows(worldOf(rows), over, { owner: 'pool__blue_dp_ns_api_' })).toEqual([
      'free 10.0.1.5 -> free',
      'settle 10.0.1.2 -> bound pool__blue_dp_ns_api_d',
    ])
    expect(follows(worldOf(rows), over)).toEqual([])
  })
})

test('R19: three replicas roll one by one; two of three addresses come back', () => {
  const world = worldOf(['a', 'b', 'c'].map((pod, at) => bound(at + 2, pod)))
  const facts = rolling(3)
  const log = [asks(world, 'd', facts), ...ends(world, 'a', facts), asks(world, 'e', facts), ...ends(world, 'b', facts)]
  log.push(asks(world, 'f', facts), ...ends(world, 'c', facts), ...follows(world, rolling(3, OVER)))
  expect(log).toEqual([
    `bind 10.0.1.5 -> bound ${DP}d`,
    `keep 10.0.1.2 -> reserved ${DP}`,
    `bind 10.0.1.2 -> bound ${DP}e`,
    `keep 10.0.1.3 -> reserved ${DP}`,
    `bind 10.0.1.3 -> bound ${DP}f`,
    `keep 10.0.1.4 -> reserved ${DP}`,
    'free 10.0.1.4 -> free',
    `settle 10.0.1.5 -> bound ${DP}d`,
  ])
})

describe('R15: the template keeps no addresses any more', () => {
  const none = { policy: 0, surgeAllowed: false } as const
  const rows = [kept(2), kept(3, { policy: 2 }), bound(4, 'new', { policy: 0 })]
  test.each<[string, Workload, readonly string[]]>([
    ['its rollout is over: what was kept goes, policy never stays', rolling(3, { ...none, ...OVER }), ['10.0.1.2']],
    ['the same for pods that are in a pool now', rolling(3, { policy: 2, pool: 'blue', ...OVER }), ['10.0.1.2']],
    ['old pods are there', rolling(3, none), []],
    ['not all new pods are there', rolling(3, { ...none, stage: 'finishing' }), []],
    ['without a status', rolling(3, { ...none, stage: 'unclear' }), []],
    ['without a rollout', scaled(3), []],
    ['the Deployment could not be read', UNLOOKED, []],
  ])('%s', (_, workload, freed) => {
    expect(follows(worldOf(rows), workload)).toEqual(freed.map(address => `free ${address} -> free`))
  })
  test('a pod that has a policy all the same is doubt', () => {
    const world = worldOf([kept(2), bound(4, 'new')])
    const templates = [none, { policy: 2, pool: 'blue' } as const].map(each => rolling(3, { ...each, ...OVER }))
    expect(templates.flatMap(each => follows(world, each))).toEqual([])
  })
})

describe('R10: a workload that was read before the pod ended frees nothing that was kept since', () => {
  test.each([
    ['gone', GONE],
    ['scaled to 0', scaled(0)],
    ['a template that keeps none', rolling(1, { policy: 0, surgeAllowed: false, ...OVER })],
  ])('R10: %s', (_, workload) => {
    const world = worldOf([bound(2, 'a')])
    const { revision } = world
    ends(world, 'a', scaled(1))
    expect(follows(world, workload, { revision })).toEqual([])
    expect(follows(world, workload)).toEqual(['free 10.0.1.2 -> free'])
  })

  test('R10: of a StatefulSet too', () => {
    const world = worldOf([rowOf('10.0.1.2', 'sts_ns_web_web-0', { policy: 1 })])
    const { revision } = world
    ends(world, 'web-0', scaled(1))
    expect(follows(world, GONE, { owner: 'sts_ns_web_', revision })).toEqual([])
    expect(follows(world, GONE, { owner: 'sts_ns_web_' })).toEqual(['free 10.0.1.2 -> free'])
  })
})

describe('a rolling update that waits for itself', () => {
  const TEXT =
    'deployment api has allocated 1 ips with replicas of 1, wait for releasing: its rolling update ends no old pod before a new one runs, so set maxSurge: 0 or strategy Recreate, or annotate its pod template with k8s.v1.cni.galaxy.io/rollout-surge: allow'
  const PLAIN = 'deployment api has allocated 1 ips with replicas of 1, wait for releasing'
  const stuck = { surgeAllowed: false } as const

  function told(workload: Workload, words: PodWords = {}, key = `${DP}d`) {
    const world = worldOf([rowOf('10.0.1.2', key.replace(/d$/, 'a'), { policy: 1 })])
    const demand = demandOf(key, { policy: 1, workload, ...words })
    const done = world.decide('filter', { at: 1, demand, groups: [world.group('10.1.9.9')] })
    const [verdict] = isRefusal(done) ? [done] : [...done.answer.verdicts.values()]
    return verdict === null || verdict === undefined ? null : [verdict.code, verdict.because]
  }

  test.each<[string, Workload, string]>([
    ['old pods stay until a new one runs', rolling(1, stuck), TEXT],
    ['an old pod goes first', rolling(1, { ...stuck, keepsOldPods: false }), PLAIN],
    ['no old pod is left', rolling(1, { ...stuck, stage: 'finishing' }), PLAIN],
    ['nobody can tell', rolling(1, { ...stuck, stage: 'unclear' }), PLAIN],
    ['its rollout is over: the old pod is on its way out', rolling(1, { ...stuck, ...OVER }), PLAIN],
    ['without facts of its rollout', scaled(1), PLAIN],
  ])('%s', (_, workload, because) => {
    expect(told(workload)).toEqual([because === TEXT ? 'rollout-deadlock' : 'limit-reached', because])
  })

  test('with the annotation it does not wait', () => {
    expect(told(rolling(1))).toBeNull()
  })

  test('in a pool that has a size: its old pods have the addresses; the pods of others may end', () => {
    const mine = 'pool__blue_dp_ns_api_d'
    const facts = rolling(1, { policy: 2, pool: 'blue' })
    expect(told(facts, { policy: 2, poolSize: 1 }, mine)).toEqual([
      'rollout-deadlock',
      'reached pool blue size limit of 1: its rolling update ends no old pod before a new one runs, so set maxSurge: 0 or strategy Recreate, or give the pool a larger size',
    ])
    const world = worldOf([rowOf('10.0.1.2', 'pool__blue_dp_ns_other_x', { policy: 2 })])
    expect(asks(world, mine, facts, { policy: 2, poolSize: 1 })).toBe('reached pool blue size limit of 1')
  })
})
