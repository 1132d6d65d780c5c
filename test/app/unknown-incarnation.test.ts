/** Owns safety rule R14: an object without a readable UID stands for any unfinished pod of its key, and what cannot be read blocks. */
import { afterEach, describe, expect, test } from 'bun:test'
import { resyncOf } from '../../src/app/resync.ts'
import { connect } from '../../src/kube/kubeconfig.ts'
import { objectStoreOn } from '../../src/kube/object-store.ts'
import { listPods } from '../../src/kube/pod.ts'
import { transport } from '../../src/kube/transport.ts'
import { bind, carried, create, filter, run } from './asking.ts'
import { carries, floatingIp, pod, workload } from './objects.ts'
import { closeWorlds, openWorld, until, type World } from './world.ts'

afterEach(closeWorlds)

const KEY = 'sts_default_web_web-0'
const old = (attribute: string, policy = 0) => {
  const object = floatingIp('10.0.0.2', KEY, { policy })
  return { ...object, spec: { ...object.spec, attribute } }
}
const NO_UID = '{"NodeName":"a1"}'
const web0 = (more = {}) => pod('web-0', { owner: 'StatefulSet web', ...more })
const statefulsets = [workload('web', 1)]

async function resync(world: World) {
  const api = transport(connect({ master: world.api.url }))
  return await resyncOf(world.ports, {
    listObjects: () => objectStoreOn(api).list(),
    listPods: () => listPods(api, world.ports.cluster.pods),
  }).once()
}

