/** Owns the proof that reservations, plans, check and repair hold on a real API server. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { addressesOf, runningPod, runningPods } from './harness/addresses.ts'
import { eventually } from './harness/kube.ts'
import { type FloatingIp, paths, statefulSet } from './harness/objects.ts'
import { createNamespace, STAGE_LIMIT_MS, type Stage, startStage } from './harness/stage.ts'

const LIMIT_MS = 120_000
const RESERVATION = 'floatip.galaxy.k8s.io/reservation'
let stage: Stage
let ns: string

beforeAll(async () => {
  stage = await startStage([
    { name: 'rack', nodes: 2 },
    { name: 'small', nodes: 1, ips: third => [`${third}.10~${third}.12`] },
  ])
  ns = await createNamespace(stage.kube, 'questions', stage.cluster.kind)
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), LIMIT_MS)

interface Answer {
  readonly id: string
  readonly ok: boolean
  readonly counts: Record<string, number>
  readonly addresses: readonly { ip: string; state: string }[]
  readonly findings: readonly { kind: string; ip: string; state?: string }[]
}

async function api(method: string, path: string, body?: object): Promise<{ status: number; body: Answer }> {
  const response = await fetch(stage.floatip.apiUrl + path, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  return { status: response.status, body: (await response.json()) as Answer }
}

const object = (ip: string) => stage.kube.find<FloatingIp>(`${paths.floatingIps}/${ip}`)

test(
  'reserved ahead, taken by the pods, kept over kill -9, ended: the annotation goes from the objects in use',
  async () => {
    const { kube, floatip } = stage
    const wish = { appType: 'statefulset', appName: 'web', namespace: ns, count: 2, contiguous: true }
    const made = await api('POST', '/v1/reservations', { ...wish, ranges: ['10.50.0.0/22'], expiresInSeconds: 3600 })
    expect(made.status).toBe(201)
    const ips = made.body.addresses.map(({ ip }) => ip)
    expect(JSON.parse((await object(ips[0] ?? ''))?.metadata.annotations?.[RESERVATION] ?? '{}')).toMatchObject({
      id: made.body.id,
    })
    await floatip.kill()
    await floatip.restart()
    await kube.create(paths.statefulSets(ns), statefulSet('web', { stage: 'rack', replicas: 2 }))
    await runningPods(kube, ns, 'web', 2)
    for (const at of [0, 1]) {
      expect(addressesOf(await runningPod(kube, ns, `web-${at}`))).toEqual([ips[at] ?? ''])
    }
    const ended = await api('DELETE', `/v1/reservations/${made.body.id}`)
    expect(ended).toMatchObject({ status: 200, body: { freed: 0, left: 2 } })
    expect((await object(ips[0] ?? ''))?.metadata.annotations?.[RESERVATION]).toBeUndefined()
  },
  LIMIT_MS,
)

test(
  'out of circulation: an object with the label, gone with the reservation, or by its time',
  async () => {
    const kept = await api('POST', '/v1/reservations', { ips: ['10.50.4.11'], note: 'printer' })
    expect(kept.status).toBe(201)
    expect((await object('10.50.4.11'))?.metadata.labels).toMatchObject({ reserved: 'floatip' })
    expect((await api('POST', '/v1/reservations', { ips: ['10.50.4.11'] })).status).toBe(409)
    expect((await api('DELETE', `/v1/reservations/${kept.body.id}`)).status).toBe(200)
    expect(await object('10.50.4.11')).toBeNull()
    const brief = await api('POST', '/v1/reservations', { ips: ['10.50.4.12'], expiresInSeconds: 1 })
    expect(brief.status).toBe(201)
    await eventually('it has expired', async () => (await object('10.50.4.12')) === null)
    expect((await api('GET', `/v1/reservations/${brief.body.id}`)).status).toBe(404)
  },
  LIMIT_MS,
)

test(
  'plans: a StatefulSet that outgrows its nodes’ range; a drain',
  async () => {
    const { kube } = stage
    const pinned = statefulSet('tight', { stage: 'small', replicas: 1, policy: 'immutable' })
    await kube.create(paths.statefulSets(ns), pinned)
    await runningPods(kube, ns, 'tight', 1)
    const grown = await api('POST', '/v1/plan', {
      scale: { kind: 'StatefulSet', namespace: ns, name: 'tight', replicas: 3 },
    })
    expect(grown.body).toMatchObject({ ok: true, counts: { get: 2, keep: 1 } })
    expect((await api('POST', '/v1/plan', { drain: { node: 'small-0' } })).body).toMatchObject({
      ok: false,
      counts: { wait: 1 },
    })
  },
  LIMIT_MS,
)

test(
  'check and repair: an object that somebody else made, of a pod that is not there',
  async () => {
    const { kube, floatip } = stage
    expect((await api('GET', '/v1/check')).body).toMatchObject({ ok: true, counts: {} })
    await floatip.kill()
    const metadata = { name: '10.50.4.11' }
    const spec = { key: `NULL_${ns}_NULL_ghost`, policy: 0, attribute: '{"NodeName":"small-0","Uid":"gone"}' }
    await kube.create(paths.floatingIps, {
      ...{ apiVersion: 'galaxy.k8s.io/v1alpha1', kind: 'FloatingIP', metadata },
      spec: { ...spec, updateTime: new Date().toISOString() },
    } as never)
    await floatip.restart()
    // Adopted and ended at start-up: nothing is left to be found.
    await eventually('all agree', async () => (await api('GET', '/v1/check')).body.ok)
    expect((await api('POST', '/v1/check/repair', { dryRun: false })).body).toMatchObject({ ok: true, findings: [] })
    expect(await object('10.50.4.11')).toBeNull()
  },
  LIMIT_MS,
)
