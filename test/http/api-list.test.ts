/** Owns GET /v1/ip as people and scripts know it from galaxy-ipam: filters, sorting, pages, statuses. */
import { afterEach, describe, expect, test } from 'bun:test'
import { api } from '../app/asking.ts'
import { configMap, entry, floatingIp } from '../app/objects.ts'
import { closeWorlds, ENTRIES, openWorld, startWorld, until } from '../app/world.ts'
import { documented, ips, list, mixed, release } from './api-world.ts'

afterEach(closeWorlds)

describe('GET /v1/ip', () => {
  test('without parameters: every configured address in numeric order, the free ones with nothing but ip and policy', async () => {
    const world = await mixed()
    const { content, totalElements } = await list(world)
    expect(totalElements).toBe(4)
    expect(content.map(({ ip }) => ip)).toEqual(['10.0.0.9', '10.0.0.10', '10.0.0.11', '10.0.0.12'])
    expect(content[3]).toEqual({ ip: '10.0.0.12', policy: 0 })
  })

  test('an orphaned address is listed after the configured ones', async () => {
    const world = await mixed({ floatingips: [floatingIp('10.9.9.9', 'sts_default_old_old-0', { policy: 2 })] })
    expect(await ips(world)).toEqual(['10.0.0.9', '10.0.0.10', '10.0.0.11', '10.0.0.12', '10.9.9.9'])
    expect(await ips(world, '?sort=ip%20desc&size=2')).toEqual(['10.9.9.9', '10.0.0.12'])
  })

  test.each([
    ['keyword=sts_default_sts', ['10.0.0.9']],
    ['keyword=default', ['10.0.0.9', '10.0.0.10', '10.0.0.11']],
    ['keyword=%25', []],
    ['appName=sts', ['10.0.0.9']],
    ['appName=sts&appType=statefulset', ['10.0.0.9']],
    ['appName=sts&appType=StatefulSets', ['10.0.0.9']],
    ['appName=app', []], // appType missing means statefulset
    ['appName=app&appType=deployment', ['10.0.0.10']],
    ['appName=app&appType=deployments', ['10.0.0.10']],
    ['appType=deployment', ['10.0.0.10']],
    ['namespace=default', ['10.0.0.9', '10.0.0.10', '10.0.0.11']],
    ['namespace=other', []],
    ['podName=sts-0', ['10.0.0.9']],
    ['podName=bare', ['10.0.0.11']],
    ['appName=NULL&appType=NULL', ['10.0.0.11']],
    ['namespace=default&podName=sts-0&appName=sts', ['10.0.0.9']],
    ['namespace=default&podName=bare&appName=sts', []],
    ['poolName=p', []],
    ['poolName=&appName=&namespace=default&podName=bare', ['10.0.0.11']],
  ])('?%s', async (query, expected) => {
    const world = await mixed()
    expect(await ips(world, `?${query}`)).toEqual(expected)
  })

  test.each([
    ['ip', ['10.0.0.9', '10.0.0.10', '10.0.0.11']],
    ['ip asc', ['10.0.0.9', '10.0.0.10', '10.0.0.11']],
    ['ip desc', ['10.0.0.11', '10.0.0.10', '10.0.0.9']],
    ['IP DESC', ['10.0.0.11', '10.0.0.10', '10.0.0.9']],
    ['podname asc', ['10.0.0.10', '10.0.0.11', '10.0.0.9']],
    ['podname desc', ['10.0.0.9', '10.0.0.11', '10.0.0.10']],
    ['policy asc', ['10.0.0.11', '10.0.0.9', '10.0.0.10']],
    ['namespace asc', ['10.0.0.9', '10.0.0.10', '10.0.0.11']],
  ])('sort=%s', async (sort, expected) => {
    const world = await mixed()
    expect(await ips(world, `?namespace=default&sort=${encodeURIComponent(sort)}`)).toEqual(expected)
    expect(await ips(world, `?namespace=default&sort=${sort.replaceAll(' ', '+')}`)).toEqual(expected)
  })

  test.each([
    ['size=3', { size: 3, number: 0, numberOfElements: 3, totalElements: 4, totalPages: 2, first: true, last: false }],
    ['size=3&page=1', { size: 3, number: 1, numberOfElements: 1, first: false, last: true }],
    ['size=3&page=2', { number: 1, numberOfElements: 0, first: false, last: true }], // beyond the end: where the end is
    ['size=2&page=99999', { number: 2, numberOfElements: 0, totalPages: 2, first: false, last: true }],
    ['namespace=none', { number: 0, numberOfElements: 0, totalPages: 0, first: true, last: true }],
    ['namespace=none&page=7', { number: 0, numberOfElements: 0, totalPages: 0, first: true, last: true }],
    ['size=0', { size: 10 }], // galaxy: no size at all
    ['size=-7', { size: 10 }],
    ['size=-10000', { size: 10 }],
    ['size=1', { size: 1, numberOfElements: 1, totalPages: 4 }],
    ['size=9999', { size: 9999 }],
    ['size=10000', { size: 9999 }],
    ['size=%2B3', { size: 3 }],
    ['size=ten', { size: 10 }],
    ['size=', { size: 10 }],
    ['size=2.5', { size: 10 }],
    ['size=%202', { size: 10 }],
    ['size=0x10', { size: 10 }],
    ['page=-1', { number: 0, first: true }],
    ['page=abc', { number: 0, first: true }],
    ['page=1e3', { number: 0 }],
    ['page=1&size=0', { number: 0, size: 10, numberOfElements: 0, first: false, last: true }],
    ['page=100000', { number: 0, size: 10, numberOfElements: 0, first: false }],
    // More than an integer of galaxy's holds is unreadable.
    ['page=99999999999999999999999&size=99999999999999999999', { number: 0, size: 10, numberOfElements: 4 }],
  ])('?%s', async (query, expected) => {
    const world = await mixed()
    expect(await list(world, `?${query}`)).toMatchObject(expected)
  })

  test.each([
    ['podname asc', ['10.0.0.12', '10.0.0.10', '10.0.0.11', '10.0.0.9']],
    ['podname desc', ['10.0.0.9', '10.0.0.11', '10.0.0.10', '10.0.0.12']],
    ['namespace asc', ['10.0.0.12', '10.0.0.9', '10.0.0.10', '10.0.0.11']],
    ['namespace desc', ['10.0.0.11', '10.0.0.10', '10.0.0.9', '10.0.0.12']],
    ['policy asc', ['10.0.0.12', '10.0.0.11', '10.0.0.9', '10.0.0.10']],
    ['policy desc', ['10.0.0.10', '10.0.0.9', '10.0.0.11', '10.0.0.12']],
  ])('sort=%s of everything: the free ones too, whose fields are empty', async (sort, expected) => {
    const world = await mixed()
    expect(await ips(world, `?sort=${encodeURIComponent(sort)}`)).toEqual(expected)
    expect((await list(world, `?sort=${encodeURIComponent(sort)}`)).totalElements).toBe(4)
  })

  test('pages cover the whole list without a gap, filtered and unfiltered', async () => {
    const world = await mixed()
    for (const filter of ['', 'namespace=default&', 'sort=podname&', 'sort=podname%20desc&', 'sort=policy&']) {
      const pages = await Promise.all([0, 1, 2, 3].map(page => ips(world, `?${filter}size=1&page=${page}`)))
      expect(pages.flat()).toEqual(await ips(world, `?${filter}`))
    }
  })

  test.each([
    ['a pod that runs', { phase: 'Running' }, ['Running', undefined]],
    ['a pod that waits for its containers', { phase: 'Pending' }, ['Pending', undefined]],
    ['a pod whose node is not heard of', { phase: 'Unknown' }, ['Unknown', undefined]],
    ['a failed pod', { phase: 'Failed' }, ['Failed', true]],
  ])('%s', async (_, status, expected) => {
    const world = await mixed()
    world.api.edit('pods', 'default/sts-0', { status })
    const phase = () => world.ports.cluster.pods.get('default/sts-0')?.phase
    await until(
      () => phase() === status.phase && (phase() !== 'Failed' || world.row('10.0.0.9').startsWith('reserved')),
    )
    const [item] = (await list(world, '?podName=sts-0')).content
    // False is left out, as galaxy-ipam leaves it out.
    expect([item?.status, item?.releasable]).toEqual(expected)
  })

  const NOT_READY = { code: 503, message: expect.stringMatching(/^floatip is not ready: waiting for ./) }

  test('of a start with nothing on disk: 503 until all is known, not an empty list', async () => {
    const stored = floatingIp('10.0.0.3', 'sts_default_web_web-0', { policy: 2 })
    const world = startWorld({ entries: null, floatingips: [stored] })
    expect(await api(world, '/v1/ip')).toMatchObject({ status: 503, body: NOT_READY })
    world.api.put('configmaps', configMap(JSON.stringify(ENTRIES)))
    await world.ready()
    expect((await list(world, '?podName=web-0')).totalElements).toBe(1)
  })

  test('of a process that does not lead: 503 and why, whatever it has on disk', async () => {
    const { api: server, dir, stop } = await documented()
    await stop()
    const election = { leaseMs: 15_000, renewMs: 10_000, retryMs: 2_000 }
    const standby = startWorld({ api: server, dir, election })
    expect(await api(standby, '/v1/ip?appName=sts')).toMatchObject({ status: 503, body: NOT_READY })
  })

  test('before the pods are listed the status is Unknown and nothing is releasable', async () => {
    const world = await documented()
    const { api: server, dir } = world
    await world.stop()
    const door = server.hold('list pods')
    const again = startWorld({ api: server, dir })
    await door.arrived
    const { content } = await list(again, '?appName=sts')
    expect(content.map(({ status, releasable }) => [status, releasable])).toEqual([
      ['Unknown', undefined],
      ['Unknown', undefined],
    ])
    door.release()
    await again.ready()
  })

  test('an address reserved by an administrator is not releasable', async () => {
    const reserved = floatingIp('10.0.0.12', '', { labels: { reserved: 'x' } })
    const world = await openWorld({
      entries: [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.12')],
      floatingips: [reserved],
    })
    expect((await list(world)).content[0]?.releasable).toBeUndefined()
  })

  test.each([
    ['hello-xx', 'keyword=xx', 'hello-xx'],
    ['pool__not-for-pods_', 'keyword=not-for-pods', 'not-for-pods'],
    ['dp_team_app_', 'keyword=reserved', 'NULL'],
    ['pool__p_sts_team_db_db-0', 'keyword=reserved', 'NULL'],
    ['', 'keyword=reserved', 'NULL'],
    ['in words, or with_an_underscore', 'keyword=reserved', 'NULL'],
  ])('an address that an administrator reserved as %j is found by ?%s', async (key, query, appName) => {
    const labels = { ipType: 'internalIP', reserved: 'this-is-not-for-pods' }
    const world = await openWorld({ floatingips: [floatingIp('10.0.0.3', key, { policy: 2, labels })] })
    const { content } = await list(world, `?${query}`)
    expect(content).toMatchObject([{ ip: '10.0.0.3', appType: 'reserved', appName }])
    // There is no pod that could be deleted.
    expect([content[0]?.status, content[0]?.releasable]).toEqual([undefined, undefined])
    expect((await release(world, content[0] as object)).status).toBe(202)
    expect(world.api.get('floatingips', '10.0.0.3')?.spec?.key).toBe(key)
  })
})

test('updateTime of what others recorded is theirs; of a time that is to come, or cannot be read, ours', async () => {
  const { metadata, ...later } = floatingIp('10.0.0.3', 'sts_default_web_web-1', { policy: 2 })
  const future = { metadata, ...later, spec: { ...later.spec, updateTime: '2999-01-01T00:00:00Z' } }
  const world = await openWorld({
    floatingips: [floatingIp('10.0.0.2', 'sts_default_web_web-0', { policy: 2 }), future],
  })
  const { content } = await list(world, '?appName=web')
  const [first = '', second = ''] = content.map(({ updateTime }) => String(updateTime))
  expect(Date.parse(first)).toBe(Date.parse('2026-11-24T09:00:00Z'))
  expect(Math.abs(Date.parse(second) - world.ports.clock.now())).toBeLessThan(3_600_000)
})
