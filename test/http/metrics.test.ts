/** Owns the proof of what Prometheus reads: galaxy-ipam's names, what each number means, how many series there may be. */
import { afterAll, afterEach, describe, expect, test } from 'bun:test'
import { ENTRIES_SHOWN_MAX } from '../../src/app/gauges.ts'
import { api, bind, create, filter, run } from '../app/asking.ts'
import { entry, pod } from '../app/objects.ts'
import { closeWorlds, openWorld, startWorld, until, type World } from '../app/world.ts'

afterEach(closeWorlds)

/** One line of the exposition format by its name and labels: `name{a="b"}` → value. */
async function scrape(world: World): Promise<ReadonlyMap<string, number>> {
  const { status, body } = await api<string>(world, '/metrics')
  expect(status).toBe(200)
  return new Map(
    body
      .split('\n')
      .filter(line => line !== '' && !line.startsWith('#'))
      .map(line => {
        const at = line.lastIndexOf(' ')
        return [line.slice(0, at), Number(line.slice(at + 1))] as const
      }),
  )
}

const state = (name: string, subnet = '10.0.0.0/24', first = '10.0.0.2') =>
  `floatip_subnet_addresses{subnet="${subnet}",first_ip="${first}",state="${name}"}`

const promtool = Bun.which('promtool')

