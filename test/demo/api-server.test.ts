/** The miniature API server keeps the promises of the real one that floatip relies on. */
import { expect, test } from 'bun:test'
import { CRDS } from '../../src/kube/crds.ts'
import { connect } from '../../src/kube/kubeconfig.ts'
import { listAll } from '../../src/kube/list.ts'
import { transport } from '../../src/kube/transport.ts'
import { watchOnce } from '../../src/kube/watch.ts'
import { mergePatch, podBody, until, type World, world } from './fixture.ts'

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'
const PODS = '/api/v1/namespaces/default/pods'
const FIPS = '/apis/galaxy.k8s.io/v1alpha1/floatingips'

const configMap = (name: string, text = '') => ({ metadata: { name }, data: { text } })

/** Reads a watch until `count` lines have come. */
async function watched(w: World, path: string, query: string, count: number) {
  const response = await fetch(`${w.stage.url}${path}?watch=true&${query}`)
  const lines: { type: string; object: { metadata: { name: string }; code?: number; reason?: string } }[] = []
  let rest = ''
  for await (const chunk of response.body ?? []) {
    const parts = (rest + new TextDecoder().decode(chunk)).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts.filter(line => line !== '').map(line => JSON.parse(line)))
    if (lines.length >= count) break
  }
  return lines
}

test('an object is created once; what is not there has a Status that names it', async () => {
  await using w = await world()
  const created = await w.call('POST', CONFIG_MAPS, configMap('a'))
  expect(created.status).toBe(201)
  expect(created.body).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1', metadata: { namespace: 'default' } })
  const again = await w.call('POST', CONFIG_MAPS, configMap('a'))
  expect(again).toMatchObject({
    status: 409,
    body: {
      kind: 'Status',
      status: 'Failure',
      reason: 'AlreadyExists',
      code: 409,
      message: 'configmaps "a" already exists',
    },
  })
  const missing = await w.call('GET', `${CONFIG_MAPS}/b`)
  expect(missing).toMatchObject({
    status: 404,
    body: { reason: 'NotFound', details: { name: 'b', kind: 'configmaps' } },
  })
  const elsewhere = await w.call('POST', '/api/v1/namespaces/nowhere/configmaps', configMap('a'))
  expect(elsewhere.body.message).toBe('namespaces "nowhere" not found')
  const unknown = await w.call('GET', FIPS)
  expect(unknown).toMatchObject({ status: 404, body: { message: 'the server could not find the requested resource' } })
  expect(unknown.body.details.name).toBeUndefined()
})

test('a replacement needs the newest version; the same content again is no change', async () => {
  await using w = await world()
  const first = (await w.call('POST', CONFIG_MAPS, configMap('a', '1'))).body
  const second = (await w.call('PUT', `${CONFIG_MAPS}/a`, { ...first, data: { text: '2' } })).body
  expect(Number(second.metadata.resourceVersion)).toBeGreaterThan(Number(first.metadata.resourceVersion))
  const stale = await w.call('PUT', `${CONFIG_MAPS}/a`, { ...first, data: { text: '3' } })
  expect(stale).toMatchObject({ status: 409, body: { reason: 'Conflict' } })
  const same = (await w.call('PUT', `${CONFIG_MAPS}/a`, second)).body
  expect(same.metadata.resourceVersion).toBe(second.metadata.resourceVersion)
})

test('a merge patch honours the uid and version that it names, and only those', async () => {
  await using w = await world()
  const { metadata } = (await w.call('POST', CONFIG_MAPS, configMap('a', '1'))).body
  const patch = (body: object) => w.call('PATCH', `${CONFIG_MAPS}/a`, body, mergePatch)
  const set = await patch({ metadata: { labels: { x: 'y' } }, data: { more: '2' } })
  expect(set.body).toMatchObject({ metadata: { labels: { x: 'y' } }, data: { text: '1', more: '2' } })
  expect((await patch({ data: { more: null } })).body.data).toEqual({ text: '1' })
  const stale = await patch({ metadata: { resourceVersion: metadata.resourceVersion }, data: { text: '3' } })
  expect(stale).toMatchObject({ status: 409, body: { reason: 'Conflict' } })
  const other = await patch({ metadata: { uid: 'another' }, data: { text: '3' } })
  expect(other.status).toBe(409)
  expect(other.body.message).toContain(
    `Precondition failed: UID in precondition: another, UID in object meta: ${metadata.uid}`,
  )
  expect((await patch({ metadata: { uid: metadata.uid } })).status).toBe(200)
})

test('a delete honours its preconditions', async () => {
  await using w = await world()
  const { metadata } = (await w.call('POST', CONFIG_MAPS, configMap('a'))).body
  await w.call('PATCH', `${CONFIG_MAPS}/a`, { data: { text: 'new' } }, mergePatch)
  const remove = (preconditions: object) => w.call('DELETE', `${CONFIG_MAPS}/a`, { preconditions })
  expect((await remove({ uid: 'another' })).status).toBe(409)
  expect((await remove({ resourceVersion: metadata.resourceVersion })).status).toBe(409)
  expect((await remove({ uid: metadata.uid })).status).toBe(200)
  expect((await remove({ uid: metadata.uid })).status).toBe(404)
})

