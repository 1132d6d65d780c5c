/** Owns the proof that the compiled program's metrics and log tell what happened on a real cluster. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { addressesOf, runningPod } from './harness/addresses.ts'
import { eventually } from './harness/kube.ts'
import { paths, pod } from './harness/objects.ts'
import { createNamespace, STAGE_LIMIT_MS, type Stage, startStage } from './harness/stage.ts'

const LIMIT_MS = 60_000
let stage: Stage
let ns: string

beforeAll(async () => {
  stage = await startStage([{ name: 'rack', nodes: 2, ips: third => [`${third}.10~${third}.11`] }])
  ns = await createNamespace(stage.kube, 'metrics', stage.cluster.kind)
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), LIMIT_MS)

const scrape = async () => await (await fetch(`${stage.floatip.apiUrl}/metrics`)).text()
const value = (text: string, series: string) =>
  Number(
    text
      .split('\n')
      .find(line => line.startsWith(`${series} `))
      ?.slice(series.length + 1) ?? Number.NaN,
  )
const logged = () =>
  readFileSync(stage.floatip.logFile, 'utf8')
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line) as Record<string, unknown>)

test('started with the rights of deploy/rbac.yaml it lacks nothing, and warns of nothing', () => {
  expect(logged().filter(({ level }) => Number(level) > 30)).toEqual([])
})

test(
  'two pods are bound, a third waits: counted, timed and logged; and at its end the address is free again',
  async () => {
    const { kube, floatip, entry } = stage
    const { subnet, ips } = entry('rack')
    const labels = `subnet="${subnet}",first_ip="${ips[0]?.split('~')[0]}"`
    const state = (name: string) => `floatip_subnet_addresses{${labels},state="${name}"}`
    const [first] = await Promise.all(
      ['a', 'b'].map(async name => {
        await kube.create(paths.pods(ns), pod(name, { stage: 'rack' }))
        return await runningPod(kube, ns, name)
      }),
    )
    await kube.create(paths.pods(ns), pod('late', { stage: 'rack' }))
    const text = await eventually('a pod waits', async () => {
      const now = await scrape()
      return value(now, 'floatip_waiting_pods{reason="no-address-left"}') === 1 && now
    })
    expect([state('used'), state('free'), 'floatip_full_subnets'].map(name => value(text, name))).toEqual([2, 0, 1])
    expect(value(text, `galaxy_ip_counter{type="allocated",${labels}}`)).toBe(2)
    expect(value(text, 'galaxy_schedule_latency_count{func="bind"}')).toBe(2)
    expect(value(text, 'floatip_kubernetes_requests_total{verb="POST",resource="pods/binding",code="201"}')).toBe(2)
    expect(value(text, 'floatip_watch_age_seconds{resource="pods"}')).toBeLessThan(60)

    const address = addressesOf(await runningPod(kube, ns, 'a'))[0]
    expect(logged()).toContainEqual(
      expect.objectContaining({ msg: 'bound', pod: `${ns}/a`, ips: [address], bindingMs: expect.any(Number) }),
    )
    expect(logged()).toContainEqual(
      expect.objectContaining({ msg: 'waits for an address', pod: `${ns}/late`, code: 'no-address-left' }),
    )
    // Not killed: its address would rest before it is free (R12).
    await kube.delete(`${paths.pods(ns)}/${first?.metadata.name}`)
    await runningPod(kube, ns, 'late')
    await eventually('nobody waits', async () => value(await scrape(), 'floatip_waiting_pod_oldest_seconds') === 0)
    expect(logged()).toContainEqual(expect.objectContaining({ msg: 'freed', pod: `${ns}/a`, ip: address }))

    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ level: 'debug', seconds: 60 })
    const raised = await fetch(`${floatip.apiUrl}/v1/log-level`, { method: 'PUT', headers, body })
    expect(raised.status).toBe(200)
    expect(logged()).toContainEqual(expect.objectContaining({ level: 40, msg: 'the log level changes', to: 'debug' }))
  },
  LIMIT_MS,
)

const promtool = Bun.which('promtool')
test.skipIf(promtool === null)('promtool finds nothing to criticise but galaxy-ipam’s names', async () => {
  const check = Bun.spawn([promtool ?? '', 'check', 'metrics'], { stdin: new Blob([await scrape()]), stderr: 'pipe' })
  const said = await new Response(check.stderr).text()
  expect(said.split('\n').filter(line => line !== '' && !line.startsWith('galaxy_'))).toEqual([])
})
