/** The check and the repair: every kind of drift, made on the composed program behind the back of the watches. */
import { afterEach, describe, expect, test } from 'bun:test'
import { FINDING_KINDS } from '../../src/app/findings.ts'
import { api, run } from './asking.ts'
import { carries, configMap, entry, floatingIp, pod } from './objects.ts'
import { closeWorlds, openWorld, until, type World } from './world.ts'

afterEach(closeWorlds)

interface Found {
  readonly kind: string
  readonly ip: string
  readonly key?: string
  readonly because: string
  readonly safe?: boolean
  readonly state?: string
  readonly detail?: string
}
interface Answer {
  readonly ok: boolean
  readonly dryRun?: boolean
  readonly counts: Record<string, number>
  readonly findings: readonly Found[]
}

const seen = new Set<string>()

async function check(world: World): Promise<Answer> {
  const { status, body } = await api<Answer>(world, '/v1/check')
  expect(status).toBe(200)
  for (const { kind } of body.findings) seen.add(kind)
  return body
}

async function repair(world: World, body: object = {}): Promise<Answer> {
  const headers = { 'content-type': 'application/json' }
  const answer = await api<Answer>(world, '/v1/check/repair', { method: 'POST', headers, body: JSON.stringify(body) })
  expect(answer.status).toBe(200)
  return answer.body
}

/** A world with pod `p` on 10.0.0.2, in which the watches tell nothing more. */
async function deaf(options: Parameters<typeof openWorld>[0] = {}): Promise<World> {
  const world = await openWorld(options)
  await run(world, pod('p'))
  await until(() => world.ports.replicator.pending === 0)
  await until(() => world.ports.cluster.pods.get('default/p')?.node === 'a1')
  await Bun.sleep(20)
  for (const each of ['floatingips', 'pods'] as const) world.api.hush(each)
  return world
}

const MINE = 'bound NULL_default_NULL_p p#1'

test('nothing differs', async () => {
  const world = await deaf()
  expect(await check(world)).toMatchObject({ ok: true, rows: 1, objects: 1, pods: 1, counts: {}, findings: [] })
})

describe('what is safe is mended, and only when asked to', () => {
  test.each<[string, (world: World) => void, string, string]>([
    ['missing-object', world => world.api.remove('floatingips', '10.0.0.2'), '10.0.0.2', MINE],
    [
      'object-differs',
      world => void world.api.edit('floatingips', '10.0.0.2', { spec: { key: 'sts_default_x_x-0' } }),
      '10.0.0.2',
      MINE,
    ],
    [
      'foreign-object',
      world => void world.api.put('floatingips', floatingIp('10.0.0.4', 'sts_default_web_web-0', { policy: 2 })),
      '10.0.0.4',
      'reserved sts_default_web_web-0',
    ],
    [
      'address-not-recorded',
      world => void world.api.put('pods', pod('other', { node: 'a2', args: carries('10.0.0.5') })),
      '10.0.0.5',
      'bound NULL_default_NULL_other other#1',
    ],
    ['row-without-pod', world => world.api.remove('pods', 'default/p'), '10.0.0.2', 'free'],
  ])('%s', async (kind, drift, ip, after) => {
    const world = await deaf()
    const before = world.row(ip)
    drift(world)
    expect(await check(world)).toMatchObject({ ok: false, findings: [{ kind, ip, safe: true }] })
    expect(await repair(world)).toMatchObject({ dryRun: true, findings: [{ kind, ip, state: 'would' }] })
    expect(world.row(ip)).toBe(before)
    expect(await repair(world, { dryRun: false })).toMatchObject({ findings: [{ kind, ip, state: 'done' }] })
    expect(world.row(ip)).toBe(after)
    await until(() => world.ports.replicator.pending === 0)
    expect(await check(world)).toMatchObject({ ok: true })
  })

  test('reservation-without-object', async () => {
    const world = await deaf({ floatingips: [floatingIp('10.0.0.4', '', { labels: { reserved: '' } })] })
    world.api.remove('floatingips', '10.0.0.4')
    const expected = { kind: 'reservation-without-object', ip: '10.0.0.4' }
    expect(await check(world)).toMatchObject({ findings: [{ ...expected, safe: true }] })
    expect(await repair(world, { dryRun: false })).toMatchObject({ findings: [{ ...expected, state: 'done' }] })
    expect(world.row('10.0.0.4')).toBe('free')
  })

  test('only the kinds that are named', async () => {
    const world = await deaf()
    world.api.remove('floatingips', '10.0.0.2')
    const kinds = ['row-without-pod']
    expect(await repair(world, { dryRun: false, kinds })).toMatchObject({ ok: false, findings: [] })
    expect(world.api.get('floatingips', '10.0.0.2')).toBeUndefined()
  })

  test('R13: what was found is looked at again: a pod that a GET finds keeps its address', async () => {
    const world = await deaf()
    world.api.hide('pods', 'default/p')
    expect(await check(world)).toMatchObject({ findings: [{ kind: 'row-without-pod' }] })
    expect(await repair(world, { dryRun: false })).toMatchObject({
      findings: [
        { kind: 'row-without-pod', state: 'gone', detail: expect.stringContaining('its pod exists after all') },
      ],
    })
    expect(world.row('10.0.0.2')).toBe(MINE)
  })

  test('what fails is left, with the API server’s words', async () => {
    const world = await deaf()
    world.api.hide('pods', 'default/p')
    world.api.fail('get pods', { status: 500 })
    expect(await repair(world, { dryRun: false })).toMatchObject({
      findings: [{ state: 'left', detail: expect.stringContaining('500') }],
    })
    expect(world.row('10.0.0.2')).toBe(MINE)
  })
})

