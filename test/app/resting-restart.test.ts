/** Owns R12 across processes: a rest goes on after a restart and under the next leader, from the file or from the objects. */
import { afterEach, describe, expect, test } from 'bun:test'
import { create, filter } from './asking.ts'
import { annotation, IP, killed, ONE, RESTS, refusal, running, SINCE, WAITS, web } from './killing.ts'
import { floatingIp, pod } from './objects.ts'
import { closeWorlds, openWorld, startWorld, until } from './world.ts'

afterEach(closeWorlds)

describe('R12 a rest outlives the process', () => {
  test('R12 its object tells of it, and goes only when it is over', async () => {
    const world = await openWorld({ restMs: 500 })
    await killed(world)
    await until(() => annotation(world) !== undefined)
    expect(world.api.get('floatingips', IP)?.spec).toMatchObject({
      key: 'sts_default_web_web-0',
      policy: 0,
      attribute: '{"NodeName":"","Uid":""}',
    })
    await until(() => world.row(IP) === 'free')
    await until(() => world.api.get('floatingips', IP) === undefined)
  })

  test.each([
    ['its file', true],
    ['the objects alone', false],
  ])('R12 the next leader has it from %s, and ends it in time', async (_, sameDir) => {
    const world = await openWorld({ entries: ONE, restMs: 900 })
    await killed(world)
    const began = Date.now()
    await until(() => annotation(world) !== undefined)
    const { api: server, dir } = world
    await world.stop(true)
    const again = await openWorld({ api: server, restMs: 900, ...(sameDir && { dir }) })
    expect(again.row(IP)).toBe(RESTS)
    const late = await create(again, pod('late'))
    expect(await refusal(again, late)).toBe(WAITS)
    await until(() => again.row(IP) === 'free')
    expect(Date.now() - began).toBeWithin(800, 2_000)
  })

  test('R12 a file that fell behind: what the object says of the rest counts', async () => {
    const world = await openWorld({ entries: ONE })
    await running(world, web('web-0#1'))
    const { api: server, dir } = world
    await world.stop()
    // Another leader saw the pod being killed.
    server.remove('pods', 'default/web-0')
    const since = new Date(Date.now() - 5_000).toISOString()
    server.edit('floatingips', IP, {
      metadata: { annotations: { [SINCE]: since } },
      spec: { attribute: '{"NodeName":"","Uid":""}' },
    })
    const again = await openWorld({ api: server, dir })
    expect(again.row(IP)).toBe(RESTS)
  })

  test.each([
    ['far in the future', 3_600_000, RESTS],
    ['long ago', -3_600_000, 'free'],
  ])('R12 a wall clock that jumped, the rest began %s: bounded', async (_, shift, becomes) => {
    const object = floatingIp(IP, 'sts_default_web_web-0')
    object.metadata.annotations = { [SINCE]: new Date(Date.now() + shift).toISOString() }
    const world = await openWorld({ entries: ONE, floatingips: [object], restMs: 400 })
    if (becomes === RESTS) expect(world.row(IP)).toBe(RESTS)
    await until(() => world.row(IP) === 'free', 1_500)
  })
})

test('before this process leads neither a rest nor a hold ends: others may have decided since', async () => {
  const pool = { metadata: { name: 'sized', namespace: 'kube-system', uid: 'pool#1', resourceVersion: '1' }, size: 2 }
  const world = await openWorld({ pools: [pool] })
  await killed(world)
  const annotations = { 'tke.cloud.tencent.com/eni-ip-pool': 'sized' }
  const held = await create(world, pod('app-x', { owner: 'Deployment app', annotations }))
  await filter(world, held, 'a1')
  const { api: server, dir } = world
  const rows = world.rows().map(ip => world.row(ip))
  expect(rows).toEqual([RESTS, 'held pool__sized_dp_default_app_app-x app-x#1'])
  await world.stop(true)
  const election = { leaseMs: 15_000, renewMs: 10_000, retryMs: 2_000 }
  const again = startWorld({ api: server, dir, restMs: 50, holdMs: 50, election })
  await Bun.sleep(300)
  expect(again.rows().map(ip => again.row(ip))).toEqual(rows)
})
