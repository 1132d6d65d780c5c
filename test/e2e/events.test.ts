/** Owns the proof of what people see in `kubectl describe` and `kubectl get events`, and that a crowd of waiting pods costs little and is woken exactly. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { addressesOf, addressOf, podsOf, runningPod } from './harness/addresses.ts'
import { kind } from './harness/cluster.ts'
import { eventually } from './harness/kube.ts'
import { kubectl } from './harness/kubectl.ts'
import { type Pod, paths, pod, statefulSet } from './harness/objects.ts'
import { createNamespace, STAGE_LIMIT_MS, type Stage, startStage } from './harness/stage.ts'

const LIMIT_MS = 120_000
const CROWD = 300
const WAKE_MS = 2_000
let stage: Stage

beforeAll(async () => {
  stage = await startStage([
    { name: 'life', nodes: 2 },
    { name: 'tight', nodes: 1, ips: third => [`${third}.10`] },
    { name: 'crowd', nodes: 2, ips: third => [`${third}.10~${third}.11`] },
    { name: 'busy', nodes: 2 },
  ])
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), LIMIT_MS)

/** `type reason object message` of floatip's Events, oldest first; of one kind of object when given. */
async function told(ns: string, object = ''): Promise<string[]> {
  const columns =
    'custom-columns=T:.type,R:.reason,K:.involvedObject.kind,N:.involvedObject.name,M:.message,S:.source.component'
  const out = await kubectl(stage.cluster.adminKubeconfig, [
    ...['-n', ns, 'get', 'events', '--sort-by=.metadata.creationTimestamp', '--no-headers', '-o', columns],
  ])
  return out
    .split('\n')
    .map(line => line.trim().replace(/\s+/g, ' '))
    .filter(line => line.endsWith(' floatip') && line.includes(` ${object}`))
    .map(line => line.replace(/ floatip$/, ''))
}

async function describeOf(ns: string, what: string): Promise<string> {
  return (await kubectl(stage.cluster.adminKubeconfig, ['-n', ns, 'describe', what])).replace(/[ \t]+/g, ' ')
}

/**
 * Waits until floatip has told exactly these, in whatever order within a second. The same of two pods of one name counts as once: a busy
 * fake kubelet may end the second pod of a name for the first.
 */
async function expectTold(ns: string, ...lines: string[]): Promise<void> {
  let last: string[] = []
  await eventually('the Events are there', async () => {
    last = [...new Set(await told(ns))].toSorted()
    return Bun.deepEquals(last, lines.toSorted())
  }).catch(() => {})
  expect(last).toEqual(lines.toSorted())
}

// The demo cluster's kubectl is not there.
describe.skipIf(kind === 'demo')('what kubectl shows', () => {
  test(
    'the life of a StatefulSet’s pod: a new address, kept, the same again, released',
    async () => {
      const { kube, cluster } = stage
      const ns = await createNamespace(kube, 'life', cluster.kind)
      await kube.create(paths.statefulSets(ns), statefulSet('db', { stage: 'life', replicas: 1, policy: 'immutable' }))
      const first = await runningPod(kube, ns, 'db-0')
      const ip = addressOf(first)
      await kube.delete(`${paths.pods(ns)}/db-0`)
      const second = await runningPod(kube, ns, 'db-0', first.metadata.uid)
      expect(addressOf(second)).toBe(ip)
      await eventually('the second pod’s Event', async () => new Set(await told(ns, 'Pod db-0')).size === 2)
      expect(await describeOf(ns, 'pod/db-0')).toContain(
        `floatip has ${ip} on node ${second.spec.nodeName}: the same as before`,
      )
      await kube.patch(`${paths.statefulSets(ns)}/db`, { spec: { replicas: 0 } })
      await expectTold(
        ns,
        `Normal AddressAllocated Pod db-0 has ${ip} on node ${first.spec.nodeName}: a new one`,
        `Normal AddressKept StatefulSet db keeps ${ip} of pod db-0: its pod was deleted; policy immutable`,
        `Normal AddressAllocated Pod db-0 has ${ip} on node ${second.spec.nodeName}: the same as before`,
        `Normal AddressReleased StatefulSet db released ${ip} of pod db-0: its pod was deleted; its workload was scaled down`,
      )
      const described = await describeOf(ns, 'statefulset/db')
      expect(described).toContain(`AddressKept`)
      expect(described).toContain(`floatip released ${ip} of pod db-0`)
    },
    LIMIT_MS,
  )

  test(
    'a pod that waits says why, and then what it got; one that asks for the impossible is refused',
    async () => {
      const { kube, cluster } = stage
      const ns = await createNamespace(kube, 'tight', cluster.kind)
      await kube.create(paths.pods(ns), pod('holder', { stage: 'tight' }))
      const ip = addressOf(await runningPod(kube, ns, 'holder'))
      await kube.create(paths.pods(ns), pod('late', { stage: 'tight' }))
      const args = '{"request_ip_range":[["192.0.2.1"]]}'
      await kube.create(paths.pods(ns), pod('odd', { stage: 'tight', args }))
      await eventually('both are told', async () => (await told(ns)).length >= 3)
      expect(await describeOf(ns, 'pod/late')).toContain('WaitingForAddress')
      await kube.delete(`${paths.pods(ns)}/holder`)
      const late = await runningPod(kube, ns, 'late')
      const node = late.spec.nodeName
      await expectTold(
        ns,
        `Normal AddressAllocated Pod holder has ${ip} on node ${node}: a new one`,
        'Warning WaitingForAddress Pod late no free address for nodes in 10.49.1.0/24',
        'Warning AddressRefused Pod odd request_ip_range[0] (192.0.2.1) has no address of the configuration floatingips',
        `Normal AddressReleased Pod holder released ${ip} of pod holder: its pod was deleted; released with its pod`,
        `Normal AddressAllocated Pod late has ${ip} on node ${node}: a new one`,
      )
    },
    LIMIT_MS,
  )
})

