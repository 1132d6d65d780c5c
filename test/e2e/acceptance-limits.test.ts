/** Owns the proof of limits and replacements as a scheduler sees them, filter and bind called by hand, many at once. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { HASH, type Hand, NARROW, ownedByDeployment, ownedBySet, startHand } from './harness/by-hand.ts'
import { kind } from './harness/cluster.ts'
import { eventually } from './harness/kube.ts'
import { paths, statefulSet } from './harness/objects.ts'
import { STAGE_LIMIT_MS, type Stage } from './harness/stage.ts'

const LIMIT_MS = 120_000
let stage: Stage
let hand: Hand

beforeAll(async () => {
  ;({ stage, hand } = await startHand(NARROW, ['l', 'r']))
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), LIMIT_MS)

describe('limits', () => {
  test('a subnet of two addresses serves two of six that ask at once', async () => {
    const pods = await Promise.all(Array.from({ length: 6 }, (_, at) => hand.pod('l', `race-${at}`)))
    const errors = await Promise.all(pods.map(made => hand.bind(made, 'two-0')))
    expect(errors.filter(error => error === '')).toHaveLength(2)
    expect(errors.filter(error => error.includes('FloatingIPPlugin:NoFIPLeft'))).toHaveLength(4)
    const third = await hand.pod('l', 'late')
    const refused = await hand.filter(third, ['two-0', 'wide-0'])
    expect(refused.NodeNames).toEqual(['wide-0'])
    expect(refused.FailedAndUnresolvableNodes['two-0']).toStartWith('FloatingIPPlugin:NoFIPLeft')
    await Promise.all(pods.map(hand.remove))
    const began = performance.now()
    await eventually('free', async () => (await hand.filter(third, ['two-0'])).NodeNames?.length === 1)
    expect(performance.now() - began).toBeLessThan(2000)
  })

  test('a pool’s size, made over HTTP, counts at once: of six filters at once three pass', async () => {
    expect((await hand.api('POST', '/v1/pool', { name: 'p3', size: 3 })).body).toEqual({
      code: 200,
      message: '',
    } as never)
    const pods = await Promise.all(
      Array.from({ length: 6 }, (_, at) =>
        hand.pod('l', `p-69fd8dbc5c-${at}`, { owner: ownedByDeployment('p'), labels: HASH, pool: 'p3' }),
      ),
    )
    const replies = await Promise.all(pods.map(made => hand.filter(made, ['wide-0'])))
    expect(replies.filter(({ NodeNames }) => NodeNames?.length === 1)).toHaveLength(3)
    for (const { NodeNames, FailedAndUnresolvableNodes } of replies) {
      if (NodeNames?.length === 0)
        expect(FailedAndUnresolvableNodes['wide-0']).toContain('reached pool p3 size limit of 3')
    }
  })

  test('a Deployment that does not exist has 0 replicas', async () => {
    const made = await hand.pod('l', 'no-69fd8dbc5c-a', {
      owner: ownedByDeployment('no'),
      labels: HASH,
      policy: 'immutable',
    })
    expect((await hand.filter(made, ['wide-0'])).FailedAndUnresolvableNodes['wide-0']).toContain(
      'deployment no has allocated 0 ips with replicas of 0, wait for releasing',
    )
  })

  test('the one address of a subnet goes from pod to pod', async () => {
    for (let at = 0; at < 5; at++) {
      const made = await hand.pod('l', `turn-${at}`)
      await eventually('its turn', async () => (await hand.filter(made, ['one-0'])).NodeNames?.length === 1, {
        withinMs: 2000,
        everyMs: 20,
      })
      expect(await hand.place(made, ['one-0'])).toEqual(['10.50.12.77'])
      await hand.remove(made)
    }
  })
})

describe.skipIf(kind === 'demo')('a replacement made at once', () => {
  test.each([['immutable'], ['never'], [undefined]])(
    'of a StatefulSet’s pod, policy %p, is served within 2 s',
    async policy => {
      const name = `re-${policy ?? 'none'}`
      await stage.kube.create(paths.statefulSets('r'), statefulSet(name, { stage: 'x', replicas: 1 }))
      let before: readonly string[] | null = null
      for (let at = 0; at < 4; at++) {
        const made = await hand.pod('r', `${name}-0`, {
          owner: ownedBySet(name),
          ...(policy !== undefined && { policy }),
        })
        const served = () => hand.place(made, ['wide-0', 'wide-1'])
        const addresses = await eventually('served', served, { withinMs: 2000, everyMs: 20 })
        if (policy !== undefined && before !== null) expect(addresses).toEqual(before)
        before = addresses
        await hand.remove(made)
      }
    },
  )
})
