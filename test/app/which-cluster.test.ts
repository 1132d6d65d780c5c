/** Owns whose ledger it is: one of another cluster gives nobody anything here, and takes nothing from anybody there. */
import { afterEach, describe, expect, test } from 'bun:test'
import { DONE, type ProviderServer, providerServer } from '../cloud/provider-server.ts'
import { api, callsOf, carried, run } from './asking.ts'
import { floatingIp, pod } from './objects.ts'
import { closeWorlds, openWorld, startWorld, until, type World, type WorldOptions } from './world.ts'

const providers: ProviderServer[] = []
afterEach(async () => {
  await closeWorlds()
  for (const each of providers.splice(0)) each.stop()
})

const web0 = (uid: string) => pod('web-0', { owner: 'StatefulSet web', policy: 'never', uid })

/** Started on the ledger of `world` with this cluster. */
async function move(world: World, options: WorldOptions): Promise<WorldOptions> {
  await until(() => world.ports.replicator.pending === 0)
  await world.stop()
  return { ...options, dir: world.dir }
}

/** Another cluster: nothing of the first one is in it. */
const ELSEWHERE: WorldOptions = { clusterId: 'another-cluster' }

describe('the ledger of another cluster', () => {
  test('keeps nothing here: its addresses are free, and its history says why', async () => {
    const first = await openWorld()
    await run(first, web0('web-0#1'))
    await run(first, pod('bare'))
    const world = await openWorld(await move(first, ELSEWHERE))
    expect(world.rows()).toEqual([])
    await run(world, pod('new'))
    expect(carried(world, 'new')).toEqual(['10.0.0.2'])
    const { content } = (await api<{ content: { verb: string; because: string }[] }>(world, '/v1/ip/10.0.0.3/history'))
      .body
    expect(content.map(({ verb, because }) => `${verb}: ${because}`)).toEqual([
      'free: the ledger was of another cluster: its namespace kube-system has the UID this-cluster, here that is another-cluster',
      'bind: scheduled to a1',
    ])
    expect(callsOf(world, 'delete floatingips')).toEqual([])
  })

  test('takes nothing from the objects and pods that are here', async () => {
    const first = await openWorld()
    await run(first, web0('web-0#1'))
    const floatingips = [floatingIp('10.0.0.2', 'sts_default_mail_mail-0', { policy: 2 })]
    const world = await openWorld(await move(first, { ...ELSEWHERE, floatingips }))
    expect(world.row('10.0.0.2')).toBe('reserved sts_default_mail_mail-0')
    await until(() => world.ports.replicator.pending === 0)
    expect(callsOf(world, 'patch floatingips')).toEqual([])
    expect(callsOf(world, 'delete floatingips')).toEqual([])
  })

  test('says nothing to the cloud of what is there', async () => {
    const cloud = await providerServer(() => DONE)
    providers.push(cloud)
    const first = await openWorld({ cloudProvider: cloud.target })
    await run(first, web0('web-0#1'))
    const told = cloud.calls.length
    const world = await openWorld({ ...(await move(first, ELSEWHERE)), cloudProvider: cloud.target })
    await run(world, pod('new'), 'a2')
    expect(cloud.calls.slice(told)).toEqual(['assign 10.0.0.2 a2'])
  })

  test('and its last valid configuration is none here', async () => {
    const first = await openWorld()
    const world = startWorld({ ...(await move(first, ELSEWHERE)), entries: null })
    await until(() => world.gate.waitingFor.startsWith('the configuration:'))
    expect(world.gate.open).toBe(false)
  })

  test('without replication nobody else knows who has what: floatip waits, says so, and forgets nothing', async () => {
    const first = await openWorld({ replicate: false })
    await run(first, web0('web-0#1'))
    const world = startWorld({ ...(await move(first, ELSEWHERE)), replicate: false })
    await until(() => world.gate.waitingFor.includes('give --data-dir a directory of its own'))
    expect(world.rows()).toEqual(['10.0.0.2'])
  })
})

describe('the ledger of this cluster', () => {
  test('counts, after any number of restarts', async () => {
    const first = await openWorld()
    await run(first, web0('web-0#1'))
    first.api.remove('pods', 'default/web-0')
    await until(() => first.row('10.0.0.2').startsWith('reserved'))
    const second = await openWorld(await move(first, { api: first.api }))
    expect(second.row('10.0.0.2')).toBe('reserved sts_default_web_web-0')
    expect(second.logged.filter(line => line.includes('another cluster'))).toEqual([])
  })

  test('is taken for granted where kube-system may not be read', async () => {
    const first = await openWorld()
    await run(first, web0('web-0#1'))
    const { api: server } = first
    const options = await move(first, { api: server })
    server.fail('get namespaces', { status: 403, reason: 'Forbidden' })
    const world = await openWorld(options)
    expect(world.row('10.0.0.2')).toBe('bound sts_default_web_web-0 web-0#1')
    expect(world.logged.filter(line => line.includes('kube-system cannot be read'))).toHaveLength(1)
  })

  test('while the API server does not answer nobody knows: floatip waits', async () => {
    const first = await openWorld()
    const { api: server } = first
    const options = await move(first, { api: server })
    server.fail('get namespaces', { status: 500 }, 2)
    const world = startWorld({ ...options, speed: 20 })
    await until(() => world.gate.waitingFor.startsWith('which cluster this is: '))
    await world.ready()
    expect(world.gate.open).toBe(true)
  })
})
