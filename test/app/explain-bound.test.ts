/** What is said of pods that do not wait: each reason, produced on the composed program. */
import { afterEach, describe, expect, test } from 'bun:test'
import { api, create, run } from './asking.ts'
import { explain } from './explaining.ts'
import { carries, pod, workload } from './objects.ts'
import { closeWorlds, openWorld } from './world.ts'

afterEach(closeWorlds)

describe('pods that do not wait', () => {
  test('no such pod: 404', async () => {
    const world = await openWorld()
    const { status, body } = await api(world, '/v1/explain/pods/default/nobody')
    expect(status).toBe(404)
    expect(body).toEqual({ code: 404, message: 'pod default/nobody does not exist' })
  })

  test('not-requested: it does not ask', async () => {
    const world = await openWorld()
    world.api.put('pods', pod('plain', { asks: false }))
    expect(await explain(world, 'plain')).toMatchObject({ reason: 'not-requested', has: [] })
  })

  test('bound: it says what it has, and what becomes of that', async () => {
    const world = await openWorld({ statefulsets: [workload('web', 1)] })
    await run(world, pod('bare'))
    await run(world, pod('web-0', { owner: 'StatefulSet web', policy: 'immutable' }))
    await run(world, pod('web-1', { owner: 'StatefulSet web', policy: 'immutable' }))
    const bare = await explain(world, 'bare')
    expect(bare).toMatchObject({ reason: 'bound', because: 'it has 10.0.0.2 on a1' })
    expect(bare.has).toMatchObject([
      { ip: '10.0.0.2', state: 'bound', ifThePodEnded: { kept: false, because: 'released with its pod' } },
    ])
    expect((await explain(world, 'web-0')).has[0]?.ifThePodEnded).toMatchObject({
      kept: true,
      keptFor: 'sts_default_web_web-0',
      because: 'policy immutable',
    })
    expect((await explain(world, 'web-1')).has[0]?.ifThePodEnded).toMatchObject({
      kept: false,
      because: 'its workload was scaled down',
    })
    expect(world.rows()).toEqual(['10.0.0.2', '10.0.0.3', '10.0.0.4'])
  })

  test('ended: a finished pod', async () => {
    const world = await openWorld()
    await create(world, pod('done', { node: 'a1', phase: 'Succeeded' }))
    expect(await explain(world, 'done')).toMatchObject({ reason: 'ended', because: 'pod default/done is Succeeded' })
  })

  test('bound-without-address: another scheduler bound it', async () => {
    const world = await openWorld()
    await create(world, pod('stray', { node: 'a1' }))
    expect((await explain(world, 'stray')).reason).toBe('bound-without-address')
  })

  test('two-claimants: it carries what another pod has', async () => {
    const world = await openWorld()
    await run(world, pod('first'))
    await create(world, pod('second', { node: 'a2', args: carries('10.0.0.2') }))
    const { reason, because } = await explain(world, 'second')
    expect({ reason, because }).toEqual({
      reason: 'two-claimants',
      because: '10.0.0.2 is claimed by NULL_default_NULL_second (pod), but NULL_default_NULL_first has it',
    })
  })

  test('address-not-recorded: it carries what the ledger has for nobody', async () => {
    const world = await openWorld()
    world.api.hush('pods') // the watch is late: only a GET finds it
    world.api.put('pods', pod('new', { node: 'a1', args: carries('10.0.0.4') }))
    expect(await explain(world, 'new')).toMatchObject({
      reason: 'address-not-recorded',
      because: 'it carries 10.0.0.4, which the ledger has as free',
    })
  })
})