test('the status is written through its own path, and nothing else is', async () => {
  await using w = await world()
  w.addNode('n1')
  const capacity = [{ op: 'add', path: '/status/capacity', value: {} }]
  await w.call('PATCH', '/api/v1/nodes/n1/status', capacity, 'application/json-patch+json')
  const add = [{ op: 'add', path: '/status/capacity/tke.cloud.tencent.com~1eni-ip', value: '10' }]
  const patched = await w.call('PATCH', '/api/v1/nodes/n1/status', add, 'application/json-patch+json')
  expect(patched.body.status.capacity).toEqual({ 'tke.cloud.tencent.com/eni-ip': '10' })
  const wrong = await w.call('PATCH', '/api/v1/nodes/n1', { status: { capacity: null } }, mergePatch)
  expect(wrong.body.status.capacity).toEqual({ 'tke.cloud.tencent.com/eni-ip': '10' })
})

test('lists come page by page from one snapshot; an unknown token is 410', async () => {
  await using w = await world()
  for (const name of ['a', 'b', 'c', 'd', 'e']) await w.call('POST', CONFIG_MAPS, configMap(name))
  const first = (await w.call('GET', `${CONFIG_MAPS}?limit=2`)).body
  await w.call('DELETE', `${CONFIG_MAPS}/d`)
  const next = (await w.call('GET', `${CONFIG_MAPS}?limit=2&continue=${first.metadata.continue}`)).body
  expect(next.items.map(item => item.metadata.name)).toEqual(['c', 'd'])
  expect(next.metadata.resourceVersion).toBe(first.metadata.resourceVersion)
  expect(await w.call('GET', `${CONFIG_MAPS}?limit=2&continue=1.old`)).toMatchObject({
    status: 410,
    body: { reason: 'Expired' },
  })

  const ours = transport(connect({ kubeconfig: w.stage.kubeconfig }))
  const listed = await listAll(ours, CONFIG_MAPS, { limit: 1, quorum: true, pick: ({ metadata }) => metadata.name })
  expect(listed.items).toEqual(['a', 'b', 'c', 'e'])
})

test('a watch goes on after the version that it names, and floatip’s own reader understands it', async () => {
  await using w = await world()
  await w.call('POST', CONFIG_MAPS, configMap('before'))
  const { resourceVersion } = (await w.call('GET', CONFIG_MAPS)).body.metadata
  await w.call('POST', CONFIG_MAPS, configMap('a'))
  const leaving = new AbortController()
  const seen: string[] = []
  const ours = transport(connect({ kubeconfig: w.stage.kubeconfig }))
  const reading = (async () => {
    const watch = { resourceVersion, signal: leaving.signal, random: Math.random }
    for await (const event of watchOnce(ours, CONFIG_MAPS, watch)) {
      seen.push('object' in event ? `${event.type} ${event.object.metadata.name}` : event.type)
    }
  })().catch(() => {})
  await until('the watch is open', () => seen.length === 2)
  await w.call('PATCH', `${CONFIG_MAPS}/a`, { data: { text: '2' } }, mergePatch)
  await w.call('POST', PODS, podBody('of-another-kind'))
  await w.call('DELETE', `${CONFIG_MAPS}/a`)
  await until('all was seen', () => seen.length === 4)
  expect(seen).toEqual(['OPENED', 'ADDED a', 'MODIFIED a', 'DELETED a'])
  leaving.abort()
  await reading
})

test('a watch that was away for too long is told to list again', async () => {
  await using w = await world({ history: 3 })
  for (const name of ['a', 'b', 'c', 'd', 'e']) await w.call('POST', CONFIG_MAPS, configMap(name))
  const [line] = await watched(w, CONFIG_MAPS, 'resourceVersion=2', 1)
  expect(line).toMatchObject({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } })
})

test('a watch ends when it was asked to, with a bookmark of where to go on', async () => {
  await using w = await world()
  const lines = await watched(w, CONFIG_MAPS, 'timeoutSeconds=1&allowWatchBookmarks=true', 9)
  expect(lines).toMatchObject([{ type: 'BOOKMARK', object: { kind: 'ConfigMap' } }])
})