describe('R14 an object of a pod with a node and without a UID', () => {
  test.each([
    ['runs, without an annotation', web0({ node: 'a1' }), 'bound sts_default_web_web-0 unknown'],
    ['is pending', web0(), 'bound sts_default_web_web-0 unknown'],
    ['has ended', web0({ node: 'a1', phase: 'Failed' }), 'free'],
  ])('R14 the pod of its key %s', async (_, its, row) => {
    const world = await openWorld({ statefulsets, pods: [its], floatingips: [old(NO_UID)] })
    expect(world.row('10.0.0.2')).toBe(row)
    await resync(world)
    expect(world.row('10.0.0.2')).toBe(row)
  })

  test.each(['carries it, too', 'carries nothing yet'])(
    'R14 the pod of its key %s: a pod with a copied annotation takes it from nobody',
    async its => {
      const args = its === 'carries it, too' ? { args: carries('10.0.0.2') } : {}
      const thief = pod('a-thief', { node: 'a2', args: carries('10.0.0.2') })
      const pods = [thief, web0({ policy: 'never', node: 'a1', ...args })]
      const world = await openWorld({ statefulsets, pods, floatingips: [old(NO_UID, 2)] })
      const row = `bound ${KEY} ${its === 'carries it, too' ? 'web-0#1' : 'unknown'}`
      expect(world.row('10.0.0.2')).toBe(row)
      await resync(world)
      expect(world.row('10.0.0.2')).toBe(row)
      world.api.remove('pods', 'default/a-thief')
      await Bun.sleep(50)
      expect(world.row('10.0.0.2')).toBe(row)
    },
  )

  test('R14 a pending pod of its key gets it, under its own UID from then on', async () => {
    const world = await openWorld({ statefulsets, pods: [web0()], floatingips: [old(NO_UID)] })
    expect((await filter(world, web0(), 'a1')).NodeNames).toEqual(['a1'])
    expect(await bind(world, web0())).toBe('')
    expect(carried(world, 'web-0')).toEqual(['10.0.0.2'])
    expect(world.row('10.0.0.2')).toBe(`bound ${KEY} web-0#1`)
  })

  test('R14 an administrator reserves the address of one that is pending: another’s that runs stays', async () => {
    const runs = web0({ node: 'a1' })
    const waits = pod('web-1', { owner: 'StatefulSet web' })
    const other = { ...floatingIp('10.0.0.3', 'sts_default_web_web-1', { node: 'a1' }) }
    const world = await openWorld({ statefulsets, pods: [runs, waits], floatingips: [old(NO_UID), other] })
    expect(world.row('10.0.0.3')).toBe('bound sts_default_web_web-1 unknown')
    world.api.edit('floatingips', '10.0.0.3', { metadata: { labels: { reserved: '' } } })
    await until(() => world.row('10.0.0.3').startsWith('reserved reserved'))
    expect(world.row('10.0.0.2')).toBe(`bound ${KEY} unknown`)
  })

  test('R14 a pod of its key that somebody else bound with it has it, and is no second claimant', async () => {
    const world = await openWorld({ statefulsets, pods: [web0()], floatingips: [old(NO_UID)] })
    world.api.put('pods', web0({ node: 'a1', args: carries('10.0.0.2') }))
    await until(() => world.row('10.0.0.2') === `bound ${KEY} web-0#1`)
    expect(world.logged.filter(line => line.includes('conflict:'))).toEqual([])
  })

  test('R14 the pod of its key has ended, and had two: both are free at once', async () => {
    const second = floatingIp('10.0.0.3', KEY, { node: 'a1' })
    const its = web0({ node: 'a1', phase: 'Failed' })
    const world = await openWorld({ statefulsets, pods: [its], floatingips: [old(NO_UID), second] })
    expect(world.rows()).toEqual([])
  })

  test('R14 the pod of its key ends, and another of its name is there when that is looked into: kept for it', async () => {
    const world = await openWorld({ statefulsets, pods: [web0({ node: 'a1' })], floatingips: [old(NO_UID)] })
    world.api.remove('pods', 'default/web-0')
    await create(world, web0({ uid: 'web-0#2' }))
    await resync(world)
    expect(world.row('10.0.0.2')).toBe(`bound ${KEY} unknown`)
    await run(world, pod('third'))
    expect(carried(world, 'third')).toEqual(['10.0.0.3'])
  })

  test('R14 in the race: bound by a new pod of its key after the look found none, it is not reclaimed', async () => {
    const world = await openWorld({ statefulsets, pods: [web0({ node: 'a1' })], floatingips: [old(NO_UID)] })
    world.api.remove('pods', 'default/web-0')
    await until(() => world.ports.cluster.pods.get('default/web-0') === undefined)
    const { ledger } = world
    const { submit } = ledger
    let raced = false
    ledger.submit = (async (kind: never, command: never) => {
      if (kind === 'reclaim' && !raced) {
        raced = true
        await run(world, web0({ uid: 'web-0#2' }))
      }
      return submit(kind, command)
    }) as typeof submit
    await resync(world)
    expect(raced).toBe(true)
    expect(world.row('10.0.0.2')).toBe(`bound ${KEY} web-0#2`)
    expect(carried(world, 'web-0')).toEqual(['10.0.0.2'])
  })
})

test.each([
  ['an attribute that is no JSON', 'not JSON'],
  ['an attribute of another form', '["a1","web-0#1"]'],
  ['a UID that is no text', '{"NodeName":"a1","Uid":7}'],
])('R14 %s: while the pod of its key runs, nobody else gets the address', async (_, attribute) => {
  const world = await openWorld({ statefulsets, pods: [web0({ node: 'a1' })], floatingips: [old(attribute)] })
  for (const name of ['p1', 'p2', 'p3']) await run(world, pod(name))
  expect(['p1', 'p2', 'p3'].flatMap(name => carried(world, name)).sort()).toEqual(['10.0.0.3', '10.0.0.4', '10.0.0.5'])
  expect(world.row('10.0.0.2')).toContain(KEY)
})

test('R14 what cannot be read is reported, by its name', async () => {
  const objects = [floatingIp('10.0.0.2', '???'), floatingIp('not-an-ip', KEY)]
  const world = await openWorld({ floatingips: objects })
  const warned = world.logged.filter(line => line.startsWith('warn')).join('\n')
  expect(warned).toContain('not-an-ip')
  expect(warned).toContain('10.0.0.2')
})
