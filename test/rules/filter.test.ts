/** Owns the tables of filter: on which nodes a pod can have its addresses, and what is held for it. */
import { describe, expect, test } from 'bun:test'
import { GONE, UNLOOKED } from '../../src/domain/demand.ts'
import { isRefusal, refusal } from '../../src/domain/refusal.ts'
import { changesOf, demandOf, keptRow, type PodWords, ranges, rowOf, scaled, type World, worldOf } from './world.ts'

const NODES = { a: '10.1.9.9', b: '10.2.0.1', nested: '10.1.1.1' }

/** What filter says per node: `yes`, or the code of the refusal. */
function ask(world: World, key: string, words: PodWords = {}, nodes: Record<string, string> = NODES) {
  const groups = Object.values(nodes).map(text => world.group(text))
  const done = world.decide('filter', { at: 5, demand: demandOf(key, words), groups })
  if (isRefusal(done)) throw new Error('filter never refuses as a whole')
  const said = Object.keys(nodes).map((name, at) => [
    name,
    done.answer.verdicts.get(groups[at]?.id ?? '')?.code ?? 'yes',
  ])
  return {
    verdicts: Object.fromEntries(said),
    because: [...done.answer.verdicts.values()],
    holds: done.answer.holds,
    changes: changesOf(done),
  }
}

const ALL = { a: 'yes', b: 'yes', nested: 'yes' }
const none = (code: string) => ({ a: code, b: code, nested: code })
const POLICY = { release: 0, immutable: 1, never: 2 } as const

describe('policy x workload: who may have an address at all', () => {
  const bare = 'NULL_ns_NULL_lone'
  const numbered = 'NULL_ns_NULL_lone-3'
  test.each([
    ['release', 'StatefulSet', 'sts_ns_web_web-0', ALL],
    ['immutable', 'StatefulSet', 'sts_ns_web_web-0', ALL],
    ['never', 'StatefulSet', 'sts_ns_web_web-0', ALL],
    ['release', 'Deployment', 'dp_ns_api_api-x', ALL],
    ['immutable', 'Deployment', 'dp_ns_api_api-x', ALL],
    ['never', 'Deployment', 'dp_ns_api_api-x', ALL],
    ['release', 'other kind', 'job_ns_b_b-x', ALL],
    ['immutable', 'kind with a scale, numbered pod', 'job_ns_b_b-3', ALL],
    ['immutable', 'kind with a scale, pod without number', 'job_ns_b_b-x', none('policy-not-supported')],
    ['immutable', 'kind with a scale, pod of another name', 'job_ns_b_c-3', none('policy-not-supported')],
    ['never', 'other kind, numbered pod', 'job_ns_b_b-3', ALL],
    ['never', 'other kind, pod without number', 'job_ns_b_b-x', none('policy-not-supported')],
    ['release', 'bare pod', bare, ALL],
    ['immutable', 'bare pod', bare, none('policy-not-supported')],
    ['never', 'bare pod with a number', numbered, ALL],
    ['never', 'bare pod without', bare, none('policy-not-supported')],
  ] as const)('%s, %s %s', (policy, _, key, verdicts) => {
    const world = worldOf()
    expect(ask(world, key, { policy: POLICY[policy] })).toMatchObject({ verdicts, changes: [], holds: null })
  })

  const not = (policy: string, pod: string) => `release policy ${policy} is not supported for pod ${pod}`
  test.each([
    ['job_ns_b_b-x', 1, `${not('immutable', 'b-x of kind job')}: its name must be b-<number>`],
    ['NULL_ns_NULL_lone', 1, not('immutable', 'lone of no workload')],
    ['NULL_ns_NULL_lone', 2, `${not('never', 'lone of no workload')}: its name does not end in -<number>`],
  ] as const)('the reason is written for the owner: %s, policy %i', (key, policy, because) => {
    expect(ask(worldOf(), key, { policy }).because[0]?.because).toBe(because)
  })

  test('immutable needs a kind that tells how many pods it wants', () => {
    const workload = { state: 'unscaled', because: 'jobs.example defines no scale' } as const
    const { because } = ask(worldOf(), 'job_ns_b_b-3', { policy: 1, workload })
    expect(because[0]?.because).toBe(`${not('immutable', 'b-3 of kind job')}: jobs.example defines no scale`)
  })

  test('what the author must mend first is said of every node', () => {
    const problem = refusal('request-not-possible', 'annotation x is not JSON')
    expect(ask(worldOf(), 'sts_ns_web_web-0', { problem }).verdicts).toEqual(none('request-not-possible'))
  })
})

