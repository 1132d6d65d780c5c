/** Owns the proof of what a changing configuration warns of, and of what it leaves alone. */
import { afterEach, describe, expect, test } from 'bun:test'
import { api, run } from './asking.ts'
import { configMap, entry, node, pod } from './objects.ts'
import { closeWorlds, openWorld, until, type World } from './world.ts'

afterEach(closeWorlds)

interface Config {
  readonly warnings: readonly string[]
  readonly entries: number
}

const warnings = async (world: World) => (await api<Config>(world, '/v1/config')).body.warnings
/** As `kubectl describe configmap` shows them. */
const told = (world: World) =>
  (
    world.api.all('events') as unknown as {
      reason: string
      message: string
      involvedObject: { kind: string; name: string }
    }[]
  )
    .filter(({ reason }) => reason.includes('Configuration'))
    .map(({ reason, message, involvedObject: { kind, name } }) => `${reason} ${kind}/${name}: ${message}`)
const write = (world: World, ...entries: object[]) => world.api.put('configmaps', configMap(JSON.stringify(entries)))
const logged = (world: World, text: string) =>
  world.logged.filter(line => line.startsWith('warn') && line.includes(text))

describe('an address in ips that a node has', () => {
  const text = (ip: string, name: string) =>
    `${ip} is the address of node ${name} and in the ips of 10.49.0.0/24 (10.49.0.10…): a pod may be given it; take it out of ips, or reserve it`
  const OVERLAPPING = entry('10.49.0.0/24', '10.49.0.0/24', '10.49.0.10~10.49.0.20')

  test('is warned of at the start: in /v1/config, in the log and on the ConfigMap, once', async () => {
    const world = await openWorld({ entries: [OVERLAPPING] })
    await until(() => told(world).length === 2)
    const texts = [text('10.49.0.11', 'a1'), text('10.49.0.12', 'a2')]
    expect(await warnings(world)).toEqual(texts)
    expect(told(world)).toEqual(texts.map(each => `ConfigurationWarning ConfigMap/floatingip-config: ${each}`))
    for (const each of texts) expect(logged(world, each)).toHaveLength(1)
  })

  test('is warned of when a value comes that has it, and no more when it is gone', async () => {
    const world = await openWorld()
    expect(await warnings(world)).toEqual([])
    write(world, OVERLAPPING)
    await until(() => told(world).length === 2)
    write(world, entry('10.49.0.0/24', '10.49.0.0/24', '10.49.0.13~10.49.0.20'))
    await until(() => world.ledger.read(view => view.geometry.slots) === 8)
    expect(await warnings(world)).toEqual([])
  })

  test('is warned of when a node comes with it, gets it, or goes', async () => {
    const world = await openWorld({ entries: [entry('10.49.0.0/24', '10.49.0.0/24', '10.49.0.10', '10.49.0.20')] })
    world.api.put('nodes', node('new', '10.49.0.20'))
    await until(() => told(world).length === 1)
    expect(await warnings(world)).toEqual([text('10.49.0.20', 'new')])
    world.api.edit('nodes', 'new', node('new', '10.49.0.10'))
    await until(() => told(world).length === 2)
    expect(await warnings(world)).toEqual([text('10.49.0.10', 'new')])
    world.api.remove('nodes', 'new')
    await Bun.sleep(300)
    expect(await warnings(world)).toEqual([])
  })

  test('kept out of circulation it is nobody’s worry; given back it is again', async () => {
    const world = await openWorld({ entries: [entry('10.49.0.0/24', '10.49.0.0/24', '10.49.0.10~10.49.0.11')] })
    await until(() => told(world).length === 1)
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ ips: ['10.49.0.11'], note: 'node a1' })
    const made = await api<{ id: string }>(world, '/v1/reservations', { method: 'POST', headers, body })
    expect(made.status).toBe(201)
    await Bun.sleep(300)
    expect(await warnings(world)).toEqual([])
    await api(world, `/v1/reservations/${made.body.id}`, { method: 'DELETE' })
    await Bun.sleep(300)
    expect(await warnings(world)).toHaveLength(1)
  })

  test('many are counted, not listed', async () => {
    const world = await openWorld({ entries: [entry('10.49.0.0/24', '10.49.0.0/24', '10.49.0.100~10.49.0.200')] })
    for (let last = 100; last < 112; last++) world.api.put('nodes', node(`n${last}`, `10.49.0.${last}`))
    await until(() => told(world).some(line => line.includes('and 2 more addresses of nodes are in ips')))
    expect(await warnings(world)).toHaveLength(11)
  })
})

test('a pod that is given the address of a node: a Warning on the pod', async () => {
  const world = await openWorld({ entries: [entry('10.49.0.0/24', '10.49.0.0/24', '10.49.0.12')] })
  await until(() => told(world).length === 1)
  await run(world, pod('p'))
  const about = () =>
    (world.api.all('events') as unknown as { reason: string; message: string; involvedObject: { name: string } }[])
      .filter(({ reason }) => reason === 'AddressOfNode')
      .map(({ involvedObject, message }) => `${involvedObject.name}: ${message}`)
  await until(() => about().length === 1)
  expect(about()).toEqual(['p: 10.49.0.12 is the address of node a2 too: both answer for it; see ConfigurationWarning'])
})

test('a gateway in ips: in /v1/config, in the log and on the ConfigMap', async () => {
  const world = await openWorld({ entries: [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.1~10.0.0.5')] })
  const text = 'floatingips[0].ips contains the gateway 10.0.0.1: pods may be given it'
  await until(() => told(world).length === 1)
  expect(await warnings(world)).toEqual([text])
  expect(told(world)).toEqual([`ConfigurationWarning ConfigMap/floatingip-config: ${text}`])
  expect(logged(world, text)).toHaveLength(1)
})

test('from the config file: no Event on a ConfigMap that nobody reads', async () => {
  const world = await openWorld({ entries: null, file: [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.1~10.0.0.5')] })
  expect(await warnings(world)).toHaveLength(1)
  await Bun.sleep(100)
  expect(told(world)).toEqual([])
})

describe('a value that nobody would write', () => {
  const DEEP = 200_000
  const nested = `${'['.repeat(DEEP)}${']'.repeat(DEEP)}`
  const refused = async (world: World) =>
    (await api<{ rejected?: { because: string } }>(world, '/v1/config')).body.rejected?.because ?? ''

  for (const [what, text] of [
    ['lists in one another', `[{"ips":[${nested}],"nodeSubnets":[${nested}],"vlan":${nested},"subnet":${nested}}]`],
    ['a hundred thousand things that are no entries', `[${'0,'.repeat(100_000)}0]`],
    ['a range of 500 kB', JSON.stringify([entry('10.49.0.0/24', '10.0.0.0/24', 'a'.repeat(500_000))])],
  ] as const) {
    test(`${what}: refused in a few sentences, and the one in force stays`, async () => {
      const world = await openWorld()
      world.api.put('configmaps', configMap(text))
      await until(() => told(world).length === 1)
      expect((await refused(world)).length).toBeLessThan(3_000)
      await run(world, pod('p'))
      expect(world.bugs).toEqual([])
    })
  }
})