describe('/metrics', () => {
  test('galaxy-ipam’s names and labels', async () => {
    const world = await openWorld()
    await run(world, pod('p'))
    const found = await scrape(world)
    const labels = (type: string) => `galaxy_ip_counter{type="${type}",subnet="10.0.0.0/24",first_ip="10.0.0.2"}`
    expect(found.get(labels('allocated'))).toBe(1)
    expect(found.get(labels('total'))).toBe(4)
    for (const func of ['filter', 'bind']) {
      expect(found.get(`galaxy_schedule_latency_count{func="${func}"}`)).toBe(1)
      // Its bounds, in seconds; on a busy machine the first few may be exceeded.
      for (const le of ['0.1', '0.2', '0.4', '0.8', '1.6', '3.2', '6.4'])
        expect(found.get(`galaxy_schedule_latency_bucket{le="${le}",func="${func}"}`)).toBeNumber()
      expect(found.get(`galaxy_schedule_latency_bucket{le="+Inf",func="${func}"}`)).toBe(1)
    }
  })

  test('where the time of a bind goes: queue, decide, persist, replicate, API server, apart', async () => {
    const world = await openWorld()
    const before = await scrape(world)
    await run(world, pod('p'))
    const found = await scrape(world)
    const grew = (name: string) => (found.get(name) ?? 0) - (before.get(name) ?? 0)
    for (const phase of ['queue', 'decide', 'persist', 'replicate'])
      expect(grew(`floatip_${phase}_duration_seconds_count`)).toBeGreaterThan(0)
    expect(grew('floatip_turn_commands_sum')).toBe(1)
    const call = (name: string, verb: string, resource: string, more = '') =>
      `floatip_kubernetes_${name}{verb="${verb}",resource="${resource}"${more}}`
    expect(grew(call('request_duration_seconds_count', 'POST', 'floatingips'))).toBe(1)
    expect(grew(call('requests_total', 'POST', 'pods/binding', ',code="201"'))).toBe(1)
    expect(found.get('floatip_queue_duration_seconds_bucket{le="0.00001"}')).toBeDefined()
    expect(grew('floatip_scheduler_request_duration_seconds_count{verb="bind",outcome="done"}')).toBe(1)
  })

  test('used, reserved, held, blocked, orphaned and free of each entry', async () => {
    const world = await openWorld()
    await run(world, pod('p'))
    await run(world, pod('sts-0', { owner: 'StatefulSet sts', policy: 'never' }))
    world.api.remove('pods', 'default/sts-0')
    await until(() => world.row('10.0.0.3').startsWith('reserved'))
    const found = await scrape(world)
    const all = ['used', 'reserved', 'held', 'blocked', 'free'].map(name => found.get(state(name)))
    expect(all).toEqual([1, 1, 0, 0, 2])
    expect(found.get('floatip_subnet_capacity{subnet="10.0.0.0/24",first_ip="10.0.0.2"}')).toBe(4)
    expect(found.get('floatip_full_subnets')).toBe(0)
    world.api.edit('configmaps', 'kube-system/floatingip-config', {
      data: { floatingips: JSON.stringify([entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.3~10.0.0.5')]) },
    })
    await until(() => world.ledger.read(view => view.orphans.size) === 1)
    const after = await scrape(world)
    expect(after.get('floatip_orphaned_addresses')).toBe(1)
    expect(after.get(state('reserved', '10.0.0.0/24', '10.0.0.3'))).toBe(1)
    // The entry of before is gone, and its series with it.
    expect(after.get(state('free'))).toBeUndefined()
  })

  test('pods that wait, by reason, and how long the oldest has', async () => {
    const world = await openWorld()
    for (const name of ['a', 'b']) await run(world, pod(name), 'b1')
    const late = await create(world, pod('late'))
    await filter(world, late, 'b1')
    const found = await scrape(world)
    expect(found.get('floatip_waiting_pods{reason="no-address-left"}')).toBe(1)
    expect(found.get('floatip_waiting_pod_oldest_seconds')).toBeGreaterThanOrEqual(0)
    expect(found.get('floatip_refusals_total{verb="filter",reason="no-address-left"}')).toBe(1)
    expect(found.get('floatip_full_subnets')).toBe(1)
    world.api.remove('pods', 'default/late')
    await until(() => world.waiting.size === 0)
    expect([...(await scrape(world)).keys()].filter(name => name.startsWith('floatip_waiting_pods{'))).toEqual([])
  })

  test('a configuration that is refused, and its repair', async () => {
    const world = await openWorld()
    const write = (text: string) =>
      world.api.edit('configmaps', 'kube-system/floatingip-config', { data: { floatingips: text } })
    expect((await scrape(world)).get('floatip_configuration_valid')).toBe(1)
    write('[]')
    await until(() => world.logged.some(line => line.includes('the configuration is invalid')))
    const broken = await scrape(world)
    expect(broken.get('floatip_configuration_valid')).toBe(0)
    expect(broken.get('floatip_configuration_rejected_total')).toBe(1)
    write(JSON.stringify([entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.1~10.0.0.9')]))
    await until(() => world.ledger.read(view => view.geometry.slots) === 9)
    const mended = await scrape(world)
    expect(mended.get('floatip_configuration_valid')).toBe(1)
    // The gateway is in ips.
    expect(mended.get('floatip_configuration_warnings')).toBe(1)
  })

  test('drift: objects that were missing or different, conflicts', async () => {
    const world = await openWorld()
    const found = await scrape(world)
    for (const kind of ['object_missing', 'object_different', 'conflict'])
      expect(found.get(`floatip_drift{kind="${kind}"}`)).toBe(0)
    expect(found.get('floatip_last_resync_timestamp_seconds')).toBeGreaterThan(1_700_000_000)
  })

  test('a process that is not ready answers too, and says so', async () => {
    const world = startWorld({ entries: null })
    await until(() => world.logged.some(line => line.includes('not ready')))
    const found = await scrape(world)
    expect(found.get('floatip_ready')).toBe(0)
    expect(found.get('floatip_configuration_valid')).toBe(0)
    expect(found.get('floatip_watch_synced{resource="pods"}')).toBe(0)
    expect(found.get('floatip_watch_synced{resource="configmaps"}')).toBe(1)
    expect(found.get('floatip_watch_age_seconds{resource="pods"}')).toBeUndefined()
  })

  test('who leads, what is followed, what runs', async () => {
    const world = await openWorld()
    await until(() => world.logged.some(line => line.includes('following /apis/galaxy.k8s.io/v1alpha1/floatingips')))
    const found = await scrape(world)
    expect(found.get('floatip_ready')).toBe(1)
    expect(found.get('floatip_leader')).toBe(1)
    expect(found.get('floatip_outbox_length')).toBe(0)
    for (const resource of ['pods', 'nodes', 'pools', 'deployments', 'statefulsets', 'floatingips', 'configmaps'])
      expect(found.get(`floatip_watch_age_seconds{resource="${resource}"}`)).toBeLessThan(60)
    expect([...found.keys()].find(name => name.startsWith('floatip_build_info{'))).toMatch(/version="\d.*commit=.*bun=/)
    expect(found.get('process_resident_memory_bytes')).toBeGreaterThan(1e6)
    expect(found.get('process_cpu_seconds_total')).toBeGreaterThan(0)
  })

  test('a call that failed is counted by its status, one without an answer as unanswered', async () => {
    const world = await openWorld()
    const unknown = await create(world, pod('p'))
    world.api.remove('pods', 'default/p')
    await until(() => world.ports.cluster.pods.get('default/p') === undefined)
    await bind(world, unknown)
    const found = await scrape(world)
    expect(found.get('floatip_kubernetes_requests_total{verb="GET",resource="pods",code="404"}')).toBe(1)
    expect(found.get('floatip_refusals_total{verb="bind",reason="not-found"}')).toBe(1)
  })

  test('the number of series is bounded, and what has none of its own is summed under “other”', async () => {
    const entries = Array.from({ length: ENTRIES_SHOWN_MAX + 20 }, (_, at) => {
      const subnet = `10.${at >> 8}.${at & 255}`
      return entry(`11.${at >> 8}.${at & 255}.0/24`, `${subnet}.0/24`, `${subnet}.2~${subnet}.3`)
    })
    const world = await openWorld({ entries })
    const found = await scrape(world)
    expect(found.get(state('free', 'other', ''))).toBe(40)
    expect(found.get('galaxy_ip_counter{type="total",subnet="other",first_ip=""}')).toBe(40)
    const series = [...found.keys()].filter(name => name.includes('first_ip='))
    expect(series.length).toBeLessThanOrEqual((ENTRIES_SHOWN_MAX + 1) * 9)
  })

  test('only GET', async () => {
    const world = await openWorld()
    expect(await api(world, '/metrics', { method: 'POST' })).toEqual({
      status: 405,
      body: { code: 405, message: '/metrics takes GET' },
    })
  })

  test.skipIf(promtool === null)('promtool finds nothing to criticise but galaxy-ipam’s names', async () => {
    const world = await openWorld()
    await run(world, pod('p'))
    const text = (await api<string>(world, '/metrics')).body
    const check = Bun.spawn([promtool ?? '', 'check', 'metrics'], { stdin: new Blob([text]), stderr: 'pipe' })
    const [stdout, stderr] = await Promise.all([new Response(check.stdout).text(), new Response(check.stderr).text()])
    const said = `${stdout}${stderr}`.split('\n').filter(line => line !== '' && !line.startsWith('galaxy_'))
    expect(said).toEqual([])
  })
})

afterAll(() => {
  if (promtool === null) console.log('skipped: promtool is not on this machine (Debian: apt-get install prometheus)')
})
