/** R29: the last valid configuration outlives the process, in its file and, for a leader elsewhere, in an object that an administrator made. */
import { afterEach, describe, expect, test } from 'bun:test'
import { callsOf } from './asking.ts'
import { configMap, entry, type Kube } from './objects.ts'
import { closeWorlds, ENTRIES, openWorld, startWorld, until, type World } from './world.ts'

afterEach(closeWorlds)

const NAME = 'floatingip-config-last-good'
const KEY = `kube-system/${NAME}`
const made = (floatingips?: string): Kube => {
  const { metadata } = configMap('')
  return { metadata: { ...metadata, name: NAME }, ...(floatingips !== undefined && { data: { floatingips } }) }
}
const remembered = ({ api }: World) =>
  (api.get('configmaps', KEY)?.data as { floatingips?: string } | undefined)?.floatingips
const used = 'the last valid configuration of an earlier run is used'
const OTHER = JSON.stringify([entry('10.49.0.0/24', '10.9.0.0/24', '10.9.0.2~10.9.0.4')])

describe('R29', () => {
  test('it is written to the object, each valid value and no invalid one', async () => {
    const world = startWorld()
    world.api.put('configmaps', made())
    await world.ready()
    await until(() => remembered(world) === JSON.stringify(ENTRIES))
    world.api.put('configmaps', configMap('[{'))
    await until(() => world.logged.some(line => line.includes('the last valid one stays in force')))
    world.api.put('configmaps', configMap(OTHER))
    await until(() => remembered(world) === OTHER)
  })

  for (const [what, spoil] of [
    ['invalid', (world: World) => world.api.put('configmaps', configMap('[]'))],
    ['deleted', (world: World) => world.api.remove('configmaps', 'kube-system/floatingip-config')],
  ] as const) {
    test(`a leader on another machine starts while the ConfigMap is ${what}: it serves with the object’s, and with the repaired one then`, async () => {
      const first = startWorld()
      first.api.put('configmaps', made())
      await first.ready()
      await until(() => remembered(first) !== undefined)
      await first.stop()
      spoil(first)
      const second = await openWorld({ api: first.api })
      expect(second.gate.open).toBe(true)
      expect(second.logged.some(line => line.includes(used))).toBe(true)
      expect(second.ledger.read(view => view.geometry.slots)).toBe(6)
      second.api.put('configmaps', configMap(OTHER))
      await until(() => second.ledger.read(view => view.geometry.slots) === 3)
    })
  }

  test('the object goes before the file, which may be older', async () => {
    const first = await openWorld()
    await first.stop()
    first.api.put('configmaps', made(OTHER))
    first.api.put('configmaps', configMap('[]'))
    const second = await openWorld({ api: first.api, dir: first.dir })
    expect(second.ledger.read(view => view.geometry.slots)).toBe(3)
  })

  test.each([
    [500, 'InternalError'],
    [429, 'TooManyRequests'],
  ])(
    'the object cannot be read for a moment (%d): it is asked again, and the older file does not go before it',
    async (status, reason) => {
      const first = await openWorld()
      await first.stop()
      first.api.put('configmaps', made(OTHER))
      first.api.put('configmaps', configMap('[]'))
      first.api.fail(`get configmaps ${KEY}`, { status, reason }, 3)
      const second = await openWorld({ api: first.api, dir: first.dir, speed: 20 })
      expect(second.ledger.read(view => view.geometry.slots)).toBe(3)
    },
  )

  test('the object may not be read: the file serves this machine', async () => {
    const first = await openWorld()
    await first.stop()
    first.api.put('configmaps', made(OTHER))
    first.api.put('configmaps', configMap('[]'))
    first.api.fail(`get configmaps ${KEY}`, { status: 403, reason: 'Forbidden' }, 1_000)
    const second = await openWorld({ api: first.api, dir: first.dir, speed: 20 })
    expect(second.ledger.read(view => view.geometry.slots)).toBe(6)
  })

  test('no object: none is made, and the file serves this machine', async () => {
    const first = await openWorld()
    await until(() => first.logged.some(line => line.includes('there is no such object')))
    expect(first.api.get('configmaps', KEY)).toBeUndefined()
    expect(callsOf(first, 'create configmaps')).toEqual([])
    await first.stop()
    first.api.put('configmaps', configMap('[]'))
    const second = await openWorld({ api: first.api, dir: first.dir })
    expect(second.ledger.read(view => view.geometry.slots)).toBe(6)
  })

  test('an object that may not be read, or holds what is invalid, leads nobody astray', async () => {
    const world = startWorld({ entries: null, speed: 20 })
    world.api.put('configmaps', made('[{'))
    await until(() => world.gate.waitingFor.includes('does not exist: create it with the address ranges'))
    await Bun.sleep(100)
    expect(world.gate.open).toBe(false)
    world.api.put('configmaps', configMap(JSON.stringify(ENTRIES)))
    await until(() => world.gate.open)
    await until(() => remembered(world) === JSON.stringify(ENTRIES))
  })
})
