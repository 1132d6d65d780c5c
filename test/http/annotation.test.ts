/** Owns the annotation's way through the cluster: the request stays, the answer is galaxy's to the letter, and is read back. */
import { afterEach, describe, expect, test } from 'bun:test'
import { carried, run } from '../app/asking.ts'
import { entry, pod } from '../app/objects.ts'
import { closeWorlds, openWorld, type World } from '../app/world.ts'

afterEach(closeWorlds)

describe('the annotation', () => {
  const ARGS = 'k8s.v1.cni.galaxy.io/args'
  const stored = (world: World, name: string) => world.api.get('pods', `default/${name}`)?.metadata.annotations?.[ARGS]
  const entries = [
    { ...entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2~10.0.0.30', '10.0.0.60~10.0.0.80', '10.0.0.200~10.0.0.238') },
  ]

  test('without a request it is ipinfos alone, to the letter', async () => {
    const world = await openWorld({ entries: [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.200')] })
    await run(world, pod('p'))
    expect(stored(world, 'p')).toBe('{"common":{"ipinfos":[{"ip":"10.0.0.200/24","vlan":0,"gateway":"10.0.0.1"}]}}')
  })

  test('vlan and mask are the entry’s', async () => {
    const world = await openWorld({
      entries: [{ ...entry('10.49.0.0/24', '10.0.0.0/20', '10.0.3.4'), gateway: '10.0.0.1', vlan: 4094 }],
    })
    await run(world, pod('p'))
    expect(stored(world, 'p')).toBe('{"common":{"ipinfos":[{"ip":"10.0.3.4/20","vlan":4094,"gateway":"10.0.0.1"}]}}')
  })

  test('the request stays as written, with what else is there, and the answers follow its order', async () => {
    const world = await openWorld({ entries })
    const asked = '"request_ip_range":[["10.0.0.200~10.0.0.238"],["10.0.0.2~10.0.0.30"],["10.0.0.60~10.0.0.80"]]'
    await run(world, pod('p', { args: `{${asked},"other":{"k":1}}` }))
    const info = (ip: string) => `{"ip":"${ip}/24","vlan":0,"gateway":"10.0.0.1"}`
    const infos = ['10.0.0.200', '10.0.0.2', '10.0.0.60'].map(info).join(',')
    expect(stored(world, 'p')).toBe(`{${asked},"other":{"k":1},"common":{"ipinfos":[${infos}]}}`)
  })

  test.each([
    ['the range written first, though it is higher', '["10.0.0.60~10.0.0.80","10.0.0.2~10.0.0.30"]', '10.0.0.60'],
    ['one before all others', '["10.0.0.9","10.0.0.2~10.0.0.30"]', '10.0.0.9'],
    ['the next one when the first has none left', '["10.0.0.200","10.0.0.9","10.0.0.2~10.0.0.30"]', '10.0.0.9'],
  ])('of the ranges of a list the first written that has one, as galaxy-ipam: %s', async (_, list, address) => {
    const world = await openWorld({ entries })
    await run(world, pod('other', { args: '{"request_ip_range":[["10.0.0.200"]]}' }))
    await run(world, pod('p', { args: `{"request_ip_range":[${list}]}` }))
    expect(carried(world, 'p')).toEqual([address])
  })

  test('what comes back is read back: after a restart without a ledger each address answers its list', async () => {
    const world = await openWorld({ entries })
    const args = '{"request_ip_range":[["10.0.0.60~10.0.0.80"],["10.0.0.2"]]}'
    await run(world, pod('p', { args }))
    const { api: server } = world
    await world.stop()
    for (const each of server.all('floatingips')) server.remove('floatingips', each.metadata.name)
    const again = await openWorld({ api: server })
    expect(carried(again, 'p')).toEqual(['10.0.0.60', '10.0.0.2'])
    const rows = again.ledger.read(view => view.ofIncarnation('p#1'))
    expect(rows.map(row => [row.index, row.address.text])).toEqual([
      [0, '10.0.0.60'],
      [1, '10.0.0.2'],
    ])
  })

  test('an answer that is there before the bind is overwritten, and stands behind the request as galaxy-ipam’s does', async () => {
    const world = await openWorld({ entries: [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.7')] })
    const old = '"common":{"ipinfos":[{"ip":"1.2.3.4/8","vlan":1,"gateway":"1.0.0.1"}]}'
    await run(world, pod('p', { args: `{${old},"request_ip_range":[["10.0.0.7"]]}` }))
    expect(stored(world, 'p')).toBe(
      '{"request_ip_range":[["10.0.0.7"]],"common":{"ipinfos":[{"ip":"10.0.0.7/24","vlan":0,"gateway":"10.0.0.1"}]}}',
    )
  })
})