describe('where the addresses come from', () => {
  test('no free address in a subnet: its nodes drop out, a nested node still has the wide subnet', () => {
    const rows = ['10.0.2.2', '10.0.2.3', '10.0.2.4', '10.0.2.5', '10.0.3.2', '10.0.3.3'].map((a, at) =>
      rowOf(a, `sts_ns_old_old-${at}`),
    )
    const { verdicts, because } = ask(worldOf(rows), 'sts_ns_web_web-0')
    expect(verdicts).toEqual({ a: 'yes', b: 'no-address-left', nested: 'yes' })
    expect(because[1]?.because).toBe('no free address for nodes in 10.2.0.0/16')
  })

  test('an address kept for the key: only nodes that can use it', () => {
    const world = worldOf([keptRow('10.0.2.3', 'sts_ns_web_web-0')])
    const { verdicts, because } = ask(world, 'sts_ns_web_web-0', { policy: 1 })
    expect(verdicts).toEqual({ a: 'address-elsewhere', b: 'yes', nested: 'address-elsewhere' })
    expect(because[0]?.because).toBe('the pod keeps 10.0.2.3, which is not usable in 10.1.0.0/16')
  })

  test('an address in the nested subnet: only nested nodes', () => {
    const world = worldOf([keptRow('10.0.3.3', 'sts_ns_web_web-0')])
    expect(ask(world, 'sts_ns_web_web-0', { policy: 1 }).verdicts).toEqual({
      a: 'address-elsewhere',
      b: 'address-elsewhere',
      nested: 'yes',
    })
  })

  test('several addresses: the intersection of their nodes', () => {
    const request = [ranges('10.0.1.0/24'), ranges('10.0.3.0/24')]
    const key = 'sts_ns_web_web-0'
    const world = worldOf([keptRow('10.0.1.2', key), keptRow('10.0.3.2', key, { index: 1 })])
    expect(ask(world, key, { policy: 1, request }).verdicts).toEqual({
      a: 'address-elsewhere',
      b: 'address-elsewhere',
      nested: 'yes',
    })
  })

  test('the same pod again: nothing changes', () => {
    const world = worldOf([rowOf('10.0.2.3', 'sts_ns_web_web-0')])
    expect(ask(world, 'sts_ns_web_web-0')).toMatchObject({ verdicts: { b: 'yes' }, changes: [], holds: null })
  })

  test('a pod of the same name with another UID waits until the end of the old one is seen', () => {
    const world = worldOf([rowOf('10.0.2.3', 'sts_ns_web_web-0')])
    const { verdicts, because } = ask(world, 'sts_ns_web_web-0', { uid: 'web-0#2' })
    expect(verdicts).toEqual(none('waiting-for-old-pod'))
    expect(because[0]?.because).toBe('waiting for delete event of sts_ns_web_web-0 before reuse this ip')
  })

  test('an address adopted without a UID is its key’s', () => {
    const world = worldOf([rowOf('10.0.2.3', 'sts_ns_web_web-0', { incarnation: 'unknown' })])
    expect(ask(world, 'sts_ns_web_web-0', { uid: 'web-0#2' }).verdicts).toMatchObject({
      a: 'address-elsewhere',
      b: 'yes',
    })
  })

  test('R16 an orphan constrains nothing: neither the nodes nor a new incarnation', () => {
    const world = worldOf([rowOf('10.0.9.9', 'sts_ns_web_web-0')])
    expect(ask(world, 'sts_ns_web_web-0', { uid: 'web-0#2', policy: 1 }).verdicts).toEqual(ALL)
  })

  test('an address that an administrator reserved is nobody’s', () => {
    const world = worldOf([keptRow('10.0.2.3', 'sts_ns_web_web-0', { blocked: true })])
    expect(ask(world, 'sts_ns_web_web-0', { policy: 1 }).verdicts).toEqual(ALL)
  })

  test('a node with both families may have either', () => {
    const world = worldOf()
    const both = world.group('10.2.0.1', 'fd00::1')
    const done = world.decide('filter', { at: 5, demand: demandOf('sts_ns_web_web-0'), groups: [both] })
    expect(isRefusal(done) || done.answer.verdicts.get(both.id)).toBeNull()
  })
})

