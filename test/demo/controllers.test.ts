/** The miniature cluster's controllers and kubelets do with workloads what Kubernetes does, as far as addresses are concerned. */
import { expect, test } from 'bun:test'
import { isDeleting, isReady, type Pod, STUCK_LABEL } from '../../src/demo/objects.ts'
import { PODS, REPLICA_SETS } from '../../src/demo/resources.ts'
import { mergePatch, newImage, podBody, until, type World, workloadBody, world } from './fixture.ts'

const APPS = '/apis/apps/v1/namespaces/default'
const CORE = '/api/v1/namespaces/default/pods'

const names = (pods: readonly Pod[]) => pods.map(({ metadata }) => metadata.name)
const uids = (pods: readonly Pod[]) => pods.map(({ metadata }) => metadata.uid)
const images = (pods: readonly Pod[]) => pods.map(({ spec }) => spec.containers[0]?.image)

async function clusterOf(...nodes: string[]): Promise<World> {
  const w = await world()
  for (const node of nodes) w.addNode(node)
  return w
}

/** `+name` and `-name` as pods come and go. */
function history(w: World): string[] {
  const seen: string[] = []
  w.stage.api.store.subscribe(({ type, object }) => {
    if (object.kind === 'Pod' && type !== 'MODIFIED')
      seen.push(`${type === 'ADDED' ? '+' : '-'}${object.metadata.name}`)
  })
  return seen
}

/** The lowest number of ready pods of the app that there ever is from now on. */
function leastReady(w: World, app: string): () => number {
  let least = Number.POSITIVE_INFINITY
  w.stage.api.store.subscribe(() => {
    least = Math.min(least, w.pods(app).filter(isReady).length)
  })
  return () => least
}

test('a StatefulSet comes up in order from its first ordinal, and shrinks from the highest', async () => {
  await using w = await clusterOf('n1', 'n2')
  const seen = history(w)
  await w.call('POST', `${APPS}/statefulsets`, workloadBody('web', 3, { ordinals: { start: 5 } }))
  expect(names(await w.ready('web', 3))).toEqual(['web-5', 'web-6', 'web-7'])
  let endingAtOnce = 0
  w.stage.api.store.subscribe(() => {
    endingAtOnce = Math.max(endingAtOnce, w.pods('web').filter(isDeleting).length)
  })
  await w.call('PATCH', `${APPS}/statefulsets/web`, { spec: { replicas: 1 } }, mergePatch)
  expect(names(await w.ready('web', 1))).toEqual(['web-5'])
  expect(seen).toEqual(['+web-5', '+web-6', '+web-7', '-web-7', '-web-6'])
  expect(endingAtOnce).toBe(1)
  expect(w.failures).toEqual([])
})

test('pods of a parallel StatefulSet do not wait for each other', async () => {
  await using w = await world() // without a node none becomes ready
  await w.call('POST', `${APPS}/statefulsets`, workloadBody('web', 3, { podManagementPolicy: 'Parallel' }))
  await until('all three are there', () => w.pods('web').length === 3)
})

test('a rolling update of a StatefulSet goes one by one from the highest', async () => {
  await using w = await clusterOf('n1')
  await w.call('POST', `${APPS}/statefulsets`, workloadBody('web', 3))
  await w.ready('web', 3)
  const seen = history(w)
  const least = leastReady(w, 'web')
  await w.call('PATCH', `${APPS}/statefulsets/web`, newImage, mergePatch)
  await until('all are new', () => images(w.pods('web')).every(image => image === 'two'))
  await w.ready('web', 3)
  expect(seen).toEqual(['-web-2', '+web-2', '-web-1', '+web-1', '-web-0', '+web-0'])
  expect(least()).toBe(2)
})

