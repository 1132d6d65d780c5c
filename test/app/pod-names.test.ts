/** Owns the proof of what becomes of addresses stored under the name of a pod that is not there, and never comes back under it. */
import { afterEach, describe, expect, test } from 'bun:test'
import { api, carried, run } from './asking.ts'
import { app } from './deployments.ts'
import { floatingIp, pod } from './objects.ts'
import { closeWorlds, openWorld, until } from './world.ts'

afterEach(closeWorlds)

describe('objects that name neither node nor UID, as galaxy-ipam leaves one that it took in filter or had just unassigned', () => {
  test('of a Deployment’s pods that are not there: kept for the Deployment or the pool, as the policy says', async () => {
    const world = await openWorld({
      deployments: [app({ stage: 'over', replicas: 1 })],
      floatingips: [
        floatingIp('10.0.0.2', 'dp_default_app_app-x-1', { policy: 1 }),
        floatingIp('10.0.0.3', 'dp_default_gone_gone-x-1', { policy: 1 }),
        floatingIp('10.0.0.4', 'dp_default_gone_gone-x-2', { policy: 2 }),
        floatingIp('10.0.0.5', 'pool__p_dp_default_gone_gone-x-3', { policy: 2 }),
        floatingIp('10.0.1.2', 'pool__p_sts_default_db_db-0', { policy: 2 }),
      ],
    })
    await until(() => world.row('10.0.0.3') === 'free')
    expect(['10.0.0.2', '10.0.0.4', '10.0.0.5', '10.0.1.2'].map(world.row)).toEqual([
      'reserved dp_default_app_',
      'reserved dp_default_gone_',
      'reserved pool__p_',
      'reserved pool__p_sts_default_db_db-0',
    ])
    await until(() => world.api.get('floatingips', '10.0.0.5')?.spec?.key === 'pool__p_')
  })

  test('R11: of one that waits: its own', async () => {
    const waits = pod('app-x-1', { owner: 'Deployment app', policy: 'never' })
    const world = await openWorld({
      deployments: [app({ stage: 'over', replicas: 1 })],
      pods: [waits],
      floatingips: [floatingIp('10.0.0.2', 'dp_default_app_app-x-1', { policy: 2 })],
    })
    expect(world.row('10.0.0.2')).toBe('reserved dp_default_app_app-x-1')
    await until(() => world.ports.replicator.pending === 0)
    expect(await api(world, '/v1/check')).toMatchObject({ body: { ok: true, findings: [] } })
    await run(world, waits)
    expect(carried(world, 'app-x-1')).toEqual(['10.0.0.2'])
  })
})
