/** Owns custom workloads in the composed program: refused with the reason or served, and released as soon as they shrink or go. */
import { afterEach, expect, test } from 'bun:test'
import { callsOf, create, filter, run } from './asking.ts'
import { gangDefinition, pod, workload } from './objects.ts'
import { closeWorlds, openWorld, until, type World, type WorldOptions } from './world.ts'

afterEach(closeWorlds)

const API = 'a.example/v1'

async function openWithGangs(options: WorldOptions = {}): Promise<World> {
  const world = await openWorld(options)
  world.api.put('customresourcedefinitions', gangDefinition('a.example', { v1: '.spec.replicas' }))
  world.api.put('gangs', workload('crew', 2))
  return world
}

const member = (name: string, words = {}) =>
  pod(name, { owner: 'Gang crew', apiVersion: API, policy: 'immutable', ...words })

/** Both have run, and the second one’s address is kept. */
async function openWithKept(): Promise<World> {
  const world = await openWithGangs()
  await run(world, member('crew-0'))
  await run(world, member('crew-1'))
  world.api.remove('pods', 'default/crew-1')
  await until(() => world.row('10.0.0.3') === 'reserved gang_default_crew_crew-1')
  await until(() => callsOf(world, 'watch gangs').length === 1)
  return world
}

const refusals = async (world: World, name: string) =>
  Object.values((await filter(world, member(name), 'a1')).FailedAndUnresolvableNodes ?? {})

test('nothing is followed before the first need; filters ask no API server after it', async () => {
  const world = await openWithGangs()
  await run(world, pod('bare'))
  await run(world, member('crew-0', { policy: 'never' }))
  expect(callsOf(world, 'list gangs')).toEqual([])
  for (let i = 0; i < 20; i++) expect((await filter(world, member('crew-1'), 'a1')).NodeNames).toEqual(['a1'])
  expect(callsOf(world, 'list gangs')).toHaveLength(1)
  expect(callsOf(world, 'get gangs')).toEqual([])
})

test.each([
  [
    'scaled below the pod’s number',
    (world: World) => world.api.edit('gangs', 'default/crew', { spec: { replicas: 1 } }),
  ],
  ['deleted', (world: World) => world.api.remove('gangs', 'default/crew')],
])('R10: %s: the kept address is released at once, after a quorum GET', async (_, change) => {
  const world = await openWithKept()
  const before = callsOf(world, 'get gangs').length
  change(world)
  await until(() => world.row('10.0.0.3') === 'free')
  expect(callsOf(world, 'get gangs')).toHaveLength(before + 1)
  expect(world.row('10.0.0.2')).toBe('bound gang_default_crew_crew-0 crew-0#1')
})

test('R10: the watch says deleted, the quorum GET finds it or fails: kept', async () => {
  const world = await openWithKept()
  world.api.fail('get gangs', { status: 500 })
  world.api.remove('gangs', 'default/crew')
  await until(() => world.logged.some(line => line.includes('could not be read: its addresses stay')))
  expect(world.row('10.0.0.3')).toBe('reserved gang_default_crew_crew-1')
})

test('R10: another group’s workload of the same kind and name is gone: kept', async () => {
  const world = await openWithKept()
  const workloadOwner = { pool: '', kind: 'gang', namespace: 'default', workload: 'crew', pod: '' }
  const { revision } = world.ledger
  const gone = { at: 0, workloadOwner, workload: { state: 'gone' } as const, unfinished: new Set<string>(), revision }
  await world.ledger.submit('follow', { ...gone, apiVersion: 'b.example/v1' })
  expect(world.row('10.0.0.3')).toBe('reserved gang_default_crew_crew-1')
  await world.ledger.submit('follow', { ...gone, apiVersion: 'a.example/v2' })
  expect(world.row('10.0.0.3')).toBe('free')
})

test('no right to watch the kind: its pod is refused with that reason and the others are served; once given, it is woken', async () => {
  const world = await openWithGangs({ speed: 10 })
  for (const verb of ['list', 'watch', 'get'])
    world.api.fail(`${verb} gangs`, { status: 403, reason: 'Forbidden' }, 1_000)
  await create(world, member('crew-0'))
  const [because] = await refusals(world, 'crew-0')
  expect(because).toContain('needs the rights get, list and watch on gangs.a.example')
  expect(await refusals(world, 'crew-0')).toEqual([because as string])
  await run(world, pod('bare'))
  const woken = () => callsOf(world, 'patch pods').filter(({ key }) => key === 'default/crew-0').length
  const before = woken()
  world.api.heal()
  await until(() => woken() > before)
  expect((await filter(world, member('crew-0'), 'a1')).NodeNames).toEqual(['a1'])
})

test('no scale sub-resource: immutable is refused with a clear text, never is served if the name ends in a number', async () => {
  const world = await openWithGangs()
  world.api.put('customresourcedefinitions', gangDefinition('a.example', { v1: null }))
  const not = 'release policy immutable is not supported for pod crew-0 of kind gang'
  expect(await refusals(world, 'crew-0')).toEqual([
    expect.stringContaining(`${not}: gangs.a.example v1 defines no subresources.scale.specReplicasPath`),
  ])
  await run(world, member('crew-0', { policy: 'never' }))
  const { FailedAndUnresolvableNodes } = await filter(world, member('crew-x', { policy: 'never' }), 'a1')
  expect(Object.values(FailedAndUnresolvableNodes ?? {})[0]).toContain('does not end in -<number>')
})

test('its definition is deleted and made again: what the deletion left is released then', async () => {
  const world = await openWithKept()
  // The API server deletes the objects first; here the definition is gone before we can ask.
  world.api.hush('gangs')
  world.api.remove('gangs', 'default/crew')
  world.api.remove('customresourcedefinitions', 'gangs.a.example')
  await until(() => world.ports.cluster.custom.mirrors().length === 0)
  expect(world.row('10.0.0.3')).toBe('reserved gang_default_crew_crew-1')
  world.api.put('customresourcedefinitions', gangDefinition('a.example', { v1: '.spec.replicas' }))
  await until(() => world.row('10.0.0.3') === 'free')
})

test('found at start-up: what was deleted while floatip was down is released as soon as the kind is listed', async () => {
  const first = await openWithKept()
  const { api, dir } = first
  await first.stop()
  api.edit('gangs', 'default/crew', { spec: { replicas: 1 } })
  const world = await openWorld({ api, dir })
  await until(() => world.row('10.0.0.3') === 'free')
  expect(world.row('10.0.0.2')).toBe('bound gang_default_crew_crew-0 crew-0#1')
})
