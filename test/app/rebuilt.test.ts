/** Owns what is rebuilt from FloatingIP objects (a takeover, a lost ledger): the order in which addresses were used last is one of the facts. */
import { afterEach, expect, test } from 'bun:test'
import { carried, run } from './asking.ts'
import { pod, workload } from './objects.ts'
import { closeWorlds, openWorld } from './world.ts'

afterEach(closeWorlds)

const minute = (n: number) => `2026-11-24T10:0${n}:00.123456789Z`
const keptBy = (key: string, name: string, updateTime: string) => ({
  apiVersion: 'galaxy.k8s.io/v1alpha1',
  kind: 'FloatingIP',
  metadata: { name, uid: `uid-${name}`, resourceVersion: '1' },
  spec: { key, policy: 1, attribute: '{"NodeName":"","Uid":""}', updateTime },
})

test('the most recently updated kept address is taken first', async () => {
  const floatingips = [
    keptBy('dp_default_app_', '10.0.0.2', minute(2)),
    keptBy('dp_default_app_', '10.0.0.3', minute(4)),
    keptBy('dp_default_app_', '10.0.0.4', minute(1)),
    keptBy('dp_default_app_', '10.0.0.5', minute(3)),
  ]
  const world = await openWorld({ floatingips, deployments: [workload('app', 4)] })
  const taken: string[] = []
  for (const name of ['a', 'b', 'c', 'd']) {
    await run(world, pod(name, { owner: 'Deployment app', policy: 'immutable' }))
    taken.push(...carried(world, name))
  }
  expect(taken).toEqual(['10.0.0.3', '10.0.0.5', '10.0.0.2', '10.0.0.4'])
})

test('of two under one pod’s name it comes back to the one that it used last', async () => {
  const key = 'sts_default_web_web-0'
  const floatingips = [keptBy(key, '10.0.0.2', minute(2)), keptBy(key, '10.0.0.3', minute(1))]
  const world = await openWorld({ floatingips, statefulsets: [workload('web', 1)] })
  await run(world, pod('web-0', { owner: 'StatefulSet web', policy: 'immutable' }))
  expect(carried(world, 'web-0')).toEqual(['10.0.0.2'])
})
