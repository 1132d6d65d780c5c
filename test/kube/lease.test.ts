/** Owns the proof of what goes over the wire for leader election, and of what each answer of the API server means. */
import { afterEach, describe, expect, test } from 'bun:test'
import { leaseStoreOn } from '../../src/kube/lease.ts'
import type { LeaseWrite } from '../../src/kube/lease-record.ts'
import { Unanswered } from '../../src/kube/transport.ts'
import { Fault } from '../../src/lib/fault.ts'
import { type Answer, type Asked, type FakeApi, fakeApi, status } from './api-server.ts'
import { makeCerts } from './certs.ts'
import { connectTo, failureOf, kubeconfig } from './fixtures.ts'

const certs = makeCerts()
const servers: FakeApi[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
})

const PATH = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases'
const LIMITS = { timeoutMs: 2_000, signal: new AbortController().signal }
const WRITE: LeaseWrite = {
  holder: 'host_1',
  durationMs: 15_000,
  transitions: 4,
  renewedAt: Date.parse('2026-11-05T06:07:08.090Z'),
  acquiredAt: Date.parse('2026-11-05T06:07:08.090Z'),
  expiredLocks: ['Endpoints kube-system/galaxy-ipam: {}'],
}
const SPEC = {
  holderIdentity: 'host_1',
  leaseDurationSeconds: 15,
  leaseTransitions: 4,
  renewTime: '2026-11-05T06:07:08.090000Z',
  acquireTime: '2026-11-05T06:07:08.090000Z',
}
const ANNOTATIONS = { 'floatip.galaxy.k8s.io/expired-locks': '["Endpoints kube-system/galaxy-ipam: {}"]' }

function lease(spec: object | null, annotations: object = {}): Answer {
  return {
    body: { kind: 'Lease', metadata: { name: 'galaxy-ipam', uid: 'u', resourceVersion: '7', annotations }, spec },
  }
}

async function storeOn(answer: (asked: Asked) => Answer) {
  const server = await fakeApi(certs)
  server.answer = answer
  servers.push(server)
  return { server, store: leaseStoreOn(connectTo(kubeconfig(certs, server.url, {})).api) }
}

describe('the Lease', () => {
  test('as it is read', async () => {
    const { store, server } = await storeOn(() => lease(SPEC, ANNOTATIONS))
    const record = await store.read(LIMITS)
    expect(record).toEqual({
      holder: 'host_1',
      durationMs: 15_000,
      transitions: 4,
      resourceVersion: '7',
      text: JSON.stringify(SPEC),
      expiredLocks: ['Endpoints kube-system/galaxy-ipam: {}'],
    })
    expect(server.asked.map(({ method, path, query }) => [method, path, [...query]])).toEqual([
      ['GET', `${PATH}/galaxy-ipam`, []],
    ])
  })

  test.each([
    [null],
    [{}],
    [{ holderIdentity: null, leaseDurationSeconds: null, leaseTransitions: null }],
    [{ leaseDurationSeconds: -1 }],
  ])('with %j in it nobody holds it', async spec => {
    const { store } = await storeOn(() => lease(spec, { 'floatip.galaxy.k8s.io/expired-locks': 'nonsense' }))
    expect(await store.read(LIMITS)).toMatchObject({ holder: '', durationMs: 0, transitions: 0, expiredLocks: [] })
  })

  test('create names it, and times have six digits as MicroTime wants', async () => {
    const { store, server } = await storeOn(() => lease(SPEC))
    expect((await store.create(WRITE, LIMITS))?.resourceVersion).toBe('7')
    expect(server.asked[0]).toMatchObject({ method: 'POST', path: PATH, contentType: 'application/json' })
    expect(JSON.parse(server.asked[0]?.body ?? '')).toEqual({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { namespace: 'kube-system', name: 'galaxy-ipam', annotations: ANNOTATIONS },
      spec: SPEC,
    })
  })

  test('update is a merge patch on the version that we know, and leaves alone what it does not mean', async () => {
    const { store, server } = await storeOn(() => lease(SPEC))
    await store.update({ ...WRITE, acquiredAt: null, expiredLocks: null }, '6', LIMITS)
    const { acquireTime, ...rest } = SPEC
    expect(server.asked[0]).toMatchObject({
      method: 'PATCH',
      path: `${PATH}/galaxy-ipam`,
      contentType: 'application/merge-patch+json',
    })
    expect(JSON.parse(server.asked[0]?.body ?? '')).toEqual({ metadata: { resourceVersion: '6' }, spec: rest })
  })

  test('durations that are no whole seconds are written longer, never shorter', async () => {
    const { store, server } = await storeOn(() => lease(SPEC))
    await store.create({ ...WRITE, durationMs: 1_500 }, LIMITS)
    expect(JSON.parse(server.asked[0]?.body ?? '').spec.leaseDurationSeconds).toBe(2)
  })
})

