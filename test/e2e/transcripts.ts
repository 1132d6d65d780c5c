/** Owns the transcripts: `bun test/e2e/transcripts.ts` plays each kind of workload on a real control plane and writes what kubectl shows. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { podsOf, runningPod, runningPods, storedUnder } from './harness/addresses.ts'
import { whyDemo } from './harness/cluster.ts'
import { crewOf, defineScaledKind, memberOf, TAPP } from './harness/custom.ts'
import { eventually, type KubeObject } from './harness/kube.ts'
import { kubectl } from './harness/kubectl.ts'
import { deployment, type Event, paths, statefulSet } from './harness/objects.ts'
import { cordon, createNamespace, startStage } from './harness/stage.ts'

const FILE = join(import.meta.dir, '../../docs/guides/transcripts.md')
/** The status of a pod or pool and the Events of a step are there a moment after the step. */
const SETTLE_MS = 1_500

const why = whyDemo()
if (why !== null) {
  console.error(`transcripts need the real control plane: ${why}`)
  process.exit(1)
}

const stage = await startStage([{ name: 'rack', nodes: 2, ips: third => [`${third}.10~${third}.29`] }])
const { kube, cluster, floatip } = stage
const text: string[] = [
  '# Transcripts',
  '',
  'What `kubectl get pods,fip` and the Events show while workloads come, move, shrink and go. Generated on a real control plane (kubelets are',
  'played by kwok) by `bun test/e2e/transcripts.ts` after `bun run build`; not edited by hand.',
]

async function show(ns: string, ...resources: string[]): Promise<string> {
  const out = await kubectl(cluster.adminKubeconfig, ['-n', ns, 'get', ['pods', 'fip', ...resources].join(',')])
  return out.trim() || 'No resources found'
}

/** Begins a story; the answer tells one step after the other. */
async function story(title: string, ns: string, ...resources: string[]) {
  await createNamespace(kube, ns, cluster.kind)
  text.push('', `## ${title}`)
  const told = new Set<string>()

  async function news(): Promise<string[]> {
    const events = await kube.list<Event & { involvedObject: { kind: string; name: string } }>(paths.events(ns))
    const lines = events
      .toSorted((a, b) => ((a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? -1 : 1))
      .filter(({ reason }) => !['SuccessfulCreate', 'SuccessfulDelete', 'ScalingReplicaSet'].includes(reason))
      .map(
        ({ type, reason, involvedObject: { kind, name }, message }) =>
          `${type} ${reason} ${kind.toLowerCase()}/${name}: ${message}`,
      )
    return lines.filter(line => !told.has(line) && told.add(line))
  }

  return async (what: string, act: () => Promise<unknown>) => {
    await act()
    await Bun.sleep(SETTLE_MS)
    const lines = await news()
    text.push(
      '',
      `**${what}**`,
      '',
      '```',
      `$ kubectl -n ${ns} get pods,fip${resources.map(each => `,${each}`).join('')}`,
    )
    text.push(await show(ns, ...resources))
    if (lines.length > 0) text.push('', '# Events since the last step', ...lines)
    text.push('```')
    console.log(`${ns}: ${what}`)
  }
}

const scale = (path: string, replicas: number) => kube.patch(path, { spec: { replicas } })
const gone = (prefix: string) =>
  eventually(`nothing is stored under ${prefix}`, async () => (await storedUnder(kube, prefix)).length === 0)

async function statefulSets(): Promise<void> {
  const ns = 'databases'
  const step = await story('StatefulSet, policy immutable', ns)
  const set = `${paths.statefulSets(ns)}/db`
  await step('Created with 2 replicas: each pod has an address of its own.', async () => {
    await kube.create(paths.statefulSets(ns), statefulSet('db', { stage: 'rack', replicas: 2, policy: 'immutable' }))
    await runningPods(kube, ns, 'db', 2)
  })
  await step(
    'The node of db-1 is cordoned and db-1 deleted: it comes back on the other node with the same address.',
    async () => {
      const before = await runningPod(kube, ns, 'db-1')
      await cordon(kube, before.spec.nodeName ?? '')
      await kube.delete(`${paths.pods(ns)}/db-1`)
      await runningPod(kube, ns, 'db-1', before.metadata.uid)
      await cordon(kube, before.spec.nodeName ?? '', false)
    },
  )
  await step('Scaled to 1: the address of db-1 is released.', async () => {
    await scale(set, 1)
    await gone(`sts_${ns}_db_db-1`)
  })
  await step('Deleted: all of its addresses are released.', async () => {
    await kube.delete(set)
    await gone(`sts_${ns}_`)
  })
}

async function deployments(): Promise<void> {
  const ns = 'web'
  const step = await story('Deployment, policy never', ns)
  const path = `${paths.deployments(ns)}/shop`
  const make = () =>
    kube.create(paths.deployments(ns), deployment('shop', { stage: 'rack', replicas: 2, policy: 'never' }))
  await step('Created with 2 replicas.', async () => {
    await make()
    await runningPods(kube, ns, 'shop', 2)
  })
  await step('One pod is deleted: the pod in its place has its address.', async () => {
    const [first] = await podsOf(kube, ns, 'shop')
    await kube.delete(`${paths.pods(ns)}/${first?.metadata.name}`)
    await eventually('another one runs', async () => {
      const pods = await runningPods(kube, ns, 'shop', 2)
      return pods.every(({ metadata }) => metadata.uid !== first?.metadata.uid)
    })
  })
  await step('Deleted: its addresses are kept for a Deployment of that name.', async () => {
    await kube.delete(path)
    await eventually('no pod is left', async () => (await podsOf(kube, ns, 'shop')).length === 0)
  })
  await step('Created again: the same two addresses.', async () => {
    await make()
    await runningPods(kube, ns, 'shop', 2)
  })
  await step('Deleted for good, and released over HTTP (`POST /v1/ip`).', async () => {
    await kube.delete(path)
    await eventually('no pod is left', async () => (await podsOf(kube, ns, 'shop')).length === 0)
    const listed = await fetch(`${floatip.apiUrl}/v1/ip?appName=shop&appType=deployment&namespace=${ns}`)
    const { content } = (await listed.json()) as { content: object[] }
    await fetch(`${floatip.apiUrl}/v1/ip`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ips: content }),
    })
    await gone(`dp_${ns}_`)
  })
}

