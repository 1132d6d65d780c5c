/** Owns the way from the outbox to the objects under faults: in the end each object says what its row says, and what is not ours stays. */
import { afterEach, describe, expect, test } from 'bun:test'
import { present } from '../../src/lib/assert.ts'
import { Fault } from '../../src/lib/fault.ts'
import { bind, callsOf, create, run } from '../app/asking.ts'
import { entry, floatingIp, pod } from '../app/objects.ts'
import { closeWorlds, openWorld, until, type World } from '../app/world.ts'

afterEach(closeWorlds)

const web0 = pod('web-0', { owner: 'StatefulSet web', policy: 'never' })
const object = (world: World, ip = '10.0.0.2') => world.api.get('floatingips', ip)
const settled = async (world: World) => {
  await until(() => world.ports.replicator.pending === 0)
  await until(() => world.ledger.outbox().length === 0)
}

describe('each fault of one write ends in the right object', () => {
  test.each([
    ['500', { status: 500 }],
    ['503', { status: 503 }],
    ['429', { status: 429, reason: 'TooManyRequests' }],
    ['504 after success', { status: 504, after: true }],
    ['409 although nothing is there', { status: 409, reason: 'AlreadyExists' }],
    ['410', { status: 410, reason: 'Gone' }],
    ['403', { status: 403, reason: 'Forbidden' }],
  ] as const)('create answered with %s', async (_, fault) => {
    const world = await openWorld({ speed: 4 })
    await create(world, web0)
    world.api.fail('create floatingips', fault)
    expect(await bind(world, web0)).toBe('')
    await settled(world)
    expect(object(world)?.spec).toMatchObject({
      key: 'sts_default_web_web-0',
      attribute: '{"NodeName":"a1","Uid":"web-0#1"}',
    })
    expect(world.api.all('floatingips')).toHaveLength(1)
  })

  test.each([
    ['500', { status: 500 }],
    ['504 after success', { status: 504, after: true }],
    ['409', { status: 409, reason: 'Conflict' }],
    ['404 NotFound', { status: 404, reason: 'NotFound' }],
  ] as const)('update answered with %s', async (_, fault) => {
    const world = await openWorld({ speed: 4 })
    await run(world, web0)
    world.api.fail('patch floatingips', fault)
    world.api.remove('pods', 'default/web-0')
    await until(() => world.row('10.0.0.2') === 'reserved sts_default_web_web-0')
    await settled(world)
    expect(object(world)?.spec?.attribute).toBe('{"NodeName":"","Uid":""}')
  })

  test.each([
    ['500', { status: 500 }],
    ['504 after success', { status: 504, after: true }],
    ['409', { status: 409, reason: 'Conflict' }],
    ['404 NotFound', { status: 404, reason: 'NotFound', after: true }],
  ] as const)('delete answered with %s', async (_, fault) => {
    const world = await openWorld({ speed: 4 })
    await run(world, pod('bare'))
    world.api.fail('delete floatingips', fault)
    world.api.remove('pods', 'default/bare')
    await until(() => world.row('10.0.0.2') === 'free')
    await settled(world)
    expect(object(world)).toBeUndefined()
  })

  test('the API server is away for a while: what was decided meanwhile is written when it is back', async () => {
    const world = await openWorld({ speed: 4 })
    await run(world, web0)
    world.api.fail('patch floatingips', { status: 500 }, 5)
    world.api.remove('pods', 'default/web-0')
    await until(() => world.row('10.0.0.2') === 'reserved sts_default_web_web-0')
    expect(world.ledger.outbox().map(each => each.address)).toEqual(['10.0.0.2'])
    await settled(world)
    expect(callsOf(world, 'patch floatingips')).toHaveLength(6)
    expect(object(world)?.spec?.attribute).toBe('{"NodeName":"","Uid":""}')
  })
})

