/** Owns the proof of what the tables leave between their rows: owners of every kind with each policy and in pools, what changes between two lives of a name, and floatip killed in between. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  byHand,
  HASH,
  type Hand,
  type HandOptions,
  handNamespace,
  type OwnedBy,
  ownedByDeployment,
  ownedBySet,
  stopEverybody,
} from './harness/by-hand.ts'
import { type Cluster, kind } from './harness/cluster.ts'
import { galaxysObject } from './harness/galaxy.ts'
import { eventually, type Kube, type KubeObject } from './harness/kube.ts'
import { ARGS, deployment, POLICY, POOL, type Pod, paths, statefulSet } from './harness/objects.ts'
import { STAGE_LIMIT_MS, type Stage, startStage } from './harness/stage.ts'

const LIMIT_MS = 120_000
const KEPT = '{"NodeName":"","Uid":""}'
const FOLLOWED_WITHIN_MS = 2_000
let stage: Stage
let hand: Hand

beforeAll(async () => {
  if (kind === 'demo') return
  const ips = (third: string) => [`${third}.10~${third}.99`]
  stage = await startStage(
    [
      { name: 'a', nodes: 2, ips },
      { name: 'b', nodes: 1, ips },
    ],
    { beforehand },
  )
  hand = byHand(stage)
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), LIMIT_MS)

/** What somebody wrote who had read the definition only. */
async function beforehand(cluster: Cluster, kube: Kube): Promise<void> {
  await stopEverybody({ cluster })
  for (const name of ['n', 'm']) await handNamespace({ cluster, kube }, name)
  for (const [address, key, policy, attribute] of [
    ['10.50.0.10', 'garbage', 0, '{}'],
    ['10.50.0.11', 'sts_n_old_old-0', 7, KEPT],
    ['10.50.0.12', 'sts_n_old_old-1', 2, 'no JSON'],
    ['10.50.0.13', 'NULL_n_NULL_gone', 0, '{"NodeName":"a-0","Uid":"dead"}'],
    ['10.50.0.14', 'sts_n_old_old-2', 2, '{"NodeName":"a-0","Uid":"dead"}'],
    ['not-an-address', 'sts_n_old_old-3', 2, KEPT],
  ] as const) {
    await kube.create(paths.floatingIps, galaxysObject({ address, key, policy, attribute }))
  }
}

const owned = (apiVersion: string, kind: string, name: string): OwnedBy => ({ apiVersion, kind, name })
const OWNERS = {
  DaemonSet: owned('apps/v1', 'DaemonSet', 'ds'),
  Job: owned('batch/v1', 'Job', 'job'),
  ReplicaSet: owned('apps/v1', 'ReplicaSet', 'rs'),
  Foo: owned('foo.example.com/v1', 'Foo', 'foo'),
  // A reference that is not the controller's says nothing.
  'StatefulSet that is no controller': { ...ownedBySet('db'), controller: false },
  nobody: null,
} as const
const ownedAs = (name: keyof typeof OWNERS) => {
  const owner = OWNERS[name]
  return owner === null ? {} : { owner }
}
const ofDeployment = (name: string, more: HandOptions = {}) => ({
  owner: ownedByDeployment(name),
  labels: HASH,
  ...more,
})
const keptAs = (key: string, policy = 2) => ({ key, policy, attribute: KEPT })
const one = async (made: Pod, nodes: readonly string[] = ['a-0']) => (await hand.place(made, nodes))[0] ?? ''
const makeDeployment = (name: string, replicas: number) =>
  stage.kube.create(paths.deployments('n'), deployment(name, { stage: 'a', replicas }))

/** Null: it has no object. */
async function becomes(ip: string, expected: object | null): Promise<void> {
  let last: unknown
  const is = async () => {
    const spec = (await hand.stored(ip))?.spec
    last = spec === undefined ? null : { key: spec.key, policy: spec.policy, attribute: spec.attribute }
    return Bun.deepEquals(last, expected)
  }
  await eventually(`${ip} is so`, is, { withinMs: FOLLOWED_WITHIN_MS }).catch(() => expect(last).toEqual(expected))
}