describe('limits of Deployments that keep addresses', () => {
  const pods = (count: number) =>
    Array.from({ length: count }, (_, at) => rowOf(`10.0.1.${at + 2}`, `dp_ns_api_api-${at}`, { policy: 1 }))

  test.each([
    ['below', 2, scaled(3), ALL],
    ['at the limit', 3, scaled(3), none('limit-reached')],
    ['above: scaled down meanwhile', 3, scaled(2), none('limit-reached')],
    ['gone: no replicas', 0, GONE, none('limit-reached')],
    ['could not be read: none for now', 0, UNLOOKED, none('limit-reached')],
  ])('%s', (_, used, workload, verdicts) => {
    expect(ask(worldOf(pods(used)), 'dp_ns_api_api-new', { policy: 1, workload }).verdicts).toEqual(verdicts)
  })

  test('the text names Deployment, use and replicas', () => {
    const { because } = ask(worldOf(pods(3)), 'dp_ns_api_api-new', { policy: 2, workload: scaled(3) })
    expect(because[0]?.because).toBe('deployment api has allocated 3 ips with replicas of 3, wait for releasing')
  })

  test('policy release has no limit', () => {
    expect(ask(worldOf(pods(3)), 'dp_ns_api_api-new', { policy: 0 }).verdicts).toEqual(ALL)
  })

  test('orphans and other Deployments do not count', () => {
    const rows = [
      rowOf('10.0.9.9', 'dp_ns_api_api-0'),
      rowOf('10.0.1.3', 'dp_ns_other_other-0'),
      rowOf('10.0.1.4', 'dp_else_api_api-0'),
    ]
    expect(ask(worldOf(rows), 'dp_ns_api_api-new', { policy: 1, workload: scaled(1) }).verdicts).toEqual(ALL)
  })

  test('a pod that has its address is served at the limit', () => {
    expect(ask(worldOf(pods(3)), 'dp_ns_api_api-0', { policy: 1, workload: scaled(1) }).verdicts).toMatchObject({
      a: 'yes',
    })
  })

  test('requested ranges do not go with it', () => {
    const { verdicts, because } = ask(worldOf(), 'dp_ns_api_api-x', { policy: 1, request: [ranges('10.0.1.2')] })
    expect(verdicts).toEqual(none('request-not-possible'))
    expect(because[0]?.because).toBe('request_ip_range is not supported for a Deployment with policy immutable')
  })
})

