/** Owns the start on a cluster whose definitions others made: what they gain, and how floatip works with them where it may not change them. */
import { afterEach, describe, expect, test } from 'bun:test'
import { GALAXYS_DEFINITIONS } from '../e2e/harness/definitions.ts'
import { startApiServer } from './api-server.ts'
import { callsOf, run } from './asking.ts'
import { configMap, type Kube, pod } from './objects.ts'
import { closeWorlds, ENTRIES, NODES, openWorld, until, type World } from './world.ts'

afterEach(closeWorlds)

const galaxys = () =>
  GALAXYS_DEFINITIONS.map(each => ({
    ...each,
    metadata: { ...each.metadata, uid: 'u', resourceVersion: '1' },
  })) as unknown as Kube[]
function version(world: World, plural: string): Record<string, unknown> | undefined {
  const { spec } = world.api.get('customresourcedefinitions', `${plural}.galaxy.k8s.io`) ?? {}
  return (spec?.versions as Record<string, unknown>[] | undefined)?.[0]
}

const warnings = (world: World, about: string) =>
  world.logged.filter(line => line.startsWith('warn') && line.includes(about))
const POOL: Kube = {
  ...{ apiVersion: 'galaxy.k8s.io/v1alpha1', kind: 'Pool', size: 2 },
  metadata: { name: 'p', namespace: 'kube-system', uid: 'uid-of-p', resourceVersion: '1' },
}

/** A cluster as galaxy-ipam left it, to be made difficult before floatip starts. */
function galaxysCluster() {
  const api = startApiServer()
  api.put('configmaps', configMap(JSON.stringify(ENTRIES)))
  for (const each of NODES) api.put('nodes', each)
  for (const each of galaxys()) api.put('customresourcedefinitions', each)
  api.put('pools', POOL)
  return api
}

describe('galaxy-ipam’s definitions', () => {
  test('gain columns and status before the first answer, on the very version that was read; a second start writes nothing', async () => {
    const world = await openWorld({ api: galaxysCluster() })
    expect(version(world, 'pools')).toMatchObject({ subresources: { status: {} } })
    expect(version(world, 'floatingips')?.additionalPrinterColumns).toHaveLength(4)
    for (const { body } of callsOf(world, 'patch customresourcedefinitions')) {
      expect((body.metadata as { resourceVersion?: string }).resourceVersion).toBeString()
    }
    await until(() => world.api.get('pools', 'kube-system/p')?.status !== undefined)
    const { api } = world
    await world.stop()
    const again = await openWorld({ api })
    expect(callsOf(again, 'patch customresourcedefinitions')).toHaveLength(2)
    expect(callsOf(again, 'create customresourcedefinitions')).toHaveLength(0)
  })

  test('changed by somebody else in between: read again, and both changes stay', async () => {
    const api = galaxysCluster()
    const door = api.hold('patch customresourcedefinitions')
    const opening = openWorld({ api })
    await door.arrived
    api.edit('customresourcedefinitions', 'floatingips.galaxy.k8s.io', { metadata: { labels: { team: 'net' } } })
    door.release()
    const world = await opening
    expect(version(world, 'floatingips')?.additionalPrinterColumns).toHaveLength(4)
    expect(api.get('customresourcedefinitions', 'floatingips.galaxy.k8s.io')?.metadata.labels).toEqual({ team: 'net' })
  })

  test('that we may not change stay: one warning says what is missing and what to run, and everything works', async () => {
    const api = galaxysCluster()
    api.fail('patch customresourcedefinitions', { status: 403, reason: 'Forbidden' }, 99)
    const world = await openWorld({ api })
    const [warning = '', ...more] = warnings(world, 'the custom resource definitions stay as they are')
    expect(more).toEqual([])
    expect(warning).toContain('a Pool without preAllocateIP is rejected')
    expect(warning).toContain('a Pool shows no status')
    expect(warning).toContain('kubectl get floatingips does not show Owner')
    expect(warning).toContain('kubectl patch crd pools.galaxy.k8s.io --type=merge -p ')
    expect(version(world, 'pools')?.subresources).toBeUndefined()
    await run(world, pod('a-0', { annotations: { 'tke.cloud.tencent.com/eni-ip-pool': 'p' } }))
    expect(world.row('10.0.0.2')).toStartWith('bound pool__p_')
  })

  test('without a status none is written again and again, and that is said once', async () => {
    const api = galaxysCluster()
    api.fail('patch customresourcedefinitions', { status: 403, reason: 'Forbidden' }, 99)
    const world = await openWorld({ api, speed: 20 })
    await Bun.sleep(1_000) // 20 s: after 1, 2, 4 and 8 s
    const tries = callsOf(world, 'patch pools').length
    expect(tries).toBeGreaterThan(2)
    expect(tries).toBeLessThan(7)
    expect(warnings(world, 'the definition of Pool has no status')).toHaveLength(1)
    expect(warnings(world, 'the status of a pool was not written')).toEqual([])
  })

  test('that may not even be read do not keep us from starting', async () => {
    const api = galaxysCluster()
    for (const verb of ['get', 'create'])
      api.fail(`${verb} customresourcedefinitions`, { status: 403, reason: 'Forbidden' }, 99)
    const world = await openWorld({ api })
    expect(warnings(world, 'could not be read')).toHaveLength(1)
  })

  test('with --install-crds=false nothing is asked or written, and everything works', async () => {
    const world = await openWorld({ api: galaxysCluster(), installCrds: false })
    const asked = world.api.calls.filter(call => /^(get|create|patch) customresourcedefinitions$/.test(call.kind))
    expect(asked).toEqual([])
    await run(world, pod('a'))
  })
})
