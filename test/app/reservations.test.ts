/** Reservations over HTTP: objects before the answer, all or none, expiry over restarts and failover. */
import { afterEach, describe, expect, test } from 'bun:test'
import { api, callsOf, create, filter, run } from './asking.ts'
import { floatingIp, pod, workload } from './objects.ts'
import { closeWorlds, openWorld, until, type World } from './world.ts'

afterEach(closeWorlds)

interface Reservation {
  readonly id: string
  readonly message?: string
  readonly addresses: readonly { ip: string; podName?: string; state: string }[]
}

const reserve = (world: World, body: object) =>
  api<Reservation>(world, '/v1/reservations', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
const end = (world: World, id: string) =>
  api<{ freed: number; left: number; message: string }>(world, `/v1/reservations/${id}`, { method: 'DELETE' })
const listed = async (world: World) =>
  (await api<{ content: (Reservation & { madeBy: string })[] }>(world, '/v1/reservations')).body.content
const object = (world: World, ip: string) => world.api.get('floatingips', ip)
const ips = ({ body }: { body: Reservation }) => body.addresses.map(({ ip }) => ip)

const WEB = { appName: 'web', appType: 'statefulset', namespace: 'default' }
const BLOCKED = 'reserved reserved_NULL_NULL_'
const web = (name: string, words: Parameters<typeof pod>[1] = {}) => pod(name, { owner: 'StatefulSet web', ...words })

describe('for an app', () => {
  test('R34: the objects are there before the answer; the pods get these addresses', async () => {
    const world = await openWorld({ statefulsets: [workload('web', 2)] })
    const made = await reserve(world, { ...WEB, count: 2, contiguous: true, ips: undefined, note: 'move' })
    expect(made.status).toBe(201)
    expect(made.body.addresses).toMatchObject([
      { ip: '10.0.0.2', podName: 'web-0', state: 'reserved' },
      { ip: '10.0.0.3', podName: 'web-1', state: 'reserved' },
    ])
    expect(object(world, '10.0.0.3')?.spec?.key).toBe('sts_default_web_web-1')
    await run(world, pod('other'))
    await run(world, web('web-1'))
    expect(world.row('10.0.0.3')).toBe('bound sts_default_web_web-1 web-1#1')
    expect(world.row('10.0.0.4')).toBe('bound NULL_default_NULL_other other#1')
    // While it lasts, an ended pod's address goes back to it, although its pods have no policy.
    world.api.remove('pods', 'default/web-1')
    await until(() => world.row('10.0.0.3') === 'reserved sts_default_web_web-1')
    expect(await end(world, made.body.id)).toMatchObject({ status: 200, body: { freed: 2, left: 0 } })
    expect(object(world, '10.0.0.2')).toBeUndefined()
    expect(object(world, '10.0.0.3')).toBeUndefined()
    expect((await end(world, made.body.id)).status).toBe(404)
  })

  test.each([
    ['sts', 'sts_default_web_web-0'],
    ['StatefulSets', 'sts_default_web_web-0'],
    ['deploy', 'dp_default_web_'],
    ['dp', 'dp_default_web_'],
  ])('the kind may be written as kubectl and the keys have it: %s', async (appType, key) => {
    const world = await openWorld()
    await reserve(world, { ...WEB, appType, ips: ['10.0.0.2'] })
    expect(world.row('10.0.0.2')).toBe(`reserved ${key}`)
  })

  test('a Deployment takes those kept for it; ended while in use, the address stays with its pod', async () => {
    const world = await openWorld({ deployments: [workload('app', 1)] })
    const app = { appName: 'app', appType: 'deployment', namespace: 'default' }
    const made = await reserve(world, { ...app, ips: ['10.0.1.3'] })
    expect(ips(made)).toEqual(['10.0.1.3'])
    const sticky = pod('app-x', { owner: 'Deployment app', policy: 'immutable' })
    await create(world, sticky)
    expect((await filter(world, sticky)).NodeNames).toEqual(['b1'])
    await run(world, sticky, 'b1')
    expect(await end(world, made.body.id)).toMatchObject({ body: { freed: 0, left: 1 } })
    expect(world.row('10.0.1.3')).toBe('bound dp_default_app_app-x app-x#1')
    const annotations = object(world, '10.0.1.3')?.metadata.annotations
    expect(annotations?.['floatip.galaxy.k8s.io/reservation'] ?? null).toBeNull()
  })

  test('nothing is reserved when not all can be: 409 says why', async () => {
    const world = await openWorld()
    expect(await reserve(world, { ...WEB, count: 5 })).toMatchObject({
      status: 409,
      body: { code: 409, message: 'no entry of the configuration has 5 free addresses' },
    })
    expect(world.rows()).toEqual([])
  })

  test('nothing is reserved when it cannot be replicated: 503, and nothing is left', async () => {
    const world = await openWorld({ speed: 50 })
    world.api.fail('create floatingips', { status: 500 }, 1_000)
    const { status, body } = await reserve(world, { ...WEB, count: 2 })
    expect(status).toBeGreaterThanOrEqual(500)
    expect(body.message).toContain('nothing is reserved: reservation ')
    expect(world.rows()).toEqual([])
    world.api.heal()
    await until(() => world.ports.replicator.pending === 0)
    expect(world.api.all('floatingips')).toEqual([])
  })

  test('the administrator deletes the object: it is reserved no more', async () => {
    const world = await openWorld()
    await reserve(world, { ...WEB, count: 2 })
    await Bun.sleep(50)
    world.api.remove('floatingips', '10.0.0.2')
    await until(() => world.row('10.0.0.2') === 'free')
    expect((await listed(world)).map(each => each.addresses.length)).toEqual([1])
  })
})

describe('out of circulation', () => {
  test('an object with the label; nobody gets the address; deleting the reservation deletes the object', async () => {
    const world = await openWorld()
    const made = await reserve(world, { ips: ['10.0.0.2', '10.0.0.4~10.0.0.5'], note: 'firewall' })
    expect(made).toMatchObject({ status: 201, body: { outOfCirculation: true, note: 'firewall' } })
    expect(object(world, '10.0.0.4')?.metadata.labels).toMatchObject({ reserved: 'floatip' })
    await Bun.sleep(50)
    await run(world, pod('p'))
    expect(world.row('10.0.0.3')).toBe('bound NULL_default_NULL_p p#1')
    expect(await end(world, made.body.id)).toMatchObject({ status: 200, body: { freed: 3 } })
    await Bun.sleep(50)
    expect(world.rows()).toEqual(['10.0.0.3'])
    expect(object(world, '10.0.0.2')).toBeUndefined()
  })

  test('a release is refused, and says what ends it', async () => {
    const world = await openWorld({ floatingips: [floatingIp('10.0.0.2', '', { labels: { reserved: 'x' } })] })
    const { id } = (await reserve(world, { ips: ['10.0.0.3'] })).body
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ ips: [{ ip: '10.0.0.2' }, { ip: '10.0.0.3' }] })
    expect(await api<object>(world, '/v1/ip', { method: 'POST', headers, body })).toMatchObject({
      status: 202,
      body: {
        reasons: [
          '10.0.0.2 is kept out of circulation by FloatingIP 10.0.0.2, which has the label reserved or cannot be read: correct or delete it',
          `10.0.0.3 is kept out of circulation by reservation ${id}: floatip ip unreserve ${id}`,
        ],
      },
    })
    expect([world.row('10.0.0.2'), world.row('10.0.0.3')]).toEqual([BLOCKED, BLOCKED])
  })

  test.each(['its object', 'the label'])('an administrator takes %s away: that address is free again', async what => {
    const world = await openWorld()
    await reserve(world, { ips: ['10.0.0.2', '10.0.0.3'] })
    await Bun.sleep(50)
    if (what === 'its object') world.api.remove('floatingips', '10.0.0.2')
    else world.api.edit('floatingips', '10.0.0.2', { metadata: { labels: { reserved: null } } })
    await until(() => world.row('10.0.0.2') === 'free')
    expect(world.row('10.0.0.3')).toBe(BLOCKED)
  })

  test('R23: one that an administrator made with kubectl is listed, and not ours to delete', async () => {
    const world = await openWorld({ floatingips: [floatingIp('10.0.0.2', '', { labels: { reserved: 'x' } })] })
    expect(await listed(world)).toMatchObject([{ id: '10.0.0.2', madeBy: 'object' }])
    expect(await end(world, '10.0.0.2')).toMatchObject({
      status: 409,
      body: { message: expect.stringContaining('kubectl delete floatingip 10.0.0.2') },
    })
    expect(object(world, '10.0.0.2')).toBeDefined()
  })

  test('an object made in the same moment by an administrator wins: nothing is reserved', async () => {
    const world = await openWorld()
    await Bun.sleep(50)
    world.api.hush('floatingips') // the watch has not told yet
    world.api.put('floatingips', floatingIp('10.0.0.2', '', { labels: { reserved: 'mine' } }))
    const { body } = await reserve(world, { ips: ['10.0.0.2', '10.0.0.3'] })
    expect(body.message).toContain('nothing is reserved')
    await until(() => world.ports.replicator.pending === 0)
    expect([world.row('10.0.0.2'), world.row('10.0.0.3')]).toEqual([BLOCKED, 'free'])
    expect(world.api.all('floatingips')).toHaveLength(1)
    expect(world.api.all('floatingips')[0]?.metadata.labels).toEqual({ reserved: 'mine' })
  })
})

