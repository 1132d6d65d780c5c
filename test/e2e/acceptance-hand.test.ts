/** Owns the proof of what nobody but the scenario moves: objects and configuration written by hand, preemption, scale, the address provider, Swagger 1.2. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { DONE, type ProviderServer, providerServer } from '../cloud/provider-server.ts'
import {
  byHand,
  HASH,
  type Hand,
  handNamespace,
  ownedByDeployment,
  ownedBySet,
  stopEverybody,
} from './harness/by-hand.ts'
import { type Cluster, kind } from './harness/cluster.ts'
import { write, written } from './harness/config-map.ts'
import { crewOf, defineScaledKind, TAPP } from './harness/custom.ts'
import { galaxysObject } from './harness/galaxy.ts'
import { eventually, type Kube, type KubeObject } from './harness/kube.ts'
import { ARGS, deployment, paths, pod } from './harness/objects.ts'
import { STAGE_LIMIT_MS, type Stage, startStage } from './harness/stage.ts'

const LIMIT_MS = 120_000
const KEPT = '{"NodeName":"","Uid":""}'
const RESERVED = { labels: { reserved: 'by-hand' } }
let stage: Stage
let hand: Hand
let cloud: ProviderServer

beforeAll(async () => {
  if (kind === 'demo') return
  cloud = await providerServer()
  stage = await startStage(
    [
      { name: 'a', nodes: 2, ips: third => [`${third}.10~${third}.40`] },
      { name: 'one', nodes: 1, ips: third => [`${third}.77`] },
      { name: 'two', nodes: 1, ips: third => [`${third}.78`] },
      { name: 'grows', nodes: 1, ips: third => [`${third}.5`] },
    ],
    { beforehand, flags: ['--swagger'], settings: { cloudProviderGrpcAddr: cloud.target } },
  )
  hand = byHand(stage)
}, STAGE_LIMIT_MS)

afterAll(async () => {
  await stage?.stop()
  cloud?.stop()
}, LIMIT_MS)

/** As galaxy-ipam left it. */
async function beforehand(cluster: Cluster, kube: Kube): Promise<void> {
  await stopEverybody({ cluster })
  for (const name of ['old', 'n']) await handNamespace({ cluster, kube }, name)
  await kube.create(paths.deployments('old'), deployment('web', { stage: 'a', replicas: 2, policy: 'never' }))
  await kube.create(paths.pools('kube-system'), {
    ...{ apiVersion: 'galaxy.k8s.io/v1alpha1', kind: 'Pool', metadata: { name: 'shared' } },
    ...{ size: 2, preAllocateIP: false },
  } as KubeObject)
  const args = JSON.stringify({ common: { ipinfos: [{ ip: '10.50.0.14/22', vlan: 0, gateway: '10.50.0.1' }] } })
  const live = pod('live', { stage: 'a', args })
  const { metadata } = await kube.create<KubeObject>(paths.pods('old'), {
    ...live,
    spec: { ...live.spec, nodeName: 'a-0' },
  } as never)
  for (const [address, key, policy, attribute, more] of [
    ['10.50.0.10', 'sts_old_db_db-0', 2, KEPT, {}],
    ['10.50.0.11', 'dp_old_web_', 2, KEPT, {}],
    ['10.50.0.12', 'pool__shared_', 2, KEPT, {}],
    ['10.50.0.13', 'tapp_old_crew_crew-0', 1, KEPT, {}],
    ['10.50.0.14', 'NULL_old_NULL_live', 0, JSON.stringify({ NodeName: 'a-0', Uid: metadata.uid }), {}],
    ['10.50.0.15', '', 0, '', RESERVED],
  ] as const) {
    await kube.create(paths.floatingIps, galaxysObject({ address, key, policy, attribute, ...more }))
  }
}