test('a failed pod of a StatefulSet comes back under its name with another UID', async () => {
  await using w = await clusterOf('n1')
  await w.call('POST', `${APPS}/statefulsets`, workloadBody('web', 2))
  const before = uids(await w.ready('web', 2))
  await w.call('PATCH', `${CORE}/web-0/status`, { status: { phase: 'Failed' } }, mergePatch)
  await until('it was replaced', () => w.pod('web-0')?.metadata.uid !== before[0])
  const after = uids(await w.ready('web', 2))
  expect(after[1]).toBe(before[1] ?? '')
  expect(w.failures).toEqual([])
})

test('a Deployment names its ReplicaSet and pods so that their owner can be told', async () => {
  await using w = await clusterOf('n1')
  await w.call('POST', `${APPS}/deployments`, workloadBody('shop', 2))
  const [pod] = await w.ready('shop', 2)
  const [owner] = pod?.metadata.ownerReferences ?? []
  const hash = pod?.metadata.labels?.['pod-template-hash']
  expect(hash).toMatch(/^[a-z0-9]{10}$/)
  expect(owner).toMatchObject({ kind: 'ReplicaSet', name: `shop-${hash}`, controller: true })
  expect(pod?.metadata.name).toStartWith(`shop-${hash}-`)
})

test('a rolling update with maxSurge 0 never asks for a pod too many and never misses two', async () => {
  await using w = await clusterOf('n1')
  const strategy = { rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } }
  await w.call('POST', `${APPS}/deployments`, workloadBody('shop', 3, { strategy }))
  const before = uids(await w.ready('shop', 3))
  const least = leastReady(w, 'shop')
  // As Kubernetes counts: by what the ReplicaSets are asked for. They act in their own time, in any order.
  const sizes = () => w.stage.api.list(REPLICA_SETS).map(({ spec }) => (spec as { replicas: number }).replicas)
  let most = 0
  w.stage.api.store.subscribe(() => {
    most = Math.max(
      most,
      sizes().reduce((sum, size) => sum + size, 0),
    )
  })
  await w.call('PATCH', `${APPS}/deployments/shop`, newImage, mergePatch)
  await until('all are new', () => w.pods('shop').every(pod => !before.includes(pod.metadata.uid)))
  await w.ready('shop', 3)
  expect({ most, least: least() }).toEqual({ most: 3, least: 2 })
  expect(sizes().sort()).toEqual([0, 3])
})

test('a rolling update with maxSurge 1 and maxUnavailable 0 keeps all ready', async () => {
  await using w = await clusterOf('n1')
  const strategy = { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }
  await w.call('POST', `${APPS}/deployments`, workloadBody('shop', 2, { strategy }))
  await w.ready('shop', 2)
  const least = leastReady(w, 'shop')
  await w.call('PATCH', `${APPS}/deployments/shop`, newImage, mergePatch)
  await until('all are new', () => images(w.pods('shop')).every(image => image === 'two'))
  await w.ready('shop', 2)
  expect(least()).toBe(2)
})

test('with neither surge nor missing pods allowed, one may be missing', async () => {
  await using w = await clusterOf('n1')
  const strategy = { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } }
  await w.call('POST', `${APPS}/deployments`, workloadBody('shop', 2, { strategy }))
  await w.ready('shop', 2)
  await w.call('PATCH', `${APPS}/deployments/shop`, newImage, mergePatch)
  await until('all are new', () => images(w.pods('shop')).every(image => image === 'two'))
})

test('Recreate lets the old pods go before the first new one comes', async () => {
  await using w = await clusterOf('n1')
  await w.call('POST', `${APPS}/deployments`, workloadBody('shop', 2, { strategy: { type: 'Recreate' } }))
  await w.ready('shop', 2)
  const seen = history(w)
  await w.call('PATCH', `${APPS}/deployments/shop`, newImage, mergePatch)
  await until('two went and two came', () => seen.length === 4)
  expect(seen.map(each => each[0]).join('')).toBe('--++')
})