describe('kept addresses are taken in filter', () => {
  const kept = [
    keptRow('10.0.1.2', 'dp_ns_api_', { updatedAt: 10, revision: 3 }),
    keptRow('10.0.2.2', 'dp_ns_api_', { updatedAt: 30, revision: 5 }),
    keptRow('10.0.1.3', 'dp_ns_api_', { updatedAt: 20, revision: 4 }),
  ]

  test('the newest first; then only nodes that can use that one qualify', () => {
    const world = worldOf(kept)
    expect(ask(world, 'dp_ns_api_api-x', { policy: 1 })).toMatchObject({
      verdicts: { a: 'address-elsewhere', b: 'yes', nested: 'address-elsewhere' },
      changes: ['hold 10.0.2.2 -> held dp_ns_api_api-x'],
      holds: 'api-x#1',
    })
    expect(world.row('10.0.2.2')).toMatchObject({ incarnation: 'api-x#1', node: null, policy: 1 })
  })

  test('the newest that an asked node can use', () => {
    expect(ask(worldOf(kept), 'dp_ns_api_api-x', { policy: 1 }, { a: NODES.a })).toMatchObject({
      verdicts: { a: 'yes' },
      changes: ['hold 10.0.1.3 -> held dp_ns_api_api-x'],
    })
  })

  test('kept in one turn: the later change counts as newer', () => {
    const same = kept.map(row => ({ ...row, updatedAt: 7 }))
    expect(ask(worldOf(same), 'dp_ns_api_api-x', { policy: 1 }).changes).toEqual([
      'hold 10.0.2.2 -> held dp_ns_api_api-x',
    ])
  })

  test('R2 an owner that keeps addresses gets no other: nodes elsewhere drop out', () => {
    const { verdicts, because, changes } = ask(
      worldOf(kept.slice(1, 2)),
      'dp_ns_api_api-x',
      { policy: 1 },
      { a: NODES.a },
    )
    expect(verdicts).toEqual({ a: 'address-elsewhere' })
    expect(because[0]?.because).toBe('the workload keeps 10.0.2.2, not usable in 10.1.0.0/16')
    expect(changes).toEqual([])
  })

  test('the next filter of the same pod renews the hold and takes no second', () => {
    const world = worldOf(kept)
    ask(world, 'dp_ns_api_api-x', { policy: 1 })
    expect(ask(world, 'dp_ns_api_api-x', { policy: 1 })).toMatchObject({
      changes: [],
      holds: 'api-x#1',
      verdicts: { b: 'yes' },
    })
  })

  test('policy release never takes what others keep', () => {
    expect(ask(worldOf(kept), 'dp_ns_api_api-x', { policy: 0 })).toMatchObject({ verdicts: ALL, changes: [] })
  })

  test('parallel filters never hold more than the replicas', () => {
    const world = worldOf(kept)
    const asked = ['p', 'q', 'r'].map(pod => ask(world, `dp_ns_api_${pod}`, { policy: 1, workload: scaled(2) }))
    expect(asked.map(said => said.changes.length)).toEqual([1, 1, 0])
    expect(asked[2]?.verdicts).toEqual(none('limit-reached'))
  })
})

describe('requested ranges', () => {
  const key = 'sts_ns_web_web-0'
  test.each([
    [
      'one list: where it has a free address',
      [ranges('10.0.2.0/24')],
      { a: 'no-address-left', b: 'yes', nested: 'no-address-left' },
    ],
    [
      'two lists: where the whole request fits',
      [ranges('10.0.1.0/24'), ranges('10.0.3.0/24')],
      { a: 'no-address-left', b: 'no-address-left', nested: 'yes' },
    ],
    ['two lists, one address', [ranges('10.0.2.2'), ranges('10.0.2.2')], none('no-address-left')],
    [
      'overlapping lists, solved exactly',
      [ranges('10.0.2.2~10.0.2.3'), ranges('10.0.2.2')],
      { a: 'no-address-left', b: 'yes', nested: 'no-address-left' },
    ],
    ['a list outside the configuration', [ranges('10.0.2.2'), ranges('172.16.0.0/16')], none('request-not-possible')],
    ['IPv6 where no asked node has it', [ranges('2001:db8::/64')], none('no-address-left')],
  ] as const)('%s', (_, request, verdicts) => {
    expect(ask(worldOf(), key, { request }).verdicts).toEqual(verdicts as Record<string, string>)
  })

  test('the reason names list and ranges', () => {
    const { because } = ask(worldOf(), key, { request: [ranges('10.0.2.2'), ranges('172.16.0.1~172.16.0.9')] })
    expect(because[0]?.because).toBe(
      'request_ip_range[1] (172.16.0.1~172.16.0.9) has no address of the configuration floatingips',
    )
    expect(ask(worldOf(), key, { request: [ranges('10.0.2.2')] }).because[0]?.because).toBe(
      'no free address for the requested ranges for nodes in 10.1.0.0/16',
    )
  })
})
