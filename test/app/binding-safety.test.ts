/** Owns the safety rules of binding (safety.md R1 to R5), each test named by its number, over a cluster that answers late, twice or not at all. */
import { afterEach, describe, expect, test } from 'bun:test'
import { bind, callsOf, carried, create, filter, run, wakeOf } from './asking.ts'
import { carries, pod, workload } from './objects.ts'
import { closeWorlds, openWorld, until, type World } from './world.ts'

afterEach(closeWorlds)

const web0 = pod('web-0', { owner: 'StatefulSet web', policy: 'never' })
const app = (name: string, more = {}) => pod(name, { owner: 'Deployment app', policy: 'immutable', ...more })

/** A Deployment of one whose last pod is gone: its address is kept. */
async function keptWorld(options = {}): Promise<World> {
  const world = await openWorld({ deployments: [workload('app', 1)], ...options })
  await run(world, app('old'))
  world.api.remove('pods', 'default/old')
  await until(() => world.row('10.0.0.2') === 'reserved dp_default_app_')
  return world
}

describe('R1: every Binding names the pod exactly as last seen', () => {
  test('R1: UID and resourceVersion are preconditions of the Binding', async () => {
    const world = await openWorld()
    const made = await create(world, web0)
    await bind(world, web0)
    expect(callsOf(world, 'bind pods')[0]?.body.metadata).toMatchObject({
      uid: 'web-0#1',
      resourceVersion: made.metadata.resourceVersion,
    })
  })

  test('R1: a pod that changed in between is read and decided again, not bound as it was', async () => {
    const world = await openWorld()
    await create(world, pod('p', { args: '{"request_ip_range":[["10.0.0.2"]]}' }))
    const objects = world.api.hold('create floatingips')
    const answer = bind(world, pod('p'))
    await objects.arrived
    const args = '{"request_ip_range":[["10.0.0.4"]]}'
    world.api.edit('pods', 'default/p', { metadata: { annotations: { 'k8s.v1.cni.galaxy.io/args': args } } })
    objects.release()
    expect(await answer).toBe('')
    expect(carried(world, 'p')).toEqual(['10.0.0.4'])
  })
})

describe('R1: what is taken from an unbound pod', () => {
  test('R1: a hold that no bind claimed goes back to where it came from, without a write to the pod', async () => {
    const world = await keptWorld({ holdMs: 300 })
    const next = await create(world, app('next'))
    await filter(world, next, 'a1')
    expect(world.row('10.0.0.2')).toBe('held dp_default_app_next next#1')
    await until(() => world.row('10.0.0.2') === 'reserved dp_default_app_')
    expect(wakeOf(world, 'next')).toBe('')
  })

  test('R1: a claim goes back only after the pod was patched', async () => {
    const world = await openWorld({ holdMs: 300 })
    await create(world, web0)
    world.api.fail('bind pods', { status: 403, reason: 'Forbidden' })
    await bind(world, web0)
    const patch = world.api.hold('patch pods')
    await patch.arrived
    await Bun.sleep(100)
    expect(world.row('10.0.0.2')).toBe('bound sts_default_web_web-0 web-0#1')
    patch.release()
    await until(() => world.row('10.0.0.2') === 'free')
    expect(wakeOf(world, 'web-0')).not.toBe('')
  })

  test('R1: the patch fails: the claim stays, and the patch is tried again', async () => {
    const world = await openWorld({ holdMs: 300 })
    await create(world, web0)
    world.api.fail('bind pods', { status: 403, reason: 'Forbidden' })
    world.api.fail('patch pods', { status: 500 }, 2)
    await bind(world, web0)
    await until(() => callsOf(world, 'patch pods').length === 2)
    expect(world.row('10.0.0.2')).toBe('bound sts_default_web_web-0 web-0#1')
    await until(() => world.row('10.0.0.2') === 'free')
    expect(callsOf(world, 'patch pods')).toHaveLength(3)
  })

  test('R1: the Binding had arrived after all: the patch shows it, and the address stays', async () => {
    const world = await openWorld({ holdMs: 300 })
    await create(world, web0)
    world.api.hush('pods')
    world.api.fail('bind pods', { status: 403, reason: 'Forbidden', after: true })
    await bind(world, web0)
    await until(() => callsOf(world, 'patch pods').length === 1)
    await Bun.sleep(50)
    expect(world.row('10.0.0.2')).toBe('bound sts_default_web_web-0 web-0#1')
  })

  test('R1: a Binding still on its way when the claim is taken back finds another version and fails', async () => {
    const world = await openWorld({ holdMs: 300 })
    await create(world, web0)
    const binding = world.api.hold('bind pods')
    const answer = bind(world, web0)
    await binding.arrived
    await until(() => world.row('10.0.0.2') === 'free')
    await run(world, pod('other', { args: '{"request_ip_range":[["10.0.0.2"]]}' }))
    expect(carried(world, 'other')).toEqual(['10.0.0.2'])
    binding.release()
    expect(await answer).toBe('')
    expect(carried(world, 'web-0')).toEqual(['10.0.0.3'])
    expect(world.row('10.0.0.2')).toBe('bound NULL_default_NULL_other other#1')
  })
})

