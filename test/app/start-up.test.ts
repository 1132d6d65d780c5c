/** Owns the start: nothing is answered before everything is known (cold start), and what is found is adopted by the table of R6. */
import { afterEach, describe, expect, test } from 'bun:test'
import { reconcile } from '../../src/app/reconcile.ts'
import { floatingIpFact } from '../../src/kube/floatingip.ts'
import { api, bind, callsOf, carried, create, filter, post, run, wakeOf } from './asking.ts'
import { carries, configMap, floatingIp, type Kube, pod } from './objects.ts'
import { closeWorlds, ENTRIES, openWorld, startWorld, until } from './world.ts'

afterEach(closeWorlds)

const KEY = 'sts_default_web_web-0'
const never = (uid = 'web-0#1', more = {}) => pod('web-0', { owner: 'StatefulSet web', policy: 'never', uid, ...more })

describe('cold start', () => {
  test.each([
    ['the list of pods', 'list pods'],
    ['the list of nodes', 'list nodes'],
    ['the list of StatefulSets', 'list statefulsets'],
    ['the list of Deployments', 'list deployments'],
    ['the FloatingIP objects', 'list floatingips'],
    ['the configuration', 'list configmaps'],
    ['the custom resource definitions', 'create customresourcedefinitions'],
  ])('before %s is there, filter and bind answer Error and never an address', async (_, kind) => {
    const world = startWorld({ pods: [never()] })
    world.api.fail(kind, { status: 500 }, 1)
    const door = world.api.hold(kind)
    await until(() => callsOf(world, kind).length > 0)
    const answer = await filter(world, never(), 'a1')
    expect(answer).toEqual({
      Nodes: null,
      NodeNames: null,
      FailedNodes: {},
      FailedAndUnresolvableNodes: {},
      Error: answer.Error,
    })
    expect(answer.Error).toStartWith('floatip is not ready: waiting for ')
    expect(await bind(world, never())).toStartWith('floatip is not ready: waiting for ')
    expect((await api(world, '/readyz')).status).toBe(503)
    expect((await api(world, '/livez')).status).toBe(200)
    expect(
      (
        await api(world, '/v1/ip', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: '{"ips":[]}',
        })
      ).status,
    ).toBe(503)
    expect((await post(world, '/v1/preempt', { Pod: never(), NodeNameToMetaVictims: {} })).status).toBe(500)
    door.release()
    await world.ready()
    expect((await api(world, '/readyz')).body).toBe('ok')
    expect((await filter(world, never(), 'a1')).NodeNames).toEqual(['a1'])
  })

  test('a pod that does not ask passes all the same', async () => {
    const world = startWorld({ entries: null })
    expect((await filter(world, pod('plain', { asks: false }), 'a1', 'zz')).NodeNames).toEqual(['a1', 'zz'])
  })

  test.each([
    [
      'missing',
      null,
      'the configuration: ConfigMap kube-system/floatingip-config, key floatingips does not exist: create it with the address ranges',
    ],
    [
      'not JSON',
      '[{',
      'the configuration: ConfigMap kube-system/floatingip-config, key floatingips is invalid: floatingips is not JSON',
    ],
    [
      'empty',
      '[]',
      'the configuration: ConfigMap kube-system/floatingip-config, key floatingips is invalid: floatingips is empty: give at least one entry',
    ],
  ])('a ConfigMap that is %s: not ready, saying why; ready soon after the repair', async (_, text, why) => {
    const world = startWorld({ entries: null, speed: 10 })
    if (text !== null) world.api.put('configmaps', configMap(text))
    await until(() => world.gate.waitingFor.startsWith(why))
    expect((await api<string>(world, '/readyz')).body).toStartWith(`waiting for ${why}`)
    world.api.put('configmaps', configMap(JSON.stringify(ENTRIES)))
    await until(() => world.gate.open, 2_000)
  })

  test('a pod that ended while the configuration is missing keeps its address by its policy', async () => {
    const world = await openWorld()
    await run(world, never())
    const { api: server, dir } = world
    await world.stop()
    server.edit('pods', 'default/web-0', { status: { phase: 'Failed' } })
    server.remove('configmaps', 'kube-system/floatingip-config')
    // Without the ledger there is no last good configuration either (R29): nothing is decided before the repair.
    const again = startWorld({ api: server, speed: 10 })
    await until(() => again.gate.waitingFor.includes('does not exist'))
    await Bun.sleep(100)
    server.put('configmaps', configMap(JSON.stringify(ENTRIES)))
    await again.ready()
    expect(again.row('10.0.0.2')).toBe(`reserved ${KEY}`)
    await again.stop()
    // With it, the last good one is in force at once, and the pod's end is booked by the policy all the same.
    server.remove('configmaps', 'kube-system/floatingip-config')
    const third = await openWorld({ api: server, dir })
    expect(third.row('10.0.0.2')).toBe(`reserved ${KEY}`)
    expect(third.logged.join()).toContain('the last valid configuration of an earlier run is used')
  })

  test('on start all pending pods that ask are woken once, and nobody else', async () => {
    const pods = [
      pod('p1'),
      pod('p2'),
      pod('plain', { asks: false }),
      pod('running', { node: 'a1' }),
      pod('done', { phase: 'Failed' }),
    ]
    const world = await openWorld({ pods })
    await until(() => wakeOf(world, 'p1') !== '' && wakeOf(world, 'p2') !== '')
    await Bun.sleep(50)
    expect(
      callsOf(world, 'patch pods')
        .map(call => call.key)
        .sort(),
    ).toEqual(['default/p1', 'default/p2'])
  })
})

