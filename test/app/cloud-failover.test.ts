/** Owns the proof that a new leader, without the ledger of the one before, leaves no address in the cloud on two nodes: the objects tell it where they may be. */
import { afterEach, describe, expect, test } from 'bun:test'
import { DONE, type ProviderServer, providerServer } from '../cloud/provider-server.ts'
import { bind, create, run } from './asking.ts'
import { carries, floatingIp, pod } from './objects.ts'
import { closeWorlds, openWorld, until, type World } from './world.ts'

const providers: ProviderServer[] = []
afterEach(async () => {
  await closeWorlds()
  for (const each of providers.splice(0)) each.stop()
})

async function provider(): Promise<ProviderServer> {
  const cloud = await providerServer(() => DONE)
  providers.push(cloud)
  return cloud
}

/** Assigned somewhere while it may still be elsewhere. */
function doubled(calls: readonly string[]): string[] {
  const at = new Map<string, Set<string>>()
  return calls.flatMap(call => {
    const [verb, ip = '', node = ''] = call.split(' ')
    const nodes = at.get(ip) ?? new Set()
    at.set(ip, nodes)
    if (verb === 'unassign') nodes.delete(node)
    else nodes.add(node)
    return nodes.size > 1 ? [`${call} while on ${[...nodes].join(' and ')}`] : []
  })
}

const web0 = (uid = 'web-0#1') => pod('web-0', { owner: 'StatefulSet web', policy: 'never', uid })

/** Another machine takes over: its ledger is empty, or an old one (`dir`). */
async function failOver(world: World, cloud: ProviderServer, meanwhile: () => void = () => {}, dir?: string) {
  const { api } = world
  await until(() => world.ports.replicator.pending === 0)
  await world.stop(true)
  meanwhile()
  return await openWorld({ api, cloudProvider: cloud.target, ...(dir !== undefined && { dir }) })
}

describe('R30 fail-over to a machine that never saw the assignment', () => {
  test('R30 assigned for a claim whose Binding never left: unassigned before the next bind assigns elsewhere', async () => {
    const cloud = await provider()
    const world = await openWorld({ cloudProvider: cloud.target })
    await create(world, web0())
    world.api.fail('bind pods', { status: 403, reason: 'Forbidden' })
    expect(await bind(world, web0(), 'a1')).not.toBe('')
    const next = await failOver(world, cloud)
    expect(await bind(next, web0(), 'a2')).toBe('')
    expect(cloud.calls).toEqual(['assign 10.0.0.2 a1', 'unassign 10.0.0.2 a1', 'assign 10.0.0.2 a2'])
  })

  test('R30 its pod ended meanwhile, and one of its name comes on another node', async () => {
    const cloud = await provider()
    const world = await openWorld({ cloudProvider: cloud.target })
    await run(world, web0(), 'a1')
    const next = await failOver(world, cloud, () => world.api.remove('pods', 'default/web-0'))
    expect(next.row('10.0.0.2')).toStartWith('reserved')
    await run(next, web0('web-0#2'), 'a2')
    expect(cloud.calls).toEqual(['assign 10.0.0.2 a1', 'unassign 10.0.0.2 a1', 'assign 10.0.0.2 a2'])
  })

  test('R30 the object names one node, the running pod of its key another: the first is left', async () => {
    const cloud = await provider()
    const running = pod('web-0', {
      owner: 'StatefulSet web',
      policy: 'never',
      uid: 'u2',
      node: 'a2',
      args: carries('10.0.0.2'),
    })
    const stored = floatingIp('10.0.0.2', 'sts_default_web_web-0', { policy: 2, uid: 'u1', node: 'a1' })
    await openWorld({ cloudProvider: cloud.target, pods: [running], floatingips: [stored] })
    await until(() => cloud.calls.length === 1)
    expect(cloud.calls).toEqual(['unassign 10.0.0.2 a1'])
  })

  test('R30 an old ledger has it on another node than the object: both are left before anybody has it', async () => {
    const cloud = await provider()
    const first = await openWorld({ cloudProvider: cloud.target })
    const { dir } = first
    await run(first, web0(), 'a1')
    const second = await failOver(first, cloud, () => first.api.remove('pods', 'default/web-0'))
    await run(second, web0('web-0#2'), 'a2')
    const third = await failOver(second, cloud, () => first.api.remove('pods', 'default/web-0'), dir)
    await until(() => third.row('10.0.0.2').startsWith('reserved'))
    await run(third, web0('web-0#3'), 'a1')
    expect(cloud.calls).toContain('unassign 10.0.0.2 a2')
    expect(doubled(cloud.calls)).toEqual([])
  })

  test('R30 an object that we overwrite, of nobody alive: its node is left first', async () => {
    const cloud = await provider()
    const world = await openWorld({ cloudProvider: cloud.target })
    await create(world, web0())
    world.api.hush('floatingips')
    const door = world.api.hold('create floatingips')
    const answer = bind(world, web0(), 'a1')
    await door.arrived
    world.api.put('floatingips', floatingIp('10.0.0.2', 'NULL_default_NULL_gone', { uid: 'gone#1', node: 'a2' }))
    door.release()
    expect(await answer).toBe('')
    expect(cloud.calls).toEqual(['unassign 10.0.0.2 a2', 'assign 10.0.0.2 a1'])
  })
})
