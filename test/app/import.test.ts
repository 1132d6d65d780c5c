/** Import over HTTP: all or none, however many; called done once the cluster has them (R34), and never waited for without end. */
import { afterEach, expect, test } from 'bun:test'
import { api, carried, run } from './asking.ts'
import { entry, pod, workload } from './objects.ts'
import { closeWorlds, openWorld, type World } from './world.ts'

afterEach(closeWorlds)

interface Answer {
  readonly done: boolean
  readonly imported: number
  readonly known: number
  readonly conflicts: readonly { readonly ip: string; readonly because: string }[]
  readonly waiting: number
}

const send = (world: World, items: readonly object[], dryRun = false) =>
  api<Answer>(world, '/v1/import', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ dryRun, items }),
  })
const item = (ip: string, pod: string) => ({ ip, key: `sts_default_web_${pod}`, policy: 2 })
const TWO = [item('10.0.0.2', 'web-0'), item('10.0.0.3', 'web-1')]

test('R34: the objects are there before the answer; the same again changes nothing', async () => {
  const world = await openWorld()
  expect(await send(world, TWO)).toEqual({
    status: 200,
    body: { done: true, imported: 2, known: 0, conflicts: [], waiting: 0 },
  })
  expect(world.api.get('floatingips', '10.0.0.3')?.spec?.key).toBe('sts_default_web_web-1')
  const { revision } = world.ledger
  expect((await send(world, TWO)).body).toEqual({ done: true, imported: 0, known: 2, conflicts: [], waiting: 0 })
  expect(world.ledger.revision).toBe(revision)
})

test('a pod with several addresses is known by each of them', async () => {
  const world = await openWorld()
  const both = [item('10.0.0.2', 'web-0'), item('10.0.0.3', 'web-0')]
  expect((await send(world, both)).body).toMatchObject({ done: true, imported: 2 })
  expect((await send(world, both)).body).toMatchObject({ done: true, known: 2, conflicts: [] })
  expect((await send(world, [item('10.0.0.4', 'web-0')])).status).toBe(409)
})

test('a pod with several addresses gets them back, in the order of its lists', async () => {
  const world = await openWorld({ statefulsets: [workload('web', 1)] })
  await send(world, [item('10.0.0.4', 'web-0'), item('10.0.0.3', 'web-0')])
  const args = '{"request_ip_range":[["10.0.0.4~10.0.0.5"],["10.0.0.2~10.0.0.3"]]}'
  await run(world, pod('web-0', { owner: 'StatefulSet web', policy: 'never', args }))
  expect(carried(world, 'web-0')).toEqual(['10.0.0.4', '10.0.0.3'])
})

test('the API server takes no objects: 202 after 10 s says how many wait, and the same again waits for the rest', async () => {
  const world = await openWorld({ speed: 50 })
  world.api.fail('create floatingips', { status: 503 }, 100_000)
  const first = await send(world, TWO)
  expect(first).toEqual({ status: 202, body: { done: true, imported: 2, known: 0, conflicts: [], waiting: 2 } })
  expect(world.row('10.0.0.2')).toBe('reserved sts_default_web_web-0')
  world.api.heal()
  const again = await send(world, TWO)
  expect(again).toEqual({ status: 200, body: { done: true, imported: 0, known: 2, conflicts: [], waiting: 0 } })
  expect(world.api.get('floatingips', '10.0.0.2')).toBeDefined()
})

test('20,000 at once: all of them, or for one that is taken none', async () => {
  const world = await openWorld({
    replicate: false,
    entries: [entry('10.49.0.0/24', '10.0.0.0/16', '10.0.0.2~10.0.100.255')],
  })
  await run(world, pod('p'))
  const items = Array.from({ length: 20_000 }, (_, n) => item(`10.0.${(n + 3) >> 8}.${(n + 3) & 255}`, `web-${n}`))
  expect(await send(world, [...items, item('10.0.0.2', 'web-20000')])).toMatchObject({
    status: 409,
    body: { done: false, imported: 20_000, conflicts: [{ ip: '10.0.0.2', because: 'NULL_default_NULL_p has it' }] },
  })
  expect(world.ledger.read(view => view.size)).toBe(1)
  expect(await send(world, items)).toMatchObject({ status: 200, body: { done: true, imported: 20_000 } })
  expect(world.ledger.read(view => view.size)).toBe(20_001)
  expect(world.verify()).toBeNull()
}, 60_000)

test('more than 50,000 are refused', async () => {
  const world = await openWorld()
  const { status } = await send(
    world,
    Array.from({ length: 50_001 }, () => TWO[0] ?? {}),
  )
  expect(status).toBe(400)
})