test('a watch with a selector tells of what leaves the selection', async () => {
  await using w = await world()
  await w.call('POST', CONFIG_MAPS, { ...configMap('a'), metadata: { name: 'a', labels: { x: '1' } } })
  await w.call('POST', CONFIG_MAPS, configMap('b'))
  const reading = watched(w, CONFIG_MAPS, 'labelSelector=x%3D1', 2)
  await Bun.sleep(50)
  await w.call('PATCH', `${CONFIG_MAPS}/a`, { metadata: { labels: { x: '2' } } }, mergePatch)
  expect((await reading).map(({ type, object }) => `${type} ${object.metadata.name}`)).toEqual(['ADDED a', 'DELETED a'])
  const bySet = (await w.call('GET', `${CONFIG_MAPS}?labelSelector=x in (2,3)&fieldSelector=metadata.name!=b`)).body
  expect(bySet.items).toHaveLength(1)
})

test('a binding checks uid and version, and sets node and annotations in one write', async () => {
  await using w = await world() // no nodes: nobody else binds
  const { metadata } = (await w.call('POST', PODS, podBody('p', { annotations: { kept: 'yes' } }))).body
  const bind = (about: object) => {
    return w.call('POST', `${PODS}/p/binding`, {
      metadata: { name: 'p', ...about },
      target: { kind: 'Node', name: 'n1' },
    })
  }
  expect((await bind({ uid: 'another' })).body.message).toContain('Precondition failed: UID in precondition: another')
  const stale = await bind({ uid: metadata.uid, resourceVersion: '1' })
  expect(stale).toMatchObject({ status: 409, body: { reason: 'Conflict' } })
  expect(stale.body.message).toContain(
    'Precondition failed: ResourceVersion in precondition: 1, ResourceVersion in object meta: ',
  )

  const writes: string[] = []
  w.stage.api.store.subscribe(({ object }) => {
    if (object.metadata.name === 'p') writes.push(JSON.stringify([object.spec, object.metadata.annotations]))
  })
  expect((await bind({ uid: metadata.uid, annotations: { added: 'too' } })).status).toBe(201)
  expect(writes).toHaveLength(1)
  expect(w.pod('p')).toMatchObject({
    spec: { nodeName: 'n1' },
    metadata: { annotations: { kept: 'yes', added: 'too' } },
  })
  expect((await bind({ uid: metadata.uid })).body.message).toContain('pod p is already assigned to node "n1"')
  const gone = await w.call('POST', `${PODS}/q/binding`, { target: { name: 'n1' } })
  expect(gone).toMatchObject({ status: 404, body: { details: { name: 'q' } } })
})

test('a bound pod gets time to end, an unbound one goes at once', async () => {
  await using w = await world()
  await w.call('POST', PODS, podBody('unbound'))
  await w.call('POST', PODS, podBody('bound'))
  await w.call('POST', `${PODS}/bound/binding`, { target: { name: 'no-kubelet-there' } })
  await w.call('DELETE', `${PODS}/unbound`)
  const { body } = await w.call('DELETE', `${PODS}/bound`)
  expect(body.metadata).toMatchObject({ deletionGracePeriodSeconds: 30, deletionTimestamp: expect.any(String) })
  expect(w.pod('unbound')).toBeUndefined()
  expect(w.pod('bound')).toBeDefined()
  expect((await w.call('POST', `${PODS}/bound/binding`, { target: { name: 'n1' } })).status).toBe(409)
  await w.call('DELETE', `${PODS}/bound`, { gracePeriodSeconds: 0 })
  expect(w.pod('bound')).toBeUndefined()
})

test('a definition makes its resource: served, discovered, shown as a table with its columns', async () => {
  await using w = await world()
  for (const crd of CRDS) {
    const { body } = await w.call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', crd)
    expect(body.status.conditions).toContainEqual({ type: 'Established', status: 'True' })
  }
  const spec = { key: 'sts_default_web_web-0', policy: 1, attribute: '{}', updateTime: '2026-01-01T00:00:00Z' }
  expect((await w.call('POST', FIPS, { metadata: { name: '10.0.0.1' }, spec })).status).toBe(201)
  const { body } = await w.call('GET', '/apis/galaxy.k8s.io/v1alpha1')
  expect(body.resources[0]).toMatchObject({ name: 'floatingips', shortNames: ['fip'], namespaced: false })
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'
  const table = await fetch(w.stage.url + FIPS, { headers: { accept } }).then(reply => reply.json())
  expect(table).toMatchObject({ kind: 'Table', rows: [{ cells: ['10.0.0.1', spec.key, 1, '{}', expect.any(String)] }] })
})

test('a workload’s scale can be read and written', async () => {
  await using w = await world()
  const path = '/apis/apps/v1/namespaces/default/statefulsets'
  await w.call('POST', path, {
    metadata: { name: 'web' },
    spec: { replicas: 0, template: { spec: { containers: [] } } },
  })
  expect((await w.call('GET', `${path}/web/scale`)).body).toMatchObject({ kind: 'Scale', spec: { replicas: 0 } })
  await w.call('PATCH', `${path}/web/scale`, { spec: { replicas: 2 } }, mergePatch)
  const { spec } = (await w.call('GET', `${path}/web`)).body
  expect(spec).toMatchObject({ replicas: 2, template: { spec: { containers: [] } } })
})
