/** Owns the takeover of pods with several addresses: galaxy-ipam's objects do not tell which list of the request each answers. */
import { afterEach, expect, test } from 'bun:test'
import { carried, run } from './asking.ts'
import { floatingIp, pod } from './objects.ts'
import { templated } from './planning.ts'
import { closeWorlds, openWorld, startWorld, until } from './world.ts'

afterEach(closeWorlds)

const HAS = ['10.0.0.5', '10.0.0.3']
const LISTS = { request_ip_range: [['10.0.0.4~10.0.0.5'], ['10.0.0.2~10.0.0.3']] }
const ipinfos = HAS.map(ip => ({ ip: `${ip}/24`, vlan: 0, gateway: '10.0.0.1' }))
const web = (uid: string, args: object, node?: string) =>
  pod('web-0', {
    uid,
    owner: 'StatefulSet web',
    policy: 'immutable',
    args: JSON.stringify(args),
    ...(node && { node }),
  })
const stored = (words = {}) => HAS.map(ip => floatingIp(ip, 'sts_default_web_web-0', { policy: 1, ...words }))

test('R21 what was kept for a pod comes back to it, all of it', async () => {
  const world = await openWorld({ statefulsets: [templated('web', 1)], floatingips: stored() })
  await run(world, web('web-0#2', LISTS))
  expect(carried(world, 'web-0')).toEqual(HAS)
  expect(world.rows()).toEqual(['10.0.0.3', '10.0.0.5'])
})

test('R21 what a running pod has comes back to its replacement, all of it', async () => {
  const running = web('web-0#1', { ...LISTS, common: { ipinfos } }, 'a1')
  const floatingips = stored({ uid: 'web-0#1', node: 'a1' })
  const world = await openWorld({ statefulsets: [templated('web', 1)], pods: [running], floatingips })
  world.api.remove('pods', 'default/web-0')
  await until(() => HAS.every(ip => world.row(ip) === 'reserved sts_default_web_web-0'))
  await run(world, web('web-0#2', LISTS))
  expect(carried(world, 'web-0')).toEqual(HAS)
})

test.each(['1e300', '99999999999999999999', '64', '-1', '0.5', 'x'])(
  'an object that tells a list which no request has (%s) holds up no start',
  async told => {
    const object = floatingIp('10.0.0.2', 'sts_default_web_web-0', { policy: 2 })
    object.metadata.annotations = { 'floatip.galaxy.k8s.io/request-index': told }
    const world = startWorld({ floatingips: [object] })
    await until(() => world.gate.open)
    expect(world.row('10.0.0.2')).toBe('reserved sts_default_web_web-0')
    expect(world.ledger.read(view => [...view.rows()].map(({ index }) => index))).toEqual([0])
  },
)
