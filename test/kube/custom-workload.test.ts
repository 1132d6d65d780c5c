/** What is told of a custom workload: found by group, version and kind; replicas where its definition says; doubt is doubt. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { type CustomWorkloads, customWorkloadsOn } from '../../src/kube/custom-workload.ts'
import { connect } from '../../src/kube/kubeconfig.ts'
import { transport } from '../../src/kube/transport.ts'
import { silentLog } from '../../src/lib/log.ts'
import { type ApiServer, startApiServer } from '../app/api-server.ts'
import { gangDefinition, type Kube } from '../app/objects.ts'
import { until } from '../app/world.ts'

const A = 'a.example/v1'
const MINUTE = 60_000
let api: ApiServer
let custom: CustomWorkloads
let now: number
let told: string[]
let bugs: unknown[]

beforeEach(() => {
  api = startApiServer()
  define(gangDefinition('a.example', { v1: '.spec.replicas' }))
  put({ replicas: 3 })
  now = 0
  told = []
  bugs = []
  const began = performance.now()
  custom = customWorkloadsOn({
    transport: transport(connect({ master: api.url })),
    log: silentLog,
    // Half a minute of back-off passes in a third of a second.
    clock: { sleep: (ms, signal) => Promise.race([Bun.sleep(ms / 100), aborted(signal)]) },
    random: () => 0.5,
    onFailure: bug => void bugs.push(bug),
    monotonicMs: () => now + performance.now() - began,
  })
  custom.start({
    changed: ({ namespace, workload }, apiVersion) => void told.push(`${namespace}/${workload} ${apiVersion}`),
    listed: (kind, group) => void told.push(`listed ${kind} ${group}`),
    moved() {},
  })
})

afterEach(async () => {
  await custom.stop()
  await api.stop()
  expect(bugs).toEqual([])
})

function aborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise(resolve => signal?.addEventListener('abort', () => resolve()))
}

function define(definition: Kube): void {
  api.put('customresourcedefinitions', definition)
}

function put(spec: object, name = 'crew'): void {
  api.put('gangs', {
    metadata: { name, namespace: 'ns', uid: `uid-of-${name}`, resourceVersion: '1' },
    spec: { ...spec },
  })
}

const owner = (kind = 'gang') => ({ pool: '', kind, namespace: 'ns', workload: 'crew', pod: 'crew-0' })
const tell = (apiVersion = A, kind = 'gang') => custom.told(owner(kind), apiVersion)
const size = (replicas: number) => ({ state: 'present', replicas, firstOrdinal: 0 }) as const
const refused = (because: string) => ({ state: 'unscaled' as const, because: expect.stringContaining(because) })
const followed = () => custom.mirrors().map(([kind]) => kind)
const calls = (kind: string) => api.calls.filter(call => call.kind === kind)

async function settle(apiVersion = A, kind = 'gang') {
  await custom.settled(owner(kind), apiVersion)
  return tell(apiVersion, kind)
}

/** What the watch tells, and what a quorum read tells. */
async function both(apiVersion = A, kind = 'gang') {
  return [await settle(apiVersion, kind), await custom.read(owner(kind), apiVersion)] as unknown[]
}

describe('one workload', () => {
  test('replicas at the path of the definition', async () => expect(await both()).toEqual([size(3), size(3)]))

  test('nested deep', async () => {
    define(gangDefinition('a.example', { v1: '.spec.a.b.count' }))
    put({ a: { b: { count: 7 } } })
    expect(await both()).toEqual([size(7), size(7)])
  })

  test('of the version that the owner reference names, not of the first', async () => {
    define(gangDefinition('a.example', { v1alpha1: '.spec.old', v1: '.spec.replicas' }))
    expect(await both()).toEqual([size(3), size(3)])
    expect(followed()).toEqual(['a.example/v1/gangs'])
    expect(api.calls.at(-1)?.path).toBe('/apis/a.example/v1/namespaces/ns/gangs/crew')
  })

  test('a cluster-scoped kind', async () => {
    define(gangDefinition('a.example', { v1: '.spec.replicas' }, 'Cluster'))
    api.put('gangs', { metadata: { name: 'crew', uid: 'u', resourceVersion: '1' }, spec: { replicas: 2 } })
    expect(await both()).toEqual([size(2), size(2)])
    expect(api.calls.at(-1)?.path).toBe('/apis/a.example/v1/gangs/crew')
  })

  test.each([
    ['absent', {}],
    ['a text', { replicas: '3' }],
    ['a fraction', { replicas: 1.5 }],
    ['negative', { replicas: -1 }],
    ['an object', { replicas: { min: 1 } }],
  ])('replicas that are %s tell nothing', async (_, spec) => {
    put(spec)
    expect(await both()).toEqual([{ state: 'unlooked' }, { state: 'unlooked' }])
  })

  test('R26: missing in the watch is no evidence; R10: gone by a quorum read', async () => {
    api.remove('gangs', 'ns/crew')
    expect(await both()).toEqual(['missing', { state: 'gone' }])
  })

  test('a quorum read that fails decides nothing', async () => {
    await settle()
    api.fail('get gangs', { status: 500 })
    expect(custom.read(owner(), A)).rejects.toThrow('500')
  })
})

