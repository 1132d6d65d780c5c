/** Owns POST /v1/ip: what is released, what is not, and the reasons. */
import { afterEach, describe, expect, test } from 'bun:test'
import { Fault } from '../../src/lib/fault.ts'
import { entry, floatingIp } from '../app/objects.ts'
import { closeWorlds, openWorld, until } from '../app/world.ts'
import { list, mixed, release } from './api-world.ts'

afterEach(closeWorlds)

describe('POST /v1/ip', () => {
  const kept = { ip: '10.0.0.10', appName: 'app', appType: 'deployment', namespace: 'default' }
  const free = { ip: '10.0.0.12', appName: 'any', namespace: 'default' }

  test('what the list shows can be released as shown, bare pods too', async () => {
    const world = await mixed()
    for (const name of ['sts-0', 'bare']) world.api.remove('pods', `default/${name}`)
    await until(() => world.row('10.0.0.9').startsWith('reserved') && world.row('10.0.0.11') === 'free')
    const { content } = await list(world, '?namespace=default')
    expect((await release(world, ...(content as readonly object[]))).status).toBe(200)
    expect(world.rows()).toEqual([])
  })

  test('some cannot be released: 202, which ones, and the reasons in the same order; the others are', async () => {
    const world = await mixed()
    const running = { ip: '10.0.0.9', appName: 'sts', podName: 'sts-0', namespace: 'default' }
    const wrong = { ip: '10.0.0.11', appName: 'sts', podName: 'sts-9', namespace: 'default' }
    await until(() => world.ports.cluster.pods.get('default/bare')?.node === 'a1')
    world.api.edit('pods', 'default/bare', { status: { phase: 'Running' } })
    expect(await release(world, running, kept, wrong, free)).toEqual({
      status: 202,
      body: {
        code: 202,
        message: '2 of 4 addresses were not released',
        unreleased: ['10.0.0.9', '10.0.0.11'],
        reasons: [
          'releasing 10.0.0.9: pod default/sts-0 is Pending',
          'releasing 10.0.0.11: pod default/bare is Running',
        ],
      },
    } as never)
    expect(world.rows()).toEqual(['10.0.0.11', '10.0.0.9'])
  })

  test.each([
    ['another app', { ...kept, appName: 'other' }, 'dp_default_other_'],
    ['another namespace', { ...kept, namespace: 'other' }, 'dp_other_app_'],
    ['another type', { ...kept, appType: 'tapp' }, 'tapp_default_app_'],
    [
      'a missing type, which means statefulset',
      { ip: kept.ip, appName: 'app', namespace: 'default' },
      'sts_default_app_',
    ],
    ['a pool', { ip: kept.ip, poolName: 'p' }, 'pool__p_'],
  ])('a key that does not match (%s) is not released', async (_, item, key) => {
    const world = await mixed()
    expect(await release(world, item)).toEqual({
      status: 202,
      body: {
        code: 202,
        message: '1 of 1 addresses were not released',
        unreleased: ['10.0.0.10'],
        reasons: [`10.0.0.10 belongs to dp_default_app_, not to ${key}`],
      },
    } as never)
    expect(world.row('10.0.0.10')).toBe('reserved dp_default_app_')
  })

  test('one wrong item: 400, and nothing is released', async () => {
    const world = await mixed()
    const { status } = await release(world, kept, { ip: '10.0.0.300' })
    expect(status).toBe(400)
    expect(world.row('10.0.0.10')).toBe('reserved dp_default_app_')
  })

  test('an empty list releases nothing, with success', async () => {
    const world = await mixed()
    expect(await release(world)).toEqual({ status: 200, body: { code: 200, message: '' } } as never)
  })

  test('thousands do not stand before the binds: some at once, all of them released', async () => {
    const ips = Array.from({ length: 3_000 }, (_, n) => `10.0.${(n >> 8) + 1}.${n & 255}`)
    const world = await openWorld({
      entries: [entry('10.49.0.0/24', '10.0.0.0/16', '10.0.1.0~10.0.20.255')],
      floatingips: ips.map((ip, n) => floatingIp(ip, `sts_default_gone_gone-${n}`, { policy: 2 })),
    })
    const { calls } = world.ports
    const { getPod } = calls
    let now = 0
    let most = 0
    calls.getPod = async (...asked) => {
      most = Math.max(most, ++now)
      await Bun.sleep(1)
      return await getPod(...asked).finally(() => now--)
    }
    const items = ips.map((ip, n) => ({ ip, appName: 'gone', podName: `gone-${n}`, namespace: 'default' }))
    expect((await release(world, ...items)).status).toBe(200)
    expect(most).toBeGreaterThan(8)
    expect(most).toBeLessThan(40)
    expect(world.rows()).toEqual([])
  }, 30_000)

  test('while nobody answers, it is told after half a minute of those that were not tried', async () => {
    const world = await mixed()
    const clock = { now: 0 }
    const { now } = performance
    performance.now = () => now.call(performance) + clock.now
    try {
      world.ports.calls.getPod = async () => {
        clock.now += 1_000
        throw new Fault('no answer', { retryable: true })
      }
      const items = Array.from({ length: 100 }, () => ({
        ip: '10.0.0.9',
        appName: 'sts',
        podName: 'sts-0',
        namespace: 'default',
      }))
      const { status, body } = await release(world, ...items)
      const { reasons } = body as unknown as { reasons: readonly string[] }
      expect([status, reasons.length]).toEqual([202, 100])
      expect(reasons[0]).toBe('releasing 10.0.0.9: no answer')
      expect(reasons[99]).toBe('releasing 10.0.0.9: not tried, those before it took too long: ask again')
    } finally {
      performance.now = now
    }
  })
})
