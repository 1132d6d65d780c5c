/** Owns how a pod is killed in these tests: its object goes, and its last status shows a container running (R12). */
import { filter, run } from './asking.ts'
import { entry, type Kube, pod } from './objects.ts'
import { until, type World } from './world.ts'

export const ONE = [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2')]
export const IP = '10.0.0.2'
export const SINCE = 'floatip.galaxy.k8s.io/rests-since'
export const RUNNING = [{ name: 'c', state: { running: { startedAt: '2026-11-24T10:00:00Z' } } }]
export const ENDED = [{ name: 'c', state: { terminated: { exitCode: 0 } } }]
export const web = (uid: string, more = {}) => pod('web-0', { owner: 'StatefulSet web', uid, ...more })
export const RESTS = 'resting sts_default_web_web-0'
export const NONE = 'FloatingIPPlugin:NoFIPLeft: no free address for nodes in 10.49.0.0/24'
export const WAITS = `${NONE}; 1 rests, since a container may still use it`

/** Its kubelet tells of its containers, and we have heard. */
export async function tells(world: World, name: string, status: object): Promise<void> {
  const { resourceVersion } = world.api.edit('pods', `default/${name}`, { status }).metadata
  await until(() => world.ports.cluster.pods.get(`default/${name}`)?.resourceVersion === resourceVersion)
}

/** The pod runs, and so does its container. */
export async function running(world: World, made: Kube): Promise<void> {
  await run(world, made)
  await tells(world, made.metadata.name, { phase: 'Running', containerStatuses: RUNNING })
}

/** Its object goes, and nobody has stopped the container. */
export async function killed(world: World, made: Kube = web('web-0#1')): Promise<void> {
  await running(world, made)
  world.api.remove('pods', `default/${made.metadata.name}`)
  await until(() => world.row(IP).startsWith('resting'))
}

export const refusal = async (world: World, made: Kube) =>
  (await filter(world, made, 'a1')).FailedAndUnresolvableNodes?.a1
export const annotation = (world: World) => world.api.get('floatingips', IP)?.metadata.annotations?.[SINCE]