describe('its kind', () => {
  test('equal kinds of two groups are two kinds', async () => {
    define(gangDefinition('b.example', { v1: null }))
    expect(await settle()).toEqual(size(3))
    expect(await both('b.example/v1')).toEqual([
      refused('gangs.b.example v1 defines no subresources.scale.specReplicasPath'),
      refused('gangs.b.example v1 defines no subresources.scale.specReplicasPath'),
    ])
  })

  test('without an apiVersion (galaxy’s objects): only if one definition alone has the kind', async () => {
    expect(await both('')).toEqual([size(3), size(3)])
    define(gangDefinition('b.example', { v1: '.spec.replicas' }))
    await until(() => JSON.stringify(tell('')) === '{"state":"unlooked"}')
  })

  test('R10: without an apiVersion nothing is released for a workload that is missing', async () => {
    api.remove('gangs', 'ns/crew')
    expect(await both('')).toEqual(['missing', { state: 'unlooked' }])
  })

  test('a StatefulSet of another group is looked for there', async () => {
    const definition = gangDefinition('a.example', { v1: '.spec.replicas' })
    define({ ...definition, spec: { ...definition.spec, names: { kind: 'StatefulSet', plural: 'gangs' } } })
    expect(await settle(A, 'sts')).toEqual(size(3))
  })

  test.each([
    ['a kind without a definition', 'batch/v1', 'job', 'no custom resource definition of group batch has the kind job'],
    ['a kind of the core group', 'v1', 'thing', 'no custom resource definition of group core has the kind thing'],
    ['a version that is not there', 'a.example/v2', 'gang', 'gangs.a.example does not serve the version v2'],
  ])('%s is not followed', async (_, apiVersion, kind, because) => {
    expect(await both(apiVersion, kind)).toEqual([refused(because), refused(because)])
    expect(followed()).toEqual([])
  })
})

describe('a watch', () => {
  test('begins with the first need, and answers from then on without a call', async () => {
    expect(api.calls).toEqual([])
    expect(tell()).toBe('starting')
    expect(await settle()).toEqual(size(3))
    await until(() => calls('watch gangs').length === 1)
    const before = api.calls.length
    for (let i = 0; i < 100; i++) expect(await settle()).toEqual(size(3))
    expect(api.calls).toHaveLength(before)
  })

  test('tells what was scaled, deleted or made; the first list as a whole', async () => {
    await settle()
    await until(() => told.length === 1)
    put({ replicas: 1 })
    await until(() => told.length === 2)
    put({ replicas: 1, image: 'new' })
    put({ replicas: 4 }, 'other')
    await until(() => told.length === 3)
    api.remove('gangs', 'ns/crew')
    await until(() => told.length === 4)
    expect(told).toEqual(['listed gang a.example', `ns/crew ${A}`, `ns/other ${A}`, `ns/crew ${A}`])
  })

  test.each(['list', 'watch'])(
    'without the right to %s: refused with that reason, and well again by itself',
    async verb => {
      api.fail(`${verb} gangs`, { status: 403, reason: 'Forbidden' }, 1_000)
      await settle()
      await until(() => JSON.stringify(tell()).includes('needs the rights get, list and watch on gangs.a.example'))
      // Other kinds are followed all the same.
      define(gangDefinition('b.example', { v1: null }))
      await until(() => JSON.stringify(tell('b.example/v1')).includes('defines no'))
      api.heal()
      await until(() => JSON.stringify(tell()) === JSON.stringify(size(3)))
      await until(() => told.includes('listed gang a.example'))
    },
  )

  test('that hangs holds nobody up for longer than a moment', async () => {
    api.fail('list gangs', 'hang')
    const began = performance.now()
    expect(await settle()).toEqual(refused('gangs.a.example v1: not listed yet'))
    expect(performance.now() - began).toBeLessThan(2_000)
    const again = performance.now()
    await settle()
    expect(performance.now() - again).toBeLessThan(50)
  })

  test('definitions that may not be listed: refused with that reason, and well again by itself', async () => {
    api.fail('list customresourcedefinitions', { status: 403, reason: 'Forbidden' }, 1_000)
    expect(await settle()).toEqual(refused('the custom resource definitions cannot be followed now'))
    api.heal()
    await until(() => typeof tell() === 'object' && JSON.stringify(tell()) === JSON.stringify(size(3)))
  })

  test('ends when nobody has needed it for minutes, and comes back', async () => {
    await settle()
    now += 4 * MINUTE
    await settle()
    now += 4 * MINUTE
    custom.rest()
    expect(followed()).toEqual(['a.example/v1/gangs'])
    now += 2 * MINUTE
    custom.rest()
    expect(followed()).toEqual([])
    expect(await settle()).toEqual(size(3))
  })
})

describe('its definition', () => {
  test('says another path: read there from then on', async () => {
    put({ replicas: 3, size: 8 })
    expect(await settle()).toEqual(size(3))
    define(gangDefinition('a.example', { v1: '.spec.size' }))
    await until(() => JSON.stringify(tell()) === JSON.stringify(size(8)))
    expect(await custom.read(owner(), A)).toEqual(size(8))
  })

  test('serves the version no more, and again', async () => {
    await settle()
    define(gangDefinition('a.example', { v2: '.spec.replicas' }))
    await until(() => JSON.stringify(tell()).includes('does not serve the version v1'))
    expect(followed()).toEqual([])
    define(gangDefinition('a.example', { v1: '.spec.replicas' }))
    await until(() => JSON.stringify(tell()) === JSON.stringify(size(3)))
  })

  test('is deleted and made again: followed again without being asked', async () => {
    await settle()
    await until(() => told.length === 1)
    api.remove('gangs', 'ns/crew')
    api.remove('customresourcedefinitions', 'gangs.a.example')
    await until(() => followed().length === 0)
    expect(tell()).toEqual(refused('no custom resource definition of group a.example has the kind gang'))
    expect(await custom.read(owner(), A)).toEqual(
      refused('no custom resource definition of group a.example has the kind gang') as never,
    )
    put({ replicas: 5 })
    define({ ...gangDefinition('a.example', { v1: '.spec.replicas' }), kind: 'again' })
    await until(() => told.filter(line => line === 'listed gang a.example').length === 2)
    expect(tell()).toEqual(size(5))
  })
})