describe('what an answer means', () => {
  const missing = status(404, 'NotFound', { name: 'galaxy-ipam' })

  test('404 of this object: there is none', async () => {
    const { store } = await storeOn(() => missing)
    expect(await store.read(LIMITS)).toBeNull()
    expect(await store.update(WRITE, '6', LIMITS)).toBeNull()
  })

  test('404 of something else is no evidence', async () => {
    const { store } = await storeOn(() => ({ status: 404, body: 'page not found' }))
    expect(await failureOf(store.read(LIMITS))).toBeInstanceOf(Fault)
    expect(await failureOf(store.elders(LIMITS))).toBeInstanceOf(Fault)
  })

  test('409: somebody was faster', async () => {
    const { store } = await storeOn(({ method }) => status(409, method === 'POST' ? 'AlreadyExists' : 'Conflict'))
    expect(await store.create(WRITE, LIMITS)).toBeNull()
    expect(await store.update(WRITE, '6', LIMITS)).toBeNull()
  })

  test('403 names the rule that is missing', async () => {
    const { store } = await storeOn(() => status(403, 'Forbidden'))
    const says = async (work: Promise<unknown>) => ((await failureOf(work)) as Fault).message
    const leases = 'apiGroups: ["coordination.k8s.io"], resources: [leases]'
    expect(await says(store.read(LIMITS))).toContain(`{${leases}, resourceNames: [galaxy-ipam], verbs: [get]}`)
    expect(await says(store.create(WRITE, LIMITS))).toContain(`{${leases}, verbs: [create]}`)
    expect(await says(store.update(WRITE, '6', LIMITS))).toContain(`resourceNames: [galaxy-ipam], verbs: [patch]}`)
    expect(await says(store.elders(LIMITS))).toMatch(/apiGroups: \[""\], resources: \[(endpoints|configmaps)\]/)
  })

  test('no answer in the time given: nobody knows', async () => {
    const { store } = await storeOn(() => 'silence')
    const failure = await failureOf(store.create(WRITE, { ...LIMITS, timeoutMs: 50 }))
    expect(failure).toBeInstanceOf(Unanswered)
    expect((failure as Fault).retryable).toBe(true)
  })
})

describe('older galaxy-ipams', () => {
  const record = '{"holderIdentity":"galaxy-0_x","leaseDurationSeconds":15,"renewTime":"2026-11-05T06:07:08Z"}'

  test('both places are looked at, the record is in an annotation', async () => {
    const { store, server } = await storeOn(({ path }) => {
      const annotations = path.includes('/endpoints/') ? { 'control-plane.alpha.kubernetes.io/leader': record } : {}
      return { body: { metadata: { name: 'galaxy-ipam', uid: 'u', resourceVersion: '1', annotations } } }
    })
    expect(await store.elders(LIMITS)).toEqual([
      {
        where: 'Endpoints kube-system/galaxy-ipam',
        lock: { holder: 'galaxy-0_x', durationMs: 15_000, text: `Endpoints kube-system/galaxy-ipam: ${record}` },
      },
      { where: 'ConfigMap kube-system/galaxy-ipam', lock: null },
    ])
    expect(server.asked.map(({ path }) => path).sort()).toEqual([
      '/api/v1/namespaces/kube-system/configmaps/galaxy-ipam',
      '/api/v1/namespaces/kube-system/endpoints/galaxy-ipam',
    ])
  })

  test('no such objects: nobody', async () => {
    const { store } = await storeOn(() => status(404, 'NotFound', { name: 'galaxy-ipam' }))
    expect((await store.elders(LIMITS)).map(({ lock }) => lock)).toEqual([null, null])
  })

  test('what cannot be read is held by somebody', async () => {
    const annotations = { 'control-plane.alpha.kubernetes.io/leader': '{' }
    const { store } = await storeOn(() => lease(null, annotations))
    expect((await store.elders(LIMITS))[0]?.lock?.holder).toContain('cannot be read')
  })
})