describe('R2: bind runs the whole rule again', () => {
  test('R2: a limit that another pod reached in between is a refusal, never another address', async () => {
    const world = await openWorld({ deployments: [workload('app', 1)] })
    const [first, second] = [await create(world, app('first')), await create(world, app('second'))]
    expect((await filter(world, first, 'a1')).NodeNames).toEqual(['a1'])
    expect((await filter(world, second, 'a1')).NodeNames).toEqual(['a1'])
    expect(await bind(world, first)).toBe('')
    expect(await bind(world, second)).toBe('deployment app has allocated 1 ips with replicas of 1, wait for releasing')
    expect(world.rows()).toEqual(['10.0.0.2'])
  })

  test('R2: a node where the kept address is of no use is refused, although free addresses are there', async () => {
    const world = await keptWorld()
    const next = await create(world, app('next'))
    expect(await bind(world, next, 'b1')).toBe(
      'FloatingIPPlugin:NoFIPLeft: the workload keeps 10.0.0.2, not usable in 10.50.0.0/24',
    )
    expect(world.rows()).toEqual(['10.0.0.2'])
  })
})

describe('R3: only the latest attempt posts', () => {
  test('R3: an attempt that another node’s bind superseded never posts', async () => {
    const world = await openWorld()
    await create(world, web0)
    const objects = world.api.hold('create floatingips')
    const first = bind(world, web0, 'a1')
    await objects.arrived
    const second = bind(world, web0, 'a2')
    await until(() => world.ledger.revision === 2)
    objects.release()
    expect(await first).toBe('a newer bind took over')
    expect(await second).toBe('')
    const targets = callsOf(world, 'bind pods').map(call => (call.body.target as { name: string }).name)
    expect(targets).toEqual(['a2'])
    expect(world.api.get('floatingips', '10.0.0.2')?.spec?.attribute).toBe('{"NodeName":"a2","Uid":"web-0#1"}')
  })

  test('R3: a Binding that is not answered is given up before the lease can be taken, and not tried again', async () => {
    const world = await openWorld()
    await create(world, web0)
    const { leadership } = world.ports
    const leaseEndsAt = performance.now() + 400
    Object.assign(leadership, { safeForMs: () => Math.max(0, leaseEndsAt - performance.now()) })
    world.api.fail('bind pods', 'hang', 9)
    expect(await bind(world, web0)).toContain('does not lead any more')
    expect(callsOf(world, 'bind pods')).toHaveLength(1)
    expect(performance.now()).toBeLessThan(leaseEndsAt + 1_000)
  })

  test('R3: a claim that was given up while its object was written does not post', async () => {
    const world = await openWorld({ holdMs: 300 })
    await create(world, web0)
    const objects = world.api.hold('create floatingips')
    const answer = bind(world, web0)
    await objects.arrived
    await until(() => world.row('10.0.0.2') === 'free')
    objects.release()
    expect(await answer).not.toBe('')
    await Bun.sleep(50)
    expect(callsOf(world, 'bind pods')).toHaveLength(0)
  })
})