describe('what only a person can mend is left, with the reason', () => {
  test.each<[string, (world: World) => void, Partial<Found>]>([
    [
      'unreadable-object',
      world => void world.api.put('floatingips', floatingIp('10.0.0.4', 'no key of ours')),
      { ip: '10.0.0.4', because: 'its key or policy cannot be read (key "no key of ours")' },
    ],
    [
      'unreadable-object',
      world => void world.api.put('floatingips', floatingIp('router', 'x')),
      { ip: 'router', because: 'its name is no address (of IPv6 all eight groups, with - for :), so it is ignored' },
    ],
    [
      'reserved-in-use',
      world => void world.api.edit('floatingips', '10.0.0.2', { metadata: { labels: { reserved: '' } } }),
      { ip: '10.0.0.2' },
    ],
    [
      'two-claimants',
      world => void world.api.put('pods', pod('twin', { node: 'a2', args: carries('10.0.0.2') })),
      { ip: '10.0.0.2', because: 'default/p and default/twin carry it' },
    ],
    [
      'pod-without-address',
      world => void world.api.put('pods', pod('stray', { node: 'a2' })),
      { ip: '', because: 'pod default/stray asks for an address, and is bound to a2 without one' },
    ],
  ])('%s', async (kind, drift, expected) => {
    const world = await deaf()
    drift(world)
    expect(await check(world)).toMatchObject({ findings: [{ kind, safe: false, ...expected }] })
    expect(await repair(world, { dryRun: false })).toMatchObject({ findings: [{ kind, state: 'left' }] })
    expect(world.row('10.0.0.2')).toBe(MINE)
  })

  test('orphaned-in-use: its range left the configuration', async () => {
    const world = await deaf()
    world.api.put('configmaps', configMap(JSON.stringify([entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.100')])))
    await until(() => world.ledger.read(view => view.geometry.slots) === 1)
    expect(await check(world)).toMatchObject({
      counts: { 'orphaned-in-use': 1 },
      findings: [{ kind: 'orphaned-in-use', ip: '10.0.0.2', safe: false }],
    })
  })
})

test('every kind was seen', () => {
  expect(FINDING_KINDS.filter(kind => !seen.has(kind))).toEqual([])
})

test('many differences: all are counted, the first thousand are listed', async () => {
  const ranges = entry('10.49.0.0/24', '10.8.0.0/16', '10.8.1.0~10.8.9.255')
  const world = await deaf({ entries: [ranges] })
  for (let i = 0; i < 1_200; i++) {
    world.api.put(
      'floatingips',
      floatingIp(`10.8.${2 + (i >> 8)}.${i & 255}`, `sts_default_web_web-${i}`, { policy: 2 }),
    )
  }
  const { counts, findings, more } = (await check(world)) as Answer & { more: number }
  expect({ counts, listed: findings.length, more }).toEqual({
    counts: { 'foreign-object': 1_200 },
    listed: 1_000,
    more: 200,
  })
  const done = await repair(world, { dryRun: false })
  expect(done.findings.every(({ state }) => state === 'done')).toBe(true)
  expect(world.rows()).toHaveLength(1_201)
})

test('before floatip is ready: 503', async () => {
  const world = await openWorld()
  world.gate.waitFor('a test')
  expect((await api(world, '/v1/check')).status).toBe(503)
})

test('lists that fail: no answer is made up', async () => {
  const world = await deaf()
  world.api.fail('list floatingips', { status: 500 })
  expect((await api(world, '/v1/check')).status).toBeGreaterThanOrEqual(500)
  expect((await check(world)).ok).toBe(true)
})

test('an object that goes while the check lists is no drift, and the repair does not bring its address back', async () => {
  const world = await openWorld()
  await run(world, pod('p'))
  await until(() => world.ports.replicator.pending === 0)
  const going = world.api.hold('delete floatingips')
  world.api.remove('pods', 'default/p')
  await going.arrived
  const pods = world.api.hold('list pods')
  const repaired = repair(world, { dryRun: false })
  await pods.arrived
  going.release()
  await until(() => world.ports.replicator.pending === 0)
  pods.release()
  expect(await repaired).toMatchObject({ ok: true, findings: [] })
  expect(world.row('10.0.0.2')).toBe('free')
})

test('R14 what a pod under no known UID has is not recorded for another pod that carries it', async () => {
  const world = await openWorld({
    pods: [pod('old', { node: 'a1' }), pod('thief', { node: 'a2', args: carries('10.0.0.2') })],
    floatingips: [floatingIp('10.0.0.2', 'NULL_default_NULL_old', { node: 'a1' })],
  })
  const { findings } = await repair(world, { dryRun: false })
  expect(findings).toMatchObject([{}, { kind: 'two-claimants', ip: '10.0.0.2', state: 'left' }])
  expect(world.row('10.0.0.2')).toBe('bound NULL_default_NULL_old unknown')
})
