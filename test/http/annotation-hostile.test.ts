/** Owns what an annotation that nobody would write does to everybody else: nothing. */
import { afterEach, describe, expect, test } from 'bun:test'
import { bind, create, filter, run } from '../app/asking.ts'
import { entry, pod } from '../app/objects.ts'
import { closeWorlds, openWorld, until } from '../app/world.ts'

afterEach(closeWorlds)

/** Kubernetes takes 256 KiB of annotations. */
const LISTS = 100_000
const NESTED = `${'['.repeat(LISTS)}${']'.repeat(LISTS)}`
const LONG = 'a'.repeat(200_000)
const named = (length: number) => Array.from({ length }, (_, n) => `"9.9.${(2 * n) >> 8}.${(2 * n) & 255}"`).join(',')

describe('an annotation that nobody would write', () => {
  for (const [what, args] of [
    ['a range of lists in one another', `{"request_ip_range":[[${NESTED}]]}`],
    ['a list of lists in one another', `{"request_ip_range":[${NESTED}]}`],
    ['lists in one another beside the request', `{"other":${NESTED}}`],
    ['lists in one another in the answer', `{"common":{"ipinfos":[${NESTED}]}}`],
  ] as const) {
    test(`${what}: the pod is refused on every node, the others are served`, async () => {
      const world = await openWorld({ pods: [pod('before', { args })] })
      await create(world, pod('odd', { args }))
      const { FailedAndUnresolvableNodes: refused, Error: error } = await filter(world, pod('odd', { args }))
      expect(error).toBe('')
      expect(refused.a1).toContain('annotation k8s.v1.cni.galaxy.io/args: is nested deeper than')
      expect(await bind(world, pod('odd', { args }))).toContain('is nested deeper than')
      await run(world, pod('p'))
      expect(world.bugs).toEqual([])
    })
  }

  for (const [what, words] of [
    ['a range', { args: `{"request_ip_range":[["${LONG}"]]}` }],
    ['a list of ranges outside the configuration', { args: `{"request_ip_range":[[${named(4_000)}]]}` }],
    ['the name of a pool', { annotations: { 'tke.cloud.tencent.com/eni-ip-pool': LONG } }],
    ['a policy', { args: 'x', annotations: { 'k8s.v1.cni.galaxy.io/release-policy': LONG } }],
  ] as const) {
    test(`${what} of 200 kB: each node is refused in a sentence, and so are Events`, async () => {
      const world = await openWorld({ entries: [entry('10.49.0.0/24', '10.0.0.0/24', '10.0.0.2~10.0.0.9')] })
      const odd = pod('odd', words)
      await create(world, odd)
      const { FailedAndUnresolvableNodes: refused } = await filter(world, odd, 'a1')
      expect(refused.a1?.length).toBeGreaterThan(20)
      expect(refused.a1?.length).toBeLessThan(1_000)
      await until(() => world.api.all('events').length > 0)
      const said = world.api.all('events').map(event => String(event.message))
      expect(Math.max(...said.map(({ length }) => length))).toBeLessThan(2_000)
    })
  }

  test('more ranges than anybody means: refused unread, for a pod is read at each of its changes', async () => {
    const world = await openWorld()
    const odd = await create(world, pod('odd', { args: `{"request_ip_range":[["10.0.0.2"],[${named(15_000)}]]}` }))
    expect((await filter(world, odd, 'a1')).FailedAndUnresolvableNodes.a1).toBe(
      'annotation k8s.v1.cni.galaxy.io/args: request_ip_range names 15001 ranges: at most 4096 are served',
    )
  })
})