describe.skipIf(kind === 'demo')('between the rows', () => {
  test('objects that cannot be read stay as they are and block their address; of a dead pod the policy says', async () => {
    await becomes('10.50.0.13', null)
    await becomes('10.50.0.14', keptAs('sts_n_old_old-2'))
    expect((await hand.stored('10.50.0.10'))?.spec.key).toBe('garbage')
    expect((await hand.stored('10.50.0.11'))?.spec.policy).toBe(7)
    expect((await hand.stored('not-an-address'))?.spec.key).toBe('sts_n_old_old-3')
    expect(await one(await hand.pod('n', 'first'))).not.toMatch(/^10\.50\.0\.1[0-24]$/)
    const again = await hand.pod('n', 'old-1', { owner: ownedBySet('old'), policy: 'never' })
    expect(await one(again, ['a-1'])).toBe('10.50.0.12')
  })

  test.each([
    ['immutable', 'DaemonSet', 'ds-1'],
    ['immutable', 'ReplicaSet', 'rs-1'],
    ['immutable', 'Foo', 'foo-1'],
    ['immutable', 'nobody', 'bare-1'],
    ['never', 'DaemonSet', 'ds-abcde'],
    ['never', 'Job', 'job-abcde'],
    ['never', 'nobody', 'bare'],
  ] as const)(
    'policy %s is refused for a pod of %s, %s: by filter and by bind, and nothing is taken',
    async (policy, owner, name) => {
      const made = await hand.pod('n', name, { policy, ...ownedAs(owner) })
      const answer = await hand.filter(made, ['a-0', 'b-0'])
      expect(answer).toMatchObject({ NodeNames: [], Error: '' })
      for (const node of ['a-0', 'b-0']) expect(answer.FailedNodes[node]).toStartWith(`release policy ${policy} `)
      expect(await hand.bind(made, 'a-0')).toStartWith(`release policy ${policy} `)
      expect((await hand.list(`podName=${name}`)).totalElements).toBe(0)
    },
  )

  test.each([
    ['never', 'DaemonSet', 'ds-12345', 'daemonset_n_ds_ds-12345'],
    ['never', 'Job', 'job-2', 'job_n_job_job-2'],
    ['never', 'ReplicaSet', 'rs-2', 'replicaset_n_rs_rs-2'],
    ['never', 'Foo', 'foo-2', 'foo_n_foo_foo-2'],
    ['never', 'StatefulSet that is no controller', 'db-0', 'NULL_n_NULL_db-0'],
  ] as const)('policy %s keeps for a pod of %s, %s, and it comes back', async (policy, owner, name, key) => {
    const made = await hand.pod('n', name, { policy, ...ownedAs(owner) })
    const ip = await one(made)
    await hand.remove(made)
    await becomes(ip, keptAs(key))
    expect(await one(await hand.pod('n', name, { policy, ...ownedAs(owner) }), ['b-0', 'a-1'])).toBe(ip)
  })

  test.each([
    ['pooled', 'nobody', 'pool__any_NULL_n_NULL_pooled', 'pool__any_'],
    ['pooled-3', 'nobody', 'pool__any_NULL_n_NULL_pooled-3', 'pool__any_NULL_n_NULL_pooled-3'],
    ['job-xyzab', 'Job', 'pool__any_job_n_job_job-xyzab', 'pool__any_'],
    ['ds-xyzab', 'DaemonSet', 'pool__any_daemonset_n_ds_ds-xyzab', 'pool__any_'],
    ['rs-xyzab', 'ReplicaSet', 'pool__any_replicaset_n_rs_rs-xyzab', 'pool__any_'],
    ['foo-7', 'Foo', 'pool__any_foo_n_foo_foo-7', 'pool__any_foo_n_foo_foo-7'],
  ] as const)('in a pool, whatever release-policy says: %s of %s', async (name, owner, key, kept) => {
    const made = await hand.pod('n', name, { pool: 'any', policy: 'immutable', ...ownedAs(owner) })
    const ip = await one(made)
    expect((await hand.stored(ip))?.spec).toMatchObject({ key, policy: 2 })
    await hand.remove(made)
    await becomes(ip, keptAs(kept))
  })

  test('the policy of a StatefulSet’s pod changes from life to life: the address goes with it until the policy is none', async () => {
    await stage.kube.create(paths.statefulSets('n'), statefulSet('turns', { stage: 'a', replicas: 1 }))
    const had = new Set<string>()
    for (const [policy, recorded] of [
      ['never', 2],
      ['immutable', 1],
      ['never', 2],
      ['', null],
    ] as const) {
      const made = await hand.pod('n', 'turns-0', { owner: ownedBySet('turns'), policy })
      const ip = await one(made, ['a-0', 'b-0'])
      had.add(ip)
      await hand.remove(made)
      await becomes(ip, recorded === null ? null : keptAs('sts_n_turns_turns-0', recorded))
    }
    expect(had.size).toBe(1)
  })

  test('the pool of a StatefulSet’s pod changes from life to life: in each it has an address of its own', async () => {
    const lives = [{ policy: 'never' }, { pool: 'p1' }, { pool: 'p2' }, { pool: 'p1' }, { policy: 'never' }]
    const had: string[] = []
    for (const life of lives) {
      const made = await hand.pod('n', 'moves-0', { owner: ownedBySet('moves'), ...life })
      const ip = await one(made)
      had.push(ip)
      const key = (await hand.stored(ip))?.spec.key ?? ''
      await hand.remove(made)
      await becomes(ip, keptAs(key))
    }
    const [plain, first, second] = had
    expect(new Set([plain, first, second]).size).toBe(3)
    expect(had.slice(3)).toEqual([first ?? '', plain ?? ''])
  })

  test('R9 annotations changed on a running pod change nothing of what was recorded at bind', async () => {
    const made = await hand.pod('n', 'fixed-0', { owner: ownedBySet('fixed'), policy: 'never' })
    const ip = await one(made)
    const annotations = { [POLICY]: null, [POOL]: 'other' }
    await stage.kube.patch(`${paths.pods('n')}/fixed-0`, { metadata: { annotations } })
    await hand.remove(made)
    await becomes(ip, keptAs('sts_n_fixed_fixed-0'))
  })

  test('of what a Deployment keeps the address kept last is taken first, also on one subnet of two', async () => {
    await makeDeployment('web', 3)
    const make = (x: number) => hand.pod('n', `web-69fd8dbc5c-${x}`, ofDeployment('web', { policy: 'never' }))
    const pods = [await make(0), await make(1), await make(2)]
    const ips: string[] = []
    for (const made of pods) ips.push(await one(made, ['a-0']))
    for (const at of [2, 0, 1]) {
      await hand.remove(pods[at] as Pod)
      await becomes(ips[at] ?? '', keptAs('dp_n_web_'))
    }
    const next = await make(3)
    const { NodeNames, FailedNodes } = await hand.filter(next, ['b-0', 'a-1'])
    expect(NodeNames).toEqual(['a-1'])
    expect(FailedNodes['b-0']).toStartWith('FloatingIPPlugin:NoFIPLeft')
    expect([await one(next), await one(await make(4)), await one(await make(5))]).toEqual(
      [1, 0, 2].map(at => ips[at] ?? ''),
    )
    expect(Object.values((await hand.filter(await make(6), ['a-0'])).FailedNodes)).toEqual([
      'deployment web has allocated 3 ips with replicas of 3, wait for releasing',
    ])
  })

  test('nobody keeps the status of a Deployment: scaled down, a pod’s end releases its address; at 0, and deleted, the kept ones go', async () => {
    await makeDeployment('app', 2)
    await makeDeployment('doomed', 1)
    const make = (app: string, x: number) =>
      hand.pod('n', `${app}-69fd8dbc5c-${x}`, ofDeployment(app, { policy: 'immutable' }))
    const [first, second, third] = [await make('app', 0), await make('app', 1), await make('doomed', 0)]
    const ips = [await one(first), await one(second), await one(third)]
    await stage.kube.patch(`${paths.deployments('n')}/app`, { spec: { replicas: 1 } })
    await hand.remove(first)
    await becomes(ips[0] ?? '', null)
    await hand.remove(second)
    await becomes(ips[1] ?? '', keptAs('dp_n_app_', 1))
    await stage.kube.patch(`${paths.deployments('n')}/app`, { spec: { replicas: 0 } })
    await becomes(ips[1] ?? '', null)
    await hand.remove(third)
    await becomes(ips[2] ?? '', keptAs('dp_n_doomed_', 1))
    await stage.kube.delete(`${paths.deployments('n')}/doomed`)
    await becomes(ips[2] ?? '', null)
  })

  test('the label reserved on a kept address: its owner gets another one, and it is free without the label', async () => {
    const options = { owner: ownedBySet('marked'), policy: 'never' }
    const made = await hand.pod('n', 'marked-0', options)
    const ip = await one(made)
    await hand.remove(made)
    await becomes(ip, keptAs('sts_n_marked_marked-0'))
    await stage.kube.patch(`${paths.floatingIps}/${ip}`, { metadata: { labels: { reserved: 'x' } } })
    await eventually('cleared', async () => (await hand.stored(ip))?.spec.key === '', { withinMs: FOLLOWED_WITHIN_MS })
    expect(await one(await hand.pod('n', 'marked-0', options))).not.toBe(ip)
    await stage.kube.patch(`${paths.floatingIps}/${ip}`, { metadata: { labels: { reserved: null } } })
    await becomes(ip, null)
  })

  test.each([
    ['', true],
    ['{"request_ip_range":[]}', true],
    ['{"request_ip_range":null}', true],
    ['{"common":{"ipinfos":[{"ip":"10.50.0.99/22","vlan":0,"gateway":"10.50.0.1"}]}}', true],
    ['{"request_ip_range":["10.50.0.90"]}', false],
    ['{"request_ip_range":[["10.50.0.91~10.50.0.90"]]}', false],
    ['{"request_ip_range":[["10.50.0.90"],["10.50.0.90"]]}', false],
    ['[]', false],
  ])('args %s: one address like any other, or refused: %p', async (args, passes) => {
    const made = await hand.pod('n', `args-${Bun.hash(args).toString(36)}`, { args })
    expect((await hand.filter(made, ['a-0'])).NodeNames).toEqual(passes ? ['a-0'] : [])
    if (!passes) return expect(await hand.bind(made, 'a-0')).not.toBe('')
    expect(await hand.place(made, ['a-0'])).not.toContain('10.50.0.99')
  })

  test('killed amid binds: asked again, each pod has one address, and its annotation says which', async () => {
    const make = (x: number) => hand.pod('m', `amid-${x}`, { owner: ownedBySet('amid'), policy: 'never' })
    const pods = await Promise.all(Array.from({ length: 20 }, (_, x) => make(x)))
    const broken = pods.map(made => hand.bind(made, 'b-0').catch(String))
    await Bun.sleep(30)
    await stage.floatip.kill()
    await Promise.all(broken)
    await stage.floatip.restart()
    expect((await Promise.all(pods.map(made => hand.bind(made, 'b-0')))).filter(failed => failed !== '')).toEqual([])
    const { content } = await hand.list('namespace=m&size=100')
    expect(new Set(content.map(({ ip }) => ip)).size).toBe(20)
    for (const { ip, podName } of content) {
      const { metadata } = await stage.kube.get<KubeObject>(`${paths.pods('m')}/${podName}`)
      expect(metadata.annotations?.[ARGS]).toContain(`"ip":"${ip}/22"`)
    }
  })

  test('replaced under their names while floatip is down: by policy, and the new pods are served', async () => {
    const make = (x: number, policy?: string) =>
      hand.pod('n', `down-${x}`, { owner: ownedBySet('down'), ...(policy !== undefined && { policy }) })
    const before = [await make(0), await make(1, 'never')]
    const ips = [await one(before[0] as Pod), await one(before[1] as Pod)]
    await stage.floatip.kill()
    for (const made of before) await hand.remove(made)
    const after = [await make(0), await make(1, 'never')]
    // The file is lost as well: the objects know.
    await stage.floatip.restart({ emptied: true })
    await eventually('released', async () => (await hand.stored(ips[0] ?? '')) === null)
    expect(await one(after[1] as Pod, ['b-0', 'a-1'])).toBe(ips[1] ?? '')
    expect(await one(after[0] as Pod)).not.toBe(ips[1] ?? '')
  })
})