interface Found {
  readonly pods?: Kube[]
  readonly objects?: Kube[]
  /** Rows after the start, as `address phase key uid`. */
  readonly rows: string[]
}

const bound = (more = {}) => never('web-0#1', { node: 'a1', args: carries('10.0.0.2'), ...more })
const object = (uid: string, node: string, key = KEY, policy = 2) => floatingIp('10.0.0.2', key, { uid, node, policy })

const TABLE: readonly (readonly [string, Found])[] = [
  ['a bound pod’s annotation, without an object', { pods: [bound()], rows: [`10.0.0.2 bound ${KEY} web-0#1`] }],
  [
    'an object of a living bound pod',
    { pods: [bound()], objects: [object('web-0#1', 'a1')], rows: [`10.0.0.2 bound ${KEY} web-0#1`] },
  ],
  [
    'an object without UID and node, its pod bound',
    { pods: [bound()], objects: [object('', '')], rows: [`10.0.0.2 bound ${KEY} web-0#1`] },
  ],
  [
    'an object with a dead UID of the same key',
    { pods: [bound()], objects: [object('web-0#0', 'a2')], rows: [`10.0.0.2 bound ${KEY} web-0#1`] },
  ],
  ['an object of a dead pod, policy never', { objects: [object('web-0#0', 'a2')], rows: [`10.0.0.2 reserved ${KEY}`] }],
  ['an object of a dead pod, policy 0', { objects: [object('web-0#0', 'a2', KEY, 0)], rows: [] }],
  ['an object of a kept address', { objects: [object('', '')], rows: [`10.0.0.2 reserved ${KEY}`] }],
  [
    'an object of a dead pod of another key: the running pod has it',
    { pods: [bound()], objects: [object('x#1', 'a2', 'NULL_default_NULL_x')], rows: [`10.0.0.2 bound ${KEY} web-0#1`] },
  ],
  [
    'the annotation of an unbound pod is user input',
    { pods: [never('web-0#1', { args: carries('10.0.0.2') })], rows: [] },
  ],
  ['the annotation of a finished pod', { pods: [bound({ phase: 'Succeeded' })], rows: [] }],
  ['the annotation of a pod that does not ask', { pods: [bound({ asks: false })], rows: [] }],
  [
    'an annotation outside the configuration: recorded as orphaned',
    { pods: [bound({ args: carries('10.0.9.9') })], rows: [`10.0.9.9 bound ${KEY} web-0#1`] },
  ],
  ['an annotation that cannot be read', { pods: [bound({ args: '{"common":' })], rows: [] }],
  [
    'an object without a node of a living unbound pod is a hold',
    { pods: [never()], objects: [object('web-0#1', '')], rows: [`10.0.0.2 held ${KEY} web-0#1`] },
  ],
  [
    'an object with the label reserved',
    {
      objects: [floatingIp('10.0.0.2', '', { labels: { reserved: '' } })],
      rows: ['10.0.0.2 reserved reserved_NULL_NULL_'],
    },
  ],
  [
    'an object whose key cannot be read blocks its address',
    { objects: [floatingIp('10.0.0.2', '???')], rows: ['10.0.0.2 reserved reserved_NULL_NULL_'] },
  ],
  ['an object whose name is no address is left alone', { objects: [floatingIp('not-an-ip', KEY)], rows: [] }],
]