test('one whose object names a time that is no date, by whosever hand, hides no other', async () => {
  const reservation = JSON.stringify({ id: 'far', expiresAt: 1e300, note: '' })
  const far = floatingIp('10.0.0.2', 'sts_default_web_web-0', { policy: 2 })
  far.metadata.annotations = { 'floatip.galaxy.k8s.io/reservation': reservation }
  const world = await openWorld({ floatingips: [far] })
  await reserve(world, { ips: ['10.0.0.5'] })
  expect(await listed(world)).toHaveLength(2)
})

test('a resync while its object is on its way does not take it for one that ended', async () => {
  const world = await openWorld({ resyncMinutes: 0.002 })
  const door = world.api.hold('create floatingips')
  const made = reserve(world, { ips: ['10.0.0.2'] })
  await door.arrived
  const rounds = callsOf(world, 'list floatingips').length
  await until(() => callsOf(world, 'list floatingips').length > rounds + 2)
  door.release()
  expect(ips(await made)).toEqual(['10.0.0.2'])
  expect(world.row('10.0.0.2')).toBe(BLOCKED)
})

describe('its time', () => {
  test('expires by itself, in the ledger and in the cluster', async () => {
    const world = await openWorld({ speed: 100 })
    await reserve(world, { ...WEB, count: 2, expiresInSeconds: 30 })
    await reserve(world, { ips: ['10.0.0.5'], expiresInSeconds: 30 })
    expect(world.rows()).toHaveLength(3)
    await until(() => world.rows().length === 0)
    await until(() => world.api.all('floatingips').length === 0)
    expect(await listed(world)).toEqual([])
  })

  test('of several is over at once, although the API server takes no end of an object', async () => {
    const world = await openWorld()
    for (const ip of ['10.0.0.4', '10.0.0.5']) await reserve(world, { ips: [ip], expiresInSeconds: 1 })
    world.api.fail('delete floatingips', { status: 500 }, 1_000)
    await until(() => world.rows().length === 0)
    expect(world.logged.filter(line => line.includes('will retry') && line.includes('reservation'))).toEqual([])
    world.api.heal()
    await until(() => world.api.all('floatingips').length === 0)
  })

  test.each([
    ['a restart', true],
    ['a failover without the file', false],
  ])('survives %s, and what expired meanwhile goes', async (_, file) => {
    const world = await openWorld()
    const kept = await reserve(world, { ...WEB, count: 1, expiresInSeconds: 3600, note: 'for Monday' })
    const admin = await reserve(world, { ips: ['10.0.0.5'], note: 'router' })
    await reserve(world, { ips: ['10.0.0.4'], expiresInSeconds: 1 })
    await world.stop(true)
    await Bun.sleep(1_000)
    const next = await openWorld({ api: world.api, ...(file && { dir: world.dir }) })
    await until(() => next.row('10.0.0.4') === 'free')
    await until(() => object(next, '10.0.0.4') === undefined)
    expect(next.row('10.0.0.2')).toBe('reserved sts_default_web_web-0')
    expect(next.row('10.0.0.5')).toBe(BLOCKED)
    const found = await api<Reservation>(next, `/v1/reservations/${kept.body.id}`)
    expect(found.body).toEqual(kept.body)
    expect(await end(next, admin.body.id)).toMatchObject({ body: { freed: 1 } })
    expect(object(next, '10.0.0.5')).toBeUndefined()
  })

  test('one that was not answered when floatip crashed is not made', async () => {
    const world = await openWorld()
    const door = world.api.hold('create floatingips')
    void reserve(world, { ips: ['10.0.0.2'] }).catch(() => {})
    await door.arrived
    expect(world.row('10.0.0.2')).toBe(BLOCKED)
    world.api.fail('create floatingips', { status: 500 }, 1_000)
    await world.stop(true)
    const next = await openWorld({ api: world.api, dir: world.dir })
    expect(next.row('10.0.0.2')).toBe('free')
  })
})

