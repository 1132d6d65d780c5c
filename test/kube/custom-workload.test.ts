/** What is read of a custom workload: found by group, version and kind; replicas where its definition says; doubt is doubt. */
import { afterAll, beforeEach, expect, test } from 'bun:test'
import { customWorkloadsOn } from '../../src/kube/custom-workload.ts'
import { connect } from '../../src/kube/kubeconfig.ts'
import { transport } from '../../src/kube/transport.ts'

/** Path to answer; a number is a status without an object. */
const answers = new Map<string, object | number>()
const asked: string[] = []
const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch(request) {
    const { pathname } = new URL(request.url)
    asked.push(pathname)
    const answer = answers.get(pathname) ?? 404
    if (typeof answer === 'object') return Response.json(answer)
    const reason = answer === 404 ? 'NotFound' : answer === 403 ? 'Forbidden' : 'InternalError'
    const details = { name: pathname.split('/').at(-1) }
    return Response.json({ kind: 'Status', code: answer, reason, message: reason, details }, { status: answer })
  },
})
afterAll(() => server.stop(true))

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const OBJECT = '/apis/a.example/v1/namespaces/ns/gangs/crew'

function definition(group: string, kind: string, versions: Record<string, string | null>, scope = 'Namespaced') {
  return {
    metadata: { name: `gangs.${group}`, uid: group, resourceVersion: '1' },
    spec: {
      group,
      scope,
      names: { kind, plural: 'gangs' },
      versions: Object.entries(versions).map(([name, path]) => ({
        name,
        ...(path && { subresources: { scale: { specReplicasPath: path } } }),
      })),
    },
  }
}

function define(...items: object[]): void {
  answers.set(CRDS, { metadata: { resourceVersion: '1' }, items })
}

beforeEach(() => {
  answers.clear()
  asked.length = 0
  define(definition('a.example', 'Gang', { v1: '.spec.replicas' }))
  answers.set(OBJECT, { metadata: { name: 'crew' }, spec: { replicas: 3 } })
})

let now = 0
function read(apiVersion = 'a.example/v1', kind = 'gang') {
  const custom = customWorkloadsOn(transport(connect({ master: `http://127.0.0.1:${server.port}` })), () => now)
  return custom({ pool: '', kind, namespace: 'ns', workload: 'crew', pod: 'crew-0' }, apiVersion)
}

const size = (replicas: number) => ({ state: 'present', replicas, firstOrdinal: 0 }) as const

test('replicas at the path of the definition', async () => expect(await read()).toEqual(size(3)))

test('nested deep', async () => {
  define(definition('a.example', 'Gang', { v1: '.spec.a.b.count' }))
  answers.set(OBJECT, { spec: { a: { b: { count: 7 } } } })
  expect(await read()).toEqual(size(7))
})

test('of the version that the owner reference names, not of the first', async () => {
  define(definition('a.example', 'Gang', { v1alpha1: '.spec.old', v1: '.spec.replicas' }))
  expect(await read()).toEqual(size(3))
  expect(asked).toContain(OBJECT)
})

test('a cluster-scoped kind', async () => {
  define(definition('a.example', 'Gang', { v1: '.spec.replicas' }, 'Cluster'))
  answers.set('/apis/a.example/v1/gangs/crew', { spec: { replicas: 2 } })
  expect(await read()).toEqual(size(2))
})

test.each([
  ['absent', {}],
  ['a text', { replicas: '3' }],
  ['a fraction', { replicas: 1.5 }],
  ['negative', { replicas: -1 }],
])('replicas that are %s tell nothing', async (_, spec) => {
  answers.set(OBJECT, { spec })
  expect(await read()).toEqual({ state: 'unlooked' })
})

test('the object is not there: gone', async () => {
  answers.delete(OBJECT)
  expect(await read()).toEqual({ state: 'gone' })
})

test('equal kinds of two groups are two kinds', async () => {
  define(definition('a.example', 'Gang', { v1: '.spec.replicas' }), definition('b.example', 'Gang', { v1: null }))
  expect(await read('a.example/v1')).toEqual(size(3))
  expect(await read('b.example/v1')).toMatchObject({
    state: 'unscaled',
    because: expect.stringContaining('gangs.b.example v1 defines no'),
  })
})

test('without an apiVersion (galaxy’s objects): only if one definition alone has the kind', async () => {
  expect(await read('')).toEqual(size(3))
  define(
    definition('a.example', 'Gang', { v1: '.spec.replicas' }),
    definition('b.example', 'Gang', { v1: '.spec.replicas' }),
  )
  expect(await read('')).toEqual({ state: 'unlooked' })
})

test.each([
  ['a kind without a definition', 'batch/v1', 'job', 'no custom resource definition of group batch has the kind job'],
  [
    'a kind of the core group',
    'v1',
    'replicationcontroller',
    'no custom resource definition of group core has the kind replicationcontroller',
  ],
])('%s has no scale', async (_, apiVersion, kind, because) => {
  expect(await read(apiVersion, kind)).toEqual({ state: 'unscaled', because })
})

test('no right to read it: refused with that reason; any other failure is thrown, and decides nothing', async () => {
  answers.set(OBJECT, 403)
  expect(await read()).toMatchObject({ state: 'unscaled', because: expect.stringContaining('floatip may not read it') })
  answers.set(OBJECT, 500)
  expect(read()).rejects.toThrow('500')
})

test('definitions are remembered for a moment, and failures not', async () => {
  const custom = customWorkloadsOn(transport(connect({ master: `http://127.0.0.1:${server.port}` })), () => now)
  const owner = { pool: '', kind: 'gang', namespace: 'ns', workload: 'crew', pod: 'crew-0' }
  answers.set(CRDS, 500)
  await custom(owner, 'a.example/v1').catch(() => null)
  define(definition('a.example', 'Gang', { v1: '.spec.replicas' }))
  await custom(owner, 'a.example/v1')
  await custom(owner, 'a.example/v1')
  expect(asked.filter(path => path === CRDS)).toHaveLength(2)
  now += 60_000
  await custom(owner, 'a.example/v1')
  expect(asked.filter(path => path === CRDS)).toHaveLength(3)
})