describe('R6: what is found in the cluster', () => {
  test.each(TABLE)('R6: %s', async (_, { pods = [], objects = [], rows }) => {
    const world = await openWorld({ pods, floatingips: objects })
    expect(world.rows().map(ip => `${ip} ${world.row(ip)}`)).toEqual(rows)
    expect(world.verify()).toBeNull()
  })

  test('R6: two pods carry one address: the object’s living pod has it, the other is reported, no third gets it', async () => {
    const other = pod('other', { node: 'a2', args: carries('10.0.0.2') })
    const world = await openWorld({ pods: [other, bound()], floatingips: [object('web-0#1', 'a1')] })
    expect(world.row('10.0.0.2')).toBe(`bound ${KEY} web-0#1`)
    const conflict = 'conflict: 10.0.0.2 is claimed by NULL_default_NULL_other (pod), but sts_default_web_web-0 has it'
    expect(world.logged.some(line => line.startsWith(`error ${conflict}`))).toBe(true)
    for (const name of ['p1', 'p2', 'p3']) await run(world, pod(name))
    expect(['p1', 'p2', 'p3'].flatMap(name => carried(world, name))).not.toContain('10.0.0.2')
  })

  test('R6: a pod that ends while its object is being adopted leaves nothing behind', async () => {
    const world = await openWorld({ pods: [] })
    await create(world, pod('late', { node: 'a1' }))
    const fact = floatingIpFact(floatingIp('10.0.0.2', 'NULL_default_NULL_late', { uid: 'late#1', node: 'a1' }))
    const { ledger } = world.ports
    const slow: typeof ledger = Object.create(ledger, {
      submit: {
        async value(...asked: Parameters<typeof ledger.submit>) {
          if (asked[0] === 'adopt') {
            world.api.remove('pods', 'default/late')
            await until(() => world.ports.cluster.pods.size === 0)
          }
          return ledger.submit(...asked)
        },
      },
    })
    await reconcile({ ...world.ports, ledger: slow }, [fact], [...world.ports.cluster.pods.values()])
    await until(() => world.row('10.0.0.2') === 'free', 1_000)
  })

  test('an object that says something else than the ledger is written again', async () => {
    const world = await openWorld()
    await run(world, never())
    const { api: server, dir } = world
    await world.stop()
    server.edit('floatingips', '10.0.0.2', { spec: { key: KEY, policy: 1, attribute: '{}' } })
    await openWorld({ api: server, dir })
    await until(() => server.get('floatingips', '10.0.0.2')?.spec?.policy === 2)
    expect(server.get('floatingips', '10.0.0.2')?.spec?.attribute).toBe('{"NodeName":"a1","Uid":"web-0#1"}')
  })
})

describe('what nobody else will tell', () => {
  test('a reservation that ended while floatip was down is over', async () => {
    const world = await openWorld({ floatingips: [floatingIp('10.0.0.2', '', { labels: { reserved: '' } })] })
    const { api: server, dir } = world
    await world.stop()
    server.remove('floatingips', '10.0.0.2')
    const again = await openWorld({ api: server, dir })
    expect(again.row('10.0.0.2')).toBe('free')
  })

  test('a pod that somebody else binds with a free address of ours is recorded when it is seen', async () => {
    const world = await openWorld()
    world.api.put('pods', bound())
    await until(() => world.ports.cluster.pods.get('default/web-0')?.node === 'a1')
    await Bun.sleep(50)
    expect(world.row('10.0.0.2')).toBe(`bound ${KEY} web-0#1`)
  })

  test('an object without a UID whose pod is gone frees its address by its policy', async () => {
    const world = await openWorld({ floatingips: [object('', 'a1', 'NULL_default_NULL_gone', 0)] })
    expect(world.row('10.0.0.2')).toBe('free')
  })
})
