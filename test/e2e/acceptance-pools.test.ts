/** Owns the proof of pools over HTTP and through kubectl, and of galaxy-ipam's metrics. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Hand, startHand, TWENTY } from './harness/by-hand.ts'
import { eventually, type KubeObject } from './harness/kube.ts'
import { paths } from './harness/objects.ts'
import { STAGE_LIMIT_MS, type Stage } from './harness/stage.ts'

const LIMIT_MS = 120_000
let stage: Stage
let hand: Hand

beforeAll(async () => {
  ;({ stage, hand } = await startHand(TWENTY, ['n1']))
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), LIMIT_MS)

const release = (...ips: unknown[]) => hand.api('POST', '/v1/ip', { ips })

describe('pools', () => {
  const pool = (name: string) => hand.api('GET', `/v1/pool/${name}`)
  const object = (name: string) =>
    stage.kube.find<KubeObject & { size: number; preAllocateIP?: boolean }>(`${paths.pools('kube-system')}/${name}`)

  test('created, read, updated, deleted; each at once visible to kubectl', async () => {
    expect(await pool('web')).toMatchObject({ status: 404, body: { code: 404 } })
    expect(await hand.api('POST', '/v1/pool', { name: 'web', size: 4 })).toMatchObject({
      status: 200,
      text: '{"code":200,"message":""}',
    })
    expect((await pool('web')).body).toEqual({
      code: 200,
      message: '',
      pool: { name: 'web', size: 4, preAllocateIP: false },
    } as never)
    expect(await object('web')).toMatchObject({ size: 4 })
    await hand.api('POST', '/v1/pool', { name: 'web', size: 6, preAllocateIP: false })
    expect(await object('web')).toMatchObject({ size: 6 })
    expect(await hand.api('DELETE', '/v1/pool/web')).toMatchObject({ status: 200, body: { code: 200, message: '' } })
    expect(await object('web')).toBeNull()
    expect(await hand.api('DELETE', '/v1/pool/web')).toMatchObject({ status: 404, body: { code: 404 } })
  })

  test('made by kubectl, read over HTTP at once', async () => {
    await stage.kube.create(paths.pools('kube-system'), {
      apiVersion: 'galaxy.k8s.io/v1alpha1',
      kind: 'Pool',
      metadata: { name: 'k' },
      size: 2,
    } as KubeObject)
    expect((await pool('k')).body.pool).toEqual({ name: 'k', size: 2, preAllocateIP: false })
    await stage.kube.patch(`${paths.pools('kube-system')}/k`, { size: 3 })
    expect((await pool('k')).body.pool).toMatchObject({ size: 3 })
  })

  test('preAllocateIP: at once, under pool__P_ with policy never; more than there is: 202 and how many', async () => {
    const reply = await hand.api('POST', '/v1/pool', { name: 'pre', size: 3, preAllocateIP: true })
    expect(reply).toMatchObject({ status: 200, body: { code: 200, message: '', realPoolSize: 3 } })
    const { content, totalElements } = await hand.list('poolName=pre')
    expect(totalElements).toBe(3)
    for (const item of content) {
      expect(item).toMatchObject({ poolName: 'pre', policy: 2, status: 'Deleted', releasable: true })
      expect((await hand.stored(item.ip))?.spec).toMatchObject({
        key: 'pool__pre_',
        policy: 2,
        attribute: '{"NodeName":"","Uid":""}',
      })
    }
    const again = await hand.api('POST', '/v1/pool', { name: 'pre', size: 3, preAllocateIP: true })
    expect(again.body).toMatchObject({ code: 200, realPoolSize: 3 })
    const more = await hand.api('POST', '/v1/pool', { name: 'pre', size: 100, preAllocateIP: true })
    expect(more).toMatchObject({ status: 202, body: { code: 202, message: 'No enough IPs' } })
    expect(more.body.realPoolSize).toBe((await hand.list('poolName=pre&size=100')).totalElements)
    expect((await hand.api('POST', '/v1/pool', { name: 'pre', size: 1 })).status).toBe(200)
    await eventually('shrunk', async () => (await hand.list('poolName=pre')).totalElements === 1, { withinMs: 2000 })
    const [left] = (await hand.list('poolName=pre')).content
    expect(await release(left)).toMatchObject({ status: 200 })
    expect((await hand.list('poolName=pre')).totalElements).toBe(0)
  })

  test.each([
    ['no name', { size: 1 }],
    ['an empty name', { name: '', size: 1 }],
    ['a size that is a text', { name: 'x', size: '4' }],
    ['a body that is no JSON', 'pool'],
  ])('400 for %s', async (_, body) => {
    expect(await hand.api('POST', '/v1/pool', body)).toMatchObject({ status: 400, body: { code: 400 } })
  })

  test('keys in any case, null for absent', async () => {
    const body = { Name: 'cased', SIZE: 2, preallocateip: null }
    expect(await hand.api('POST', '/v1/pool', body)).toMatchObject({ status: 200 })
    expect((await pool('cased')).body.pool).toMatchObject({ name: 'cased', size: 2 })
  })
})

describe('metrics', () => {
  test('galaxy’s names and labels', async () => {
    await hand.place(await hand.pod('n1', 'measured'), ['a-0'])
    const { text, type } = await hand.api('GET', '/metrics')
    expect(type).toStartWith('text/plain')
    for (const line of [
      /^galaxy_ip_counter\{.*type="total".*\} 14$/m,
      /^galaxy_ip_counter\{.*type="total".*\} 6$/m,
      /^galaxy_ip_counter\{.*type="allocated".*\} \d+$/m,
      /^galaxy_ip_counter\{.*first_ip="10\.50\.0\.5".*\}/m,
      /^galaxy_ip_counter\{.*subnet="10\.50\.0\.0\/22".*\}/m,
      /^galaxy_schedule_latency_bucket\{.*func="filter".*\} \d+$/m,
      /^galaxy_schedule_latency_count\{func="bind"\} \d+$/m,
      /^# TYPE galaxy_schedule_latency histogram$/m,
      /^# TYPE galaxy_cloud_provider_latency histogram$/m,
    ])
      expect(text).toMatch(line)
  })
})
