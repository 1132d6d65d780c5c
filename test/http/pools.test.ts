/** The pool routes in galaxy's form: what each answers, and that nothing is done before floatip is ready. */
import { afterEach, expect, test } from 'bun:test'
import { api, callsOf, run } from '../app/asking.ts'
import { entry, pod, workload } from '../app/objects.ts'
import { closeWorlds, openWorld, startWorld, until, type World } from '../app/world.ts'

afterEach(closeWorlds)

const post = (world: World, body: object) =>
  api(world, '/v1/pool', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

test('made, shown, resized, deleted; its addresses stay', async () => {
  const world = await openWorld()
  expect(await post(world, { name: 'p', size: 2 })).toMatchObject({ status: 200, body: { code: 200, message: '' } })
  expect((await api(world, '/v1/pool/p')).body).toEqual({
    code: 200,
    message: '',
    pool: { name: 'p', size: 2, preAllocateIP: false },
  })
  expect((await post(world, { name: 'p', size: 3, preAllocateIP: true })).body).toEqual({
    code: 200,
    message: '',
    realPoolSize: 3,
  })
  expect(world.rows()).toHaveLength(3)
  expect(await api(world, '/v1/pool/p', { method: 'DELETE' })).toMatchObject({ status: 200, body: { code: 200 } })
  expect((await api(world, '/v1/pool/p')).status).toBe(404)
  expect(world.rows()).toHaveLength(3)
})

test('R34 answered once the API server has the objects of what was allocated ahead, and no more those of what was let go', async () => {
  const world = await openWorld()
  const objects = () => world.rows().filter(ip => world.api.get('floatingips', ip)?.spec !== undefined).length
  expect((await post(world, { name: 'p', size: 6, preAllocateIP: true })).body).toMatchObject({ realPoolSize: 6 })
  expect(objects()).toBe(6)
  const freed = world.rows()
  expect((await post(world, { name: 'p', size: 1 })).status).toBe(200)
  expect(freed.filter(ip => world.api.get('floatingips', ip)?.spec !== undefined)).toHaveLength(1)
})

test('R34 the API server takes no objects: 503 after 10 s, and the same again waits for the rest', async () => {
  const world = await openWorld({ speed: 50 })
  world.api.fail('create floatingips', { status: 503 }, 100_000)
  const answer = await post(world, { name: 'p', size: 2, preAllocateIP: true })
  expect(answer).toMatchObject({
    status: 503,
    body: { message: '2 addresses of pool p are not with the API server yet: ask again' },
  })
  world.api.heal()
  expect((await post(world, { name: 'p', size: 2, preAllocateIP: true })).body).toMatchObject({ realPoolSize: 2 })
})

test('one of another namespace, as the document’s example makes it, is shown, resized and deleted where it is', async () => {
  const world = await openWorld()
  const metadata = { name: 'p', namespace: 'default', uid: 'p#1', resourceVersion: '1', generation: 1 }
  world.api.put('pools', { metadata, size: 4 })
  await until(() => world.ports.cluster.poolInForce('p')?.size === 4)
  expect((await api(world, '/v1/pool/p')).body).toMatchObject({ pool: { name: 'p', size: 4, preAllocateIP: false } })
  expect((await post(world, { name: 'p', size: 6 })).body).toEqual({ code: 200, message: '' })
  await until(() => world.ports.cluster.poolInForce('p')?.size === 6)
  expect(world.ports.cluster.poolsNamed('p')).toMatchObject([{ namespace: 'default' }])
  expect((await api(world, '/v1/pool/p', { method: 'DELETE' })).status).toBe(200)
  await until(() => world.ports.cluster.poolInForce('p') === null)
  expect((await api(world, '/v1/pool/p')).status).toBe(404)
  expect((await api(world, '/v1/pool/p', { method: 'DELETE' })).status).toBe(404)
})

test('pre-allocation that stops short is 202 and says how far it came; a smaller size frees only what no pod uses', async () => {
  const world = await openWorld()
  expect(await post(world, { name: 'p', size: 9, preAllocateIP: true })).toMatchObject({
    status: 202,
    body: { code: 202, message: 'No enough IPs', realPoolSize: 6 },
  })
  await until(() => world.ports.cluster.poolInForce('p')?.size === 9)
  await run(world, pod('a-0', { annotations: { 'tke.cloud.tencent.com/eni-ip-pool': 'p' } }))
  await post(world, { name: 'p', size: 0 })
  await until(() => world.rows().length === 1)
  const [left = ''] = world.rows()
  expect(world.row(left)).toStartWith('bound pool__p_')
})

test.each([
  [{ size: 1 }, 'name'],
  [{ name: 'p' }, 'size'],
  [{ name: 'p', size: -1 }, 'size'],
  [{ name: 'p', size: 1.5 }, 'size'],
  [{ name: 'P_', size: 1 }, 'name must be a DNS-1123 name'],
])('%j is 400 and says what is wrong', async (body, what) => {
  const world = await openWorld()
  const answer = await post(world, body)
  expect(answer.status).toBe(400)
  expect(JSON.stringify(answer.body)).toContain(what)
  expect(world.rows()).toEqual([])
})

test.each([
  ['poolName=p', ['app-x', 'db-0', null]],
  ['poolName=p&appType=deployment', ['app-x', null]],
  ['poolName=p&appType=statefulset', ['db-0', null]],
  ['poolName=p&appType=deployment&sort=podname', [null, 'app-x']],
  ['poolName=p&appType=deployment&keyword=pool__p_', ['app-x', null]],
  ['poolName=p&appType=deployment&appName=app', ['app-x']],
  ['poolName=p&appType=deployment&namespace=default', ['app-x']],
  ['poolName=p&appType=tapp&podName=app-x', []],
  ['appType=deployment', ['app-x']],
])('what a pool keeps is of no type, so of whichever is asked for: ?%s', async (query, expected) => {
  const world = await openWorld({ deployments: [workload('app', 2)] })
  const annotations = { 'tke.cloud.tencent.com/eni-ip-pool': 'p' }
  await run(world, pod('app-x', { owner: 'Deployment app', annotations }))
  await run(world, pod('db-0', { owner: 'StatefulSet db', annotations }))
  await run(world, pod('app-y', { owner: 'Deployment app', annotations }))
  world.api.remove('pods', 'default/app-y')
  await until(() => world.rows().some(ip => world.row(ip) === 'reserved pool__p_'))
  const { content } = (await api<{ content: { podName?: string }[] }>(world, `/v1/ip?${query}`)).body
  expect(content.map(({ podName }) => podName ?? null)).toEqual(expected)
})

test('before floatip is ready nothing is done', async () => {
  const world = startWorld({ entries: null })
  expect((await post(world, { name: 'p', size: 1, preAllocateIP: true })).status).toBe(503)
  expect((await api(world, '/v1/pool/p', { method: 'DELETE' })).status).toBe(503)
  expect(world.rows()).toEqual([])
})

test('all are listed, page by page: those with a size, those with addresses, those with both', async () => {
  const world = await openWorld()
  await post(world, { name: 'sized', size: 9 })
  await post(world, { name: 'both', size: 2, preAllocateIP: true })
  const annotations = { 'tke.cloud.tencent.com/eni-ip-pool': 'both' }
  await run(world, pod('p', { owner: 'Deployment app', annotations }))
  await run(world, pod('q', { annotations: { 'tke.cloud.tencent.com/eni-ip-pool': 'only' } }))
  await until(() => world.ports.cluster.pools.size === 2)
  const both = { name: 'both', size: 2, preAllocateIP: true, allocated: 2, inUse: 1 }
  const only = { name: 'only', preAllocateIP: false, allocated: 1, inUse: 1 }
  const sized = { name: 'sized', size: 9, preAllocateIP: false, allocated: 0, inUse: 0 }
  const page = async (query: string) => (await api<{ content: object[] }>(world, `/v1/pool${query}`)).body
  expect(await page('')).toMatchObject({ totalElements: 3, content: [both, only, sized] })
  expect(await page('?size=1&page=2')).toMatchObject({ totalElements: 3, last: true, content: [sized] })
})

test('a status whose write takes long is not the last word', async () => {
  const world = await openWorld()
  const door = world.api.hold('patch pools')
  world.api.put('pools', {
    metadata: { name: 'slow', namespace: 'kube-system', uid: 'slow#1', resourceVersion: '1' },
    size: 4,
  })
  await door.arrived
  const annotations = { 'tke.cloud.tencent.com/eni-ip-pool': 'slow' }
  await run(world, pod('slow-x', { owner: 'Deployment slow', annotations }))
  await Bun.sleep(500)
  door.release()
  await Bun.sleep(100)
  await until(() => world.api.get('pools', 'kube-system/slow')?.status?.inUse === 1)
})

test('a large pool is filled and emptied in many turns, so that nobody waits for it', async () => {
  const world = await openWorld({ entries: [entry('10.49.0.0/24', '10.0.0.0/16', '10.0.1.0~10.0.19.255')] })
  let most = 0
  world.ledger.onCommit(changes => {
    most = Math.max(most, changes.length)
  })
  const full = await post(world, { name: 'p', size: 3_500, preAllocateIP: true })
  expect(full.body).toMatchObject({ code: 200, realPoolSize: 3_500 })
  await post(world, { name: 'p', size: 10 })
  expect(world.rows()).toHaveLength(10)
  expect(most).toBeLessThanOrEqual(1_000)
})

test('two who make the same pool at once both succeed, and one of their sizes is in force', async () => {
  const world = await openWorld()
  const made = await Promise.all([2, 3, 4].map(size => post(world, { name: 'p', size })))
  expect(made.map(({ status, body }) => [status, body])).toEqual(made.map(() => [200, { code: 200, message: '' }]))
  expect((await api<{ pool: { size: number } }>(world, '/v1/pool/p')).body.pool.size).toBeGreaterThan(1)
})

test('a status that may not be written is tried for all pools together, ever more rarely, and told once', async () => {
  const world = await openWorld({ speed: 50 })
  world.api.fail('patch pools', { status: 403, reason: 'Forbidden' }, 12)
  const names = ['a', 'b', 'c', 'd']
  for (const name of names) {
    const metadata = { name, namespace: 'kube-system', uid: `pool-${name}`, resourceVersion: '1' }
    world.api.put('pools', { metadata, size: 2 })
  }
  const told = () => world.logged.filter(line => line.includes('the status of a pool was not written'))
  await until(() => told().length > 0)
  await Bun.sleep(1_000)
  expect(told()).toHaveLength(1)
  // 50 s of there: seven tries; one a second would be at its end. Twelve are 211 s.
  expect(callsOf(world, 'patch pools').length).toBeLessThan(12)
  // Until the right is given: 10 s of this test are 500 s there.
  await until(() => names.every(name => world.api.get('pools', `kube-system/${name}`)?.status?.size === 2), 10_000)
}, 15_000)

test('a pool whose status is refused for itself alone keeps no other pool from its own', async () => {
  const world = await openWorld({ speed: 50 })
  const names = ['a', 'b', 'c']
  world.api.fail('patch pools kube-system/a', { status: 422, reason: 'Invalid' }, 1_000)
  for (const name of names) {
    const metadata = { name, namespace: 'kube-system', uid: `pool-${name}`, resourceVersion: '1' }
    world.api.put('pools', { metadata, size: 2 })
  }
  const size = (name: string) => world.api.get('pools', `kube-system/${name}`)?.status?.size
  await until(() => size('b') === 2 && size('c') === 2)
  expect(size('a')).toBeUndefined()
})