test('an evicted pod of a Deployment stays as an object and is replaced', async () => {
  await using w = await clusterOf('n1')
  await w.call('POST', `${APPS}/deployments`, workloadBody('shop', 1))
  const [first] = await w.ready('shop', 1)
  await w.call('PATCH', `${CORE}/${first?.metadata.name}/status`, { status: { phase: 'Failed' } }, mergePatch)
  await until('another one runs', () => w.pods('shop').filter(isReady).length === 1 && w.pods('shop').length === 2)
})

test('what a deleted workload leaves behind is collected', async () => {
  await using w = await clusterOf('n1')
  await w.call('POST', `${APPS}/deployments`, workloadBody('shop', 2))
  await w.call('POST', `${APPS}/statefulsets`, workloadBody('web', 2))
  await Promise.all([w.ready('shop', 2), w.ready('web', 2)])
  await w.call('DELETE', `${APPS}/deployments/shop`)
  await w.call('DELETE', `${APPS}/statefulsets/web`)
  await until('nothing is left', () => [PODS, REPLICA_SETS].every(each => w.stage.api.list(each).length === 0))
  expect(w.failures).toEqual([])
})

test('a deleted namespace takes its objects along', async () => {
  await using w = await world()
  await w.call('POST', '/api/v1/namespaces', { metadata: { name: 'team' } })
  await w.call('POST', '/api/v1/namespaces/team/pods', podBody('p'))
  await w.call('DELETE', '/api/v1/namespaces/team')
  expect(w.stage.api.list(PODS)).toEqual([])
})

test('a lost node keeps its pods until an operator deletes them; then they come back elsewhere', async () => {
  await using w = await clusterOf('n1', 'n2')
  await w.call('POST', `${APPS}/statefulsets`, workloadBody('web', 2))
  const before = await w.ready('web', 2)
  const lost = before.find(({ spec }) => spec.nodeName === 'n1')
  const failing = w.stage.failNode('n1', 2_000)
  await w.call('DELETE', `${CORE}/${lost?.metadata.name}`)
  await Bun.sleep(30)
  expect(w.pod(lost?.metadata.name ?? '')?.metadata.uid).toBe(lost?.metadata.uid ?? '')
  await failing
  await w.ready('web', 2)
  expect(w.pods('web').map(({ spec }) => spec.nodeName)).toEqual(['n2', 'n2'])
})

test('a kubelet reads the address of the annotation, and shows the containers’ end before the pod goes', async () => {
  await using w = await world()
  const args = JSON.stringify({ common: { ipinfos: [{ ip: '10.1.0.7/24', vlan: 0, gateway: '10.1.0.1' }] } })
  const annotations = { 'k8s.v1.cni.galaxy.io/args': args }
  await w.call('POST', CORE, podBody('with', { asks: true, annotations }))
  await w.call('POST', CORE, podBody('without', { asks: true }))
  await w.call('POST', CORE, podBody('stuck', { labels: { [STUCK_LABEL]: 'true' } }))
  w.addNode('n1')
  await until('the two that may run do', () =>
    ['with', 'stuck'].every(name => w.pod(name)?.status?.phase === 'Running'),
  )
  expect(w.pod('with')?.status?.podIP).toBe('10.1.0.7')
  expect(w.pod('without')).toMatchObject({ spec: { nodeName: 'n1' }, status: { phase: 'Pending' } })

  const endings: string[] = []
  w.stage.api.store.subscribe(({ type, object }) => {
    if (object.kind === 'Pod') endings.push(`${type} ${JSON.stringify(object.status).includes('terminated')}`)
  })
  await w.call('DELETE', `${CORE}/with`)
  await until('it is gone', () => w.pod('with') === undefined)
  expect(endings).toEqual(['MODIFIED false', 'MODIFIED true', 'DELETED true'])
  await w.call('DELETE', `${CORE}/stuck`)
  await Bun.sleep(30)
  expect(w.pod('stuck')).toBeDefined()
})