describe('R4: a 409 is success only if the pod carries exactly what was planned', () => {
  test.each([
    ['UID, node and addresses equal ours', 'a1', ['10.0.0.2'], '', ['10.0.0.2']],
    ['another node', 'a2', ['10.0.0.2'], 'pod default/web-0 was bound to a2 by somebody else', ['10.0.0.2']],
    ['another address', 'a1', ['10.0.0.4'], 'pod default/web-0 was bound to a1 by somebody else', ['10.0.0.4']],
    [
      'one address more',
      'a1',
      ['10.0.0.2', '10.0.0.3'],
      'pod default/web-0 was bound to a1 by somebody else',
      ['10.0.0.2', '10.0.0.3'],
    ],
    ['no address at all', 'a1', [], 'pod default/web-0 was bound to a1 by somebody else', []],
  ])('R4: %s', async (_, node, addresses, error, recorded) => {
    const world = await openWorld()
    await create(world, web0)
    world.api.hush('pods')
    const binding = world.api.hold('bind pods')
    const answer = bind(world, web0)
    await binding.arrived
    const annotations = addresses.length > 0 ? { 'k8s.v1.cni.galaxy.io/args': carries(...addresses) } : {}
    world.api.edit('pods', 'default/web-0', { spec: { nodeName: node }, metadata: { annotations } })
    binding.release()
    expect(await answer).toBe(error)
    expect(world.rows()).toEqual(recorded)
    for (const ip of recorded) expect(world.row(ip)).toBe('bound sts_default_web_web-0 web-0#1')
    expect(world.verify()).toBeNull()
  })

  test.each([
    ['another address', ['10.0.0.4'], ['10.0.0.4'], 'pod default/web-0 is bound to a1 already'],
    // Recorded as soon as it was seen: nothing is left to be given up, and the pod is bound as the ledger says.
    ['one address more', ['10.0.0.2', '10.0.0.3'], ['10.0.0.2', '10.0.0.3'], ''],
  ])(
    'R4: the retry finds the pod bound with %s: recorded, and what was planned is given up',
    async (_, addresses, recorded, answer) => {
      const world = await openWorld()
      await create(world, web0)
      world.api.fail('bind pods', { status: 403, reason: 'Forbidden' })
      await bind(world, web0)
      const annotations = { 'k8s.v1.cni.galaxy.io/args': carries(...addresses) }
      world.api.edit('pods', 'default/web-0', { spec: { nodeName: 'a1' }, metadata: { annotations } })
      await until(() => world.ports.cluster.pods.get('default/web-0')?.node === 'a1')
      await until(() => recorded.every(ip => world.rows().includes(ip)))
      expect(await bind(world, web0)).toBe(answer)
      expect(world.rows()).toEqual(recorded)
    },
  )
})

describe('R5: every Binding is preceded in this term by an acknowledged write of its objects', () => {
  /** Kinds of the writes from the given call on. */
  const writes = (world: World, from = 0) =>
    world.api.calls
      .slice(from)
      .flatMap(({ kind }) => (/^(create|patch|bind) (floatingips|pods)$/.test(kind) ? [kind] : []))

  test('R5: first the object that names UID and node, then the Binding', async () => {
    const world = await openWorld()
    await create(world, web0)
    const objects = world.api.hold('create floatingips')
    const answer = bind(world, web0)
    const { body } = await objects.arrived
    expect((body.spec as { attribute: string }).attribute).toBe('{"NodeName":"a1","Uid":"web-0#1"}')
    await Bun.sleep(50)
    expect(callsOf(world, 'bind pods')).toHaveLength(0)
    objects.release()
    expect(await answer).toBe('')
    expect(writes(world)).toEqual(['create floatingips', 'bind pods'])
  })

  test('R5: after a restart the retry writes the object again, although nothing changed', async () => {
    const world = await openWorld()
    await create(world, web0)
    world.api.fail('bind pods', { status: 403, reason: 'Forbidden' })
    await bind(world, web0)
    const { api, dir } = world
    await world.stop(true)
    const again = await openWorld({ api, dir })
    const woken = () => again.ports.cluster.pods.get('default/web-0')?.resourceVersion
    await until(
      () => wakeOf(again, 'web-0') !== '' && woken() === api.get('pods', 'default/web-0')?.metadata.resourceVersion,
    )
    const from = api.calls.length
    expect(await bind(again, web0)).toBe('')
    expect(writes(again, from)).toEqual(['patch floatingips', 'bind pods'])
    expect(carried(again, 'web-0')).toEqual(['10.0.0.2'])
  })

  test('R5: the object’s write was answered with 504 after success: acknowledged by another write before the Binding', async () => {
    const world = await openWorld({ speed: 4 })
    await create(world, web0)
    world.api.fail('create floatingips', { status: 504, after: true })
    expect(await bind(world, web0)).toBe('')
    expect(writes(world)).toEqual(['create floatingips', 'patch floatingips', 'bind pods'])
  })
})