test.each([
  [{ ips: [] }, 'ips is empty'],
  [{ ips: ['10.0.0.2', '10.0.0.2'] }, 'ips names an address twice'],
  [{ ips: ['10.0.0.0/16'] }, 'ips has 65536 addresses: at most 1024 at once'],
  [{ ips: ['10.0.0.2'], ranges: ['10.0.0.0/24'] }, 'give ips or ranges, not both'],
  [{ ips: ['10.0.0.2'], count: 2 }, 'count is 2, and ips has 1 addresses'],
  [{ ranges: ['ten'] }, 'ranges[0] must be a single address, "a~b", "a-b" or a CIDR, not "ten"'],
  [{ appName: 'web' }, 'namespace must be a DNS-1123 name such as web, not ""'],
  [{ namespace: 'default' }, 'appName is missing'],
  [{ ...WEB, appType: 'NULL' }, 'appType must be a kind of workload such as statefulset or deployment, not "NULL"'],
  [{ expiresAt: 'tomorrow' }, 'expiresAt must be a time such as 2026-05-29T14:03:00Z, not "tomorrow"'],
  [{ expiresAt: '2020-01-01T00:00:00Z' }, 'expiresAt 2020-01-01T00:00:00Z has passed'],
])('bad request %j', async (body, message) => {
  const world = await openWorld()
  expect(await reserve(world, body)).toMatchObject({ status: 400, body: { code: 400, message } })
})

test('an object that was deleted before the reservation, looked up late, does not end it', async () => {
  const world = await openWorld()
  await Bun.sleep(50)
  const door = world.api.hold('get floatingips', true)
  world.api.put('floatingips', floatingIp('10.0.0.2', 'sts_default_old_old-0', { policy: 2 }))
  world.api.remove('floatingips', '10.0.0.2')
  await door.arrived
  expect((await reserve(world, { ...WEB, ips: ['10.0.0.2'] })).status).toBe(201)
  door.release()
  await Bun.sleep(150)
  expect(world.logged.filter(line => line.includes('reservation ended'))).toEqual([])
  expect(world.row('10.0.0.2')).toBe('reserved sts_default_web_web-0')
})