describe('what others do to an object', () => {
  test('the ledger cannot be read at that moment: the write is tried again, and nothing ends', async () => {
    const world = await openWorld({ speed: 4 })
    await run(world, web0)
    await settled(world)
    const { address, revision } = present(world.ledger.read(view => view.ofIncarnation('web-0#1'))[0], 'row')
    const { read } = world.ledger
    world.ledger.read = () => {
      world.ledger.read = read
      throw new Fault('the ledger could not be read', { retryable: true })
    }
    world.ports.replicator.recheck(address, revision)
    await world.ports.replicator.acknowledged(address, revision)
    expect(world.ports.replicator.pending).toBe(0)
  })

  test('somebody deletes the object of a bound address: the next write makes it again', async () => {
    const world = await openWorld({ speed: 4 })
    await run(world, web0)
    world.api.remove('floatingips', '10.0.0.2')
    world.api.remove('pods', 'default/web-0')
    await until(() => object(world)?.spec?.attribute === '{"NodeName":"","Uid":""}')
    await settled(world)
  })

  test('foreign labels and annotations stay on our objects', async () => {
    const world = await openWorld({ speed: 4 })
    await run(world, web0)
    world.api.edit('floatingips', '10.0.0.2', { metadata: { labels: { team: 'x' }, annotations: { note: 'y' } } })
    world.api.remove('pods', 'default/web-0')
    await until(() => object(world)?.spec?.attribute === '{"NodeName":"","Uid":""}')
    expect(object(world)?.metadata.labels).toEqual({ ipType: 'internalIP', team: 'x' })
    expect(object(world)?.metadata.annotations).toMatchObject({ note: 'y' })
  })

  test('R23: an object that gets the label reserved while its pod runs is not deleted at the pod’s end, and its address goes to nobody', async () => {
    const world = await openWorld({ speed: 4 })
    await run(world, pod('bare'))
    world.api.edit('floatingips', '10.0.0.2', { metadata: { labels: { reserved: 'by-me' } } })
    world.api.remove('pods', 'default/bare')
    await until(() => world.row('10.0.0.2') === 'reserved reserved_NULL_NULL_')
    await settled(world)
    expect(object(world)?.metadata.labels).toMatchObject({ reserved: 'by-me' })
    expect(object(world)?.spec).toMatchObject({ key: '', attribute: '{"NodeName":"","Uid":""}' })
    for (const name of ['p1', 'p2', 'p3']) await run(world, pod(name))
    expect(world.row('10.0.0.2')).toBe('reserved reserved_NULL_NULL_')
  })

  test('R23: the same across a restart in between', async () => {
    const world = await openWorld({ speed: 4 })
    await run(world, pod('bare'))
    const { api, dir } = world
    await settled(world)
    await world.stop()
    api.edit('floatingips', '10.0.0.2', { metadata: { labels: { reserved: 'by-me' } } })
    const again = await openWorld({ api, dir, speed: 4 })
    expect(again.row('10.0.0.2')).toBe('bound NULL_default_NULL_bare bare#1')
    api.remove('pods', 'default/bare')
    await until(() => again.row('10.0.0.2') !== 'bound NULL_default_NULL_bare bare#1')
    await settled(again)
    expect(object(again)?.metadata.labels).toMatchObject({ reserved: 'by-me' })
    expect(again.row('10.0.0.2')).toBe('reserved reserved_NULL_NULL_')
  })

  test('a reserved object is left alone at start-up and by a bind of every other address', async () => {
    const reserved = floatingIp('10.0.0.3', '', { labels: { reserved: '' } })
    const world = await openWorld({ floatingips: [reserved] })
    const before = object(world, '10.0.0.3')
    for (const name of ['p1', 'p2', 'p3']) await run(world, pod(name))
    expect(object(world, '10.0.0.3')).toEqual(before as never)
    expect(world.rows()).toEqual(['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5'])
  })
})

describe('many at once', () => {
  test('a hundred pods bind at the same time: a hundred objects, a hundred addresses, none twice', async () => {
    const entries = [
      { nodeSubnets: ['10.49.0.0/24'], ips: ['10.0.0.2~10.0.0.101'], subnet: '10.0.0.0/24', gateway: '10.0.0.1' },
    ]
    const world = await openWorld({ entries })
    const pods = Array.from({ length: 100 }, (_, at) => pod(`p${at}`))
    for (const each of pods) world.api.put('pods', each)
    await until(() => world.ports.cluster.pods.size === 100)
    expect(new Set(await Promise.all(pods.map(each => bind(world, each))))).toEqual(new Set(['']))
    await settled(world)
    expect(world.api.all('floatingips')).toHaveLength(100)
    expect(world.rows()).toHaveLength(100)
    expect(world.verify()).toBeNull()
  })

  test('a takeover writes no object that says already what it should; each is known all the same', async () => {
    const world = await openWorld({
      entries: [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2~10.0.0.250')],
      floatingips: Array.from({ length: 200 }, (_, at) =>
        floatingIp(`10.0.0.${2 + at}`, `sts_default_web_web-${at}`, { policy: 2 }),
      ),
    })
    expect(world.rows()).toHaveLength(200)
    await settled(world)
    expect(callsOf(world, 'patch floatingips')).toHaveLength(0)
    await create(world, web0)
    expect(await bind(world, web0)).toBe('')
    expect(object(world)?.spec?.attribute).toBe('{"NodeName":"a1","Uid":"web-0#1"}')
    // By compare-and-swap on the version that was listed: no look, no second try.
    expect([callsOf(world, 'get floatingips').length, callsOf(world, 'patch floatingips').length]).toEqual([0, 1])
  })

  test('--replicate=off: no object is written, and binds work', async () => {
    const world = await openWorld({ replicate: false })
    await run(world, web0)
    expect(world.api.calls.some(({ kind }) => kind.endsWith('floatingips'))).toBe(false)
    await settled(world)
  })
})