describe.skipIf(kind === 'demo')('by hand', () => {
  describe('galaxy’s objects, there before floatip', () => {
    const kept = { policy: 2, status: 'Deleted', releasable: true }
    test.each([
      ['podName=db-0', { ip: '10.50.0.10', namespace: 'old', appName: 'db', appType: 'statefulset', ...kept }],
      ['appName=web&appType=deployment', { ip: '10.50.0.11', namespace: 'old', appType: 'deployment', ...kept }],
      ['poolName=shared', { ip: '10.50.0.12', poolName: 'shared', ...kept }],
      ['appType=tapp', { ip: '10.50.0.13', appName: 'crew', podName: 'crew-0', ...kept, policy: 1 }],
      ['podName=live', { ip: '10.50.0.14', policy: 0, status: 'Pending' }],
    ])('listed: %s', async (query, expected) => {
      expect((await hand.list(query)).content).toEqual([expect.objectContaining(expected)])
    })

    test('a StatefulSet’s, a Deployment’s and a pool’s kept address go to their pods, nobody else’s', async () => {
      const other = await hand.pod('n', 'other')
      expect(await hand.place(other, ['a-0'])).not.toContainEqual(expect.stringMatching(/^10\.50\.0\.1[0-5]$/))
      const db = await hand.pod('old', 'db-0', { owner: ownedBySet('db'), policy: 'never' })
      expect(await hand.place(db, ['a-1'])).toEqual(['10.50.0.10'])
      const web = { owner: ownedByDeployment('web'), labels: HASH }
      expect(await hand.place(await hand.pod('old', 'web-69fd8dbc5c-x', { ...web, policy: 'never' }), ['a-0'])).toEqual(
        ['10.50.0.11'],
      )
      const pooled = await hand.pod('old', 'web-69fd8dbc5c-p', { ...web, pool: 'shared' })
      expect(await hand.place(pooled, ['a-0'])).toEqual(['10.50.0.12'])
      expect((await hand.stored('10.50.0.11'))?.spec.key).toBe('dp_old_web_web-69fd8dbc5c-x')
      expect((await hand.stored('10.50.0.12'))?.spec.key).toBe('pool__shared_dp_old_web_web-69fd8dbc5c-p')
      expect(await hand.stored('10.50.0.15')).toMatchObject({ metadata: RESERVED })
    })

    test('the address of a pod that galaxy bound is released with it, and the provider told', async () => {
      await stage.kube.delete(`${paths.pods('old')}/live`, { graceSeconds: 0 })
      await eventually('released', async () => (await hand.stored('10.50.0.14')) === null, { withinMs: 5000 })
      expect(cloud.calls).toContain('unassign 10.50.0.14 a-0')
    })
  })

  describe('the label reserved', () => {
    const asked = async (name: string) => (await hand.filter(await hand.pod('n', name), ['two-0'])).NodeNames

    test('an object with it takes its address out of circulation, and without it or the object gives it back', async () => {
      const [address] = stage.entry('two').ips
      const object = galaxysObject({ address: address ?? '', key: '', policy: 0, attribute: '', ...RESERVED })
      await stage.kube.create(paths.floatingIps, object)
      await eventually('reserved', async () => (await asked('r1'))?.length === 0, { withinMs: 2000 }).catch(() => {})
      expect(await asked('r2')).toEqual([])
      const shown = (await hand.list('size=100')).content.find(({ ip }) => ip === address)
      expect(shown?.releasable).toBeUndefined()
      await stage.kube.patch(`${paths.floatingIps}/${address}`, { metadata: { labels: { reserved: null } } })
      const waiting = await hand.pod('n', 'r3')
      const free = async () => (await hand.filter(waiting, ['two-0'])).NodeNames?.length === 1
      await eventually('free without the label', free, { withinMs: 3000 })
      if ((await hand.stored(address ?? '')) !== null) await stage.kube.delete(`${paths.floatingIps}/${address}`)
      await stage.kube.create(paths.floatingIps, object)
      await eventually('reserved again', async () => !(await free()), { withinMs: 2000 })
      await stage.kube.delete(`${paths.floatingIps}/${address}`)
      await eventually('free without the object', free, { withinMs: 3000 })
      expect(await hand.place(waiting, ['two-0'])).toEqual([address ?? ''])
    })

    test('set on the object of a pod’s address: the pod keeps it, and after the pod nobody has it', async () => {
      const made = await hand.pod('n', 'labelled')
      const [ip = ''] = await hand.place(made, ['a-0'])
      await stage.kube.patch(`${paths.floatingIps}/${ip}`, { metadata: { labels: { reserved: 'x' } } })
      await hand.remove(made)
      await eventually('unassigned', () => Promise.resolve(cloud.calls.includes(`unassign ${ip} a-0`)), {
        withinMs: 5000,
      })
      await eventually('cleared', async () => (await hand.stored(ip))?.spec.key === '', { withinMs: 5000 })
      const next = await hand.place(await hand.pod('n', 'after-labelled'), ['a-0'])
      expect(next).not.toEqual([ip])
      await stage.kube.patch(`${paths.floatingIps}/${ip}`, { metadata: { labels: { reserved: null } } })
      const shown = async () => (await hand.list('size=100')).content.find(each => each.ip === ip)
      await eventually('free again', async () => Object.keys((await shown()) ?? {}).join() === 'ip,policy', {
        withinMs: 5000,
      })
    })
  })

  test('the ConfigMap changes: filter follows within a second', async () => {
    await hand.place(await hand.pod('n', 'grown-1'), ['grows-0'])
    const waiting = await hand.pod('n', 'grown-2')
    expect((await hand.filter(waiting, ['grows-0'])).NodeNames).toEqual([])
    const before = await written(stage.kube)
    const floatingips = before.replace('10.50.12.5"', '10.50.12.5~10.50.12.6"')
    expect(floatingips).not.toBe(before)
    await write(stage.kube, floatingips)
    const fits = async () => (await hand.filter(waiting, ['grows-0'])).NodeNames?.length === 1
    await eventually('it fits', fits, { withinMs: 1000 })
    expect(await hand.place(waiting, ['grows-0'])).toEqual(['10.50.12.6'])
    await write(stage.kube, 'no JSON')
    await Bun.sleep(1000)
    expect((await hand.filter(await hand.pod('n', 'grown-3'), ['a-0'])).NodeNames).toEqual(['a-0'])
    await write(stage.kube, floatingips)
  })

  test('preempt: full victims and UIDs; only where the victims free an address, the answer always UIDs', async () => {
    const holder = await hand.pod('n', 'holder')
    await hand.place(holder, ['one-0'])
    const plain = await hand.pod('n', 'plain', { asks: false })
    const urgent = await hand.pod('n', 'urgent')
    const of = (...pods: { metadata: { uid?: string } }[]) => pods.map(({ metadata }) => ({ UID: metadata.uid }))
    const meta = (Pods: object) => ({ Pods, NumPDBViolations: 2 })
    const ask = async (body: object) => {
      const { body: answer } = await hand.extender('POST', '/v1/preempt', { Pod: urgent, ...body })
      return (answer as unknown as { NodeNameToMetaVictims: object }).NodeNameToMetaVictims
    }
    const both = { 'one-0': meta(of(holder, plain)), 'a-0': meta(of(plain)) }
    expect(await ask({ NodeNameToVictims: null, NodeNameToMetaVictims: both })).toEqual(both)
    const full = { 'one-0': meta([holder, plain]), 'a-0': meta([plain]) }
    expect(await ask({ NodeNameToVictims: full, NodeNameToMetaVictims: null })).toEqual(both)
    const useless = { 'one-0': meta([plain]), 'a-0': meta([]) }
    expect(await ask({ NodeNameToVictims: useless })).toEqual({ 'a-0': meta([]) })
    const uselessMeta = { 'one-0': meta(of(plain)), nobody: meta(of(holder)) }
    expect(await ask({ NodeNameToMetaVictims: uselessMeta })).toEqual({})
  })

  test('a custom workload: kept within its scale, released beyond it and with it', async () => {
    await defineScaledKind(stage, TAPP)
    const crew = await crewOf(stage, TAPP, 'n', 'gang', 2)
    const { apiVersion = '', kind: kindName = '', metadata } = crew
    const owner = { apiVersion, kind: kindName, name: 'gang', uid: metadata.uid ?? '' }
    const member = (name: string) => hand.pod('n', name, { owner, policy: 'immutable' })
    const pods = [await member('gang-0'), await member('gang-1')]
    // The API server takes a moment to know of the right that was just granted.
    const fits = async () => (await hand.filter(pods[0] as never, ['a-0'])).NodeNames?.length === 1
    await eventually('the kind is followed', fits, { withinMs: 30_000 })
    const ips = [...(await hand.place(pods[0] as never, ['a-0'])), ...(await hand.place(pods[1] as never, ['a-0']))]
    expect((await hand.stored(ips[1] ?? ''))?.spec).toMatchObject({ key: 'tapp_n_gang_gang-1', policy: 1 })
    for (const each of pods) await hand.remove(each)
    const [first = '', second = ''] = ips
    const keptAs = async (ip: string) => (await hand.stored(ip))?.spec.attribute
    for (const ip of ips) await eventually('kept', async () => (await keptAs(ip)) === KEPT, { withinMs: 5000 })
    expect(await hand.place(await member('gang-0'), ['a-1'])).toEqual([first])
    await stage.kube.patch(`${TAPP.path('n')}/gang`, { spec: { replicas: 1 } })
    await eventually('released beyond the scale', async () => (await hand.stored(second)) === null, { withinMs: 5000 })
    expect((await hand.stored(first))?.spec.key).toBe('tapp_n_gang_gang-0')
  })

  describe('the address provider', () => {
    test('assigns before the Binding, unassigns before the release', async () => {
      const made = await hand.pod('n', 'cloudy')
      const seen: string[] = []
      cloud.script = async ({ verb, ip, node }) => {
        const now = await stage.kube.find<KubeObject & { spec: { nodeName?: string } }>(`${paths.pods('n')}/cloudy`)
        const held = await hand.stored(ip)
        seen.push(`${verb} ${node} bound=${now?.spec.nodeName ?? 'no'} object=${held === null ? 'no' : 'yes'}`)
        return DONE
      }
      const [ip = ''] = await hand.place(made, ['a-1'])
      await hand.remove(made)
      await eventually('released', async () => (await hand.stored(ip)) === null, { withinMs: 5000 })
      cloud.script = () => DONE
      expect(seen).toEqual(['assign a-1 bound=no object=yes', 'unassign a-1 bound=no object=yes'])
    })

    test('a failed assign fails the bind, keeps the address, and the next bind has it', async () => {
      const made = await hand.pod('n', 'stormy')
      cloud.script = ({ verb }) => (verb === 'assign' ? { success: false, msg: 'quota exceeded' } : DONE)
      expect((await hand.filter(made, ['a-0'])).NodeNames).toEqual(['a-0'])
      const before = cloud.calls.length
      expect(await hand.bind(made, 'a-0')).toContain('quota exceeded')
      const [item] = (await hand.list('podName=stormy')).content
      expect(item).toMatchObject({ podName: 'stormy', status: 'Pending' })
      expect(item?.releasable).toBeUndefined()
      expect(cloud.calls[before]).toBe(`assign ${item?.ip} a-0`)
      cloud.script = () => DONE
      expect(await hand.bind(made, 'a-0')).toBe('')
      const now = await stage.kube.get<KubeObject>(`${paths.pods('n')}/stormy`)
      expect(now.metadata.annotations?.[ARGS]).toContain(`"ip":"${item?.ip}/22"`)
    })

    test('a failed unassign keeps the address', async () => {
      const made = await hand.pod('n', 'sticky')
      const [ip = ''] = await hand.place(made, ['a-0'])
      cloud.script = ({ verb }) => (verb === 'unassign' ? { success: false, msg: 'busy' } : DONE)
      await hand.remove(made)
      await eventually('asked', () => Promise.resolve(cloud.calls.includes(`unassign ${ip} a-0`)), { withinMs: 5000 })
      await Bun.sleep(500)
      expect((await hand.stored(ip))?.spec.key).toBe('NULL_n_NULL_sticky')
      cloud.script = () => DONE
    })
  })

  test('Swagger 1.2 lists galaxy’s routes', async () => {
    const listing = (await hand.api('GET', '/apidocs.json')).body as unknown as {
      swaggerVersion: string
      apis: object[]
    }
    expect(listing.swaggerVersion).toBe('1.2')
    const { body } = await hand.api('GET', '/apidocs.json/v1')
    const { apis } = body as unknown as { apis: { path: string; operations: { method: string }[] }[] }
    const lines = apis.flatMap(({ path, operations }) => operations.map(({ method }) => `${method} ${path}`))
    for (const line of [
      'GET /v1/ip',
      'POST /v1/ip',
      'POST /v1/pool',
      'GET /v1/pool/{name}',
      'DELETE /v1/pool/{name}',
    ]) {
      expect(lines).toContain(line)
    }
  })
})