describe.skipIf(kind === 'demo')('a crowd that waits', () => {
  test(
    `${CROWD} pods wait while others are bound: no Error, a bounded number of calls, and one release over HTTP wakes one`,
    async () => {
      const { kube, cluster, tap, floatip } = stage
      const ns = await createNamespace(kube, 'crowd', cluster.kind)
      await kube.create(paths.pods(ns), pod('keeper-0', { stage: 'crowd', policy: 'never' }))
      await kube.create(paths.pods(ns), pod('holder', { stage: 'crowd' }))
      const ip = addressOf(await runningPod(kube, ns, 'keeper-0'))
      await runningPod(kube, ns, 'holder')
      await kube.delete(`${paths.pods(ns)}/keeper-0`)
      await eventually('it is kept', async () => (await kube.find(`${paths.pods(ns)}/keeper-0`)) === null)

      const names = Array.from({ length: CROWD }, (_, at) => `w-${at}`)
      for (let from = 0; from < CROWD; from += 20) {
        await Promise.all(
          names
            .slice(from, from + 20)
            .map(name => kube.create(paths.pods(ns), pod(name, { stage: 'crowd', labels: { app: 'w' } }))),
        )
      }
      const filters = () => tap.calls.filter(({ verb, pod: of }) => verb === 'filter' && of.startsWith(`${ns}/w-`))
      const quiet = async () => {
        for (let before = -1; before !== filters().length; await Bun.sleep(1_000)) before = filters().length
      }
      await eventually('all were asked for', async () => new Set(filters().map(({ pod: of }) => of)).size === CROWD)
      await quiet()

      // Each bind of another pod makes the scheduler ask for all of them again: so it may, and no oftener.
      const before = filters().length
      const BINDS = 4
      for (let n = 0; n < BINDS; n++) {
        await kube.create(paths.pods(ns), pod(`busy-${n}`, { stage: 'busy' }))
        await runningPod(kube, ns, `busy-${n}`)
      }
      await quiet()
      const asked = filters().length - before
      const errors = filters().filter(
        ({ status, reply }) => status !== 200 || (reply as { Error: string }).Error !== '',
      )
      expect(errors).toEqual([])
      console.error(`${CROWD} waiting pods: ${asked} filter calls over ${BINDS} binds and starts of others`)
      // A bind and the kubelet's updates of the pod that was bound.
      expect(asked).toBeLessThanOrEqual(CROWD * BINDS * 4)

      const scheduled = async () => (await podsOf(kube, ns, 'w')).filter(({ spec }) => spec.nodeName !== undefined)
      const woken = async () =>
        (await podsOf(kube, ns, 'w')).filter(({ metadata }) => metadata.annotations?.['k8s.v1.cni.galaxy.io/ip-retry'])
      expect(await woken()).toHaveLength(0)
      const item = { ip, appName: 'NULL', appType: 'NULL', podName: 'keeper-0', namespace: ns }
      const released = await fetch(`${floatip.apiUrl}/v1/ip`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ips: [item] }),
      })
      expect(await released.json()).toEqual({ code: 200, message: '' })
      const at = performance.now()
      const [lucky] = await eventually(
        'one is scheduled',
        async () => {
          const found = await scheduled()
          return found.length > 0 && found
        },
        { everyMs: 20 },
      )
      console.error(`scheduled ${Math.round(performance.now() - at)} ms after the release`)
      expect(performance.now() - at).toBeLessThan(WAKE_MS)
      await Bun.sleep(1_500)
      expect(await scheduled()).toHaveLength(1)
      expect((await woken()).map(({ metadata }) => metadata.name)).toEqual([lucky?.metadata.name ?? ''])
      expect(addressesOf(lucky as Pod)).toEqual([ip])
    },
    LIMIT_MS,
  )
})