async function customWorkloads(): Promise<void> {
  const ns = 'games'
  const step = await story('Custom workload (a TApp), policy immutable', ns, 'tapps.apps.tkestack.io')
  const options = { stage: 'rack', policy: 'immutable' }
  let owner: KubeObject
  await step('Created with 2 replicas; its controller makes the pods lobby-0 and lobby-1.', async () => {
    owner = await crewOf(stage, TAPP, ns, 'lobby', 2)
    for (const name of ['lobby-0', 'lobby-1']) await kube.create(paths.pods(ns), memberOf(owner, name, options))
    for (const name of ['lobby-0', 'lobby-1']) await runningPod(kube, ns, name)
  })
  await step('lobby-1 is away: its address is kept under its name.', async () => {
    await kube.delete(`${paths.pods(ns)}/lobby-1`)
    await eventually('it is gone', async () => (await kube.find(`${paths.pods(ns)}/lobby-1`)) === null)
  })
  await step('A pod without a number cannot have the policy: it says why.', async () => {
    await kube.create(paths.pods(ns), memberOf(owner, 'lobby-x', options))
    await eventually('it waits', async () => stage.tap.about(ns, 'lobby-x', 'filter').length > 1)
  })
  await step('Scaled to 1: what lobby-1 kept is released.', async () => {
    await kube.delete(`${paths.pods(ns)}/lobby-x`)
    await scale(`${TAPP.path(ns)}/lobby`, 1)
    await eventually('released', async () => (await storedUnder(kube, `tapp_${ns}_lobby_lobby-1`)).length === 0, {
      withinMs: 90_000,
    })
  })
  await step('Deleted with its pods: nothing is left.', async () => {
    await kube.delete(`${TAPP.path(ns)}/lobby`)
    await kube.delete(`${paths.pods(ns)}/lobby-0`)
    await gone(`tapp_${ns}_`)
  })
}

async function pools(): Promise<void> {
  const ns = 'blue-green'
  const step = await story('Named pool with a size, blue-green', ns, 'pools')
  const inPool = (name: string, replicas: number) => deployment(name, { stage: 'rack', replicas, pool: 'front' })
  await step('A Pool of 3, allocated ahead by kubectl.', async () => {
    const pool = {
      apiVersion: 'galaxy.k8s.io/v1alpha1',
      kind: 'Pool',
      metadata: { name: 'front' },
      size: 3,
      preAllocateIP: true,
    }
    await kube.create(paths.pools(ns), pool as KubeObject)
    await eventually('three are kept', async () => (await storedUnder(kube, 'pool__front_')).length === 3)
  })
  await step('Deployment blue takes them.', async () => {
    await kube.create(paths.deployments(ns), inPool('blue', 3))
    await runningPods(kube, ns, 'blue', 3)
  })
  await step('Deployment green waits: the pool is at its size.', async () => {
    await kube.create(paths.deployments(ns), inPool('green', 3))
    await eventually('three wait', async () =>
      (await podsOf(kube, ns, 'green')).every(
        ({ metadata }) => stage.tap.about(ns, metadata.name, 'filter').length > 1,
      ),
    )
  })
  await step('blue is scaled to 0: green runs with the same three addresses.', async () => {
    await scale(`${paths.deployments(ns)}/blue`, 0)
    await runningPods(kube, ns, 'green', 3)
  })
  await step(
    'The pool is shrunk to 2 while 3 are in use: it says what it waits for (`kubectl get pool front -o yaml`).',
    async () => {
      await kube.patch(`${paths.pools(ns)}/front`, { size: 2 })
    },
  )
  const yaml = await kubectl(cluster.adminKubeconfig, ['-n', ns, 'get', 'pool', 'front', '-o', 'jsonpath={.status}'])
  text.push('', '```json', JSON.stringify(JSON.parse(yaml), null, 2), '```')
  await step('green is scaled to 1: the surplus is released, the rest stays in the pool.', async () => {
    await scale(`${paths.deployments(ns)}/green`, 1)
    await eventually('two are left', async () => (await storedUnder(kube, 'pool__front_')).length === 2)
  })
}

try {
  await defineScaledKind(stage, TAPP)
  for (const each of [statefulSets, deployments, customWorkloads, pools]) await each()
  writeFileSync(FILE, `${text.join('\n')}\n`)
  console.log(`written: ${FILE}`)
} finally {
  await stage.stop()
}
