/** Owns the story: what happens in each scene, and what must be so at its end. */
import type { Api } from './api.ts'
import { deployment, NAMESPACE, newVersion, pod, RACKS, statefulSet } from './cast.ts'
import { ARGS_ANNOTATION, addressesOf, isReady, type Pod } from './objects.ts'
import { mergePatch } from './patch.ts'
import type { IpItem, Play } from './play.ts'
import { deletePod } from './pods.ts'
import { DEPLOYMENTS, PODS, type Resource, resourceId, STATEFUL_SETS } from './resources.ts'

export interface Scene {
  readonly title: string
  play(play: Play): Promise<void>
}

/** The scheduler may ask again before the address is free; then only floatip's wake spares the pod the five minutes of its sleep. */
const WOKEN_WITHIN_MS = 2_000

const uids = (pods: readonly Pod[]) => pods.map(({ metadata }) => metadata.uid)
const addresses = (pods: readonly Pod[]) => pods.flatMap(addressesOf)
const sorted = (texts: readonly string[]) => [...texts].sort().join(' ')
const range = (rack: 'a' | 'b', from: number, to: number) =>
  `${RACKS[rack === 'a' ? 0 : 1].gateway.slice(0, -1)}${from}~${RACKS[rack === 'a' ? 0 : 1].gateway.slice(0, -1)}${to}`

/** As `kubectl patch --type=merge`. */
function patch(api: Api, resource: Resource, name: string, change: object): void {
  api.update(resource, NAMESPACE, name, current => mergePatch(current, change))
}

async function pods(play: Play): Promise<void> {
  const { api, theatre } = play
  await theatre.say(
    'A StatefulSet (immutable), a Deployment (no policy) and a pod that wants one address from each of two ranges.',
  )
  const args = JSON.stringify({ request_ip_range: [[range('a', 60, 69)], [range('a', 50, 59)]] })
  api.create(STATEFUL_SETS, NAMESPACE, statefulSet('web', 2, { policy: 'immutable' }))
  api.create(DEPLOYMENTS, NAMESPACE, deployment('api', 2, {}))
  api.create(PODS, NAMESPACE, pod('two', { args }))
  const all = [...(await play.ready('web', 2)), ...(await play.ready('api', 2)), ...(await play.ready('two', 1))]
  await play.show(all)
  const two = all.at(-1)
  await theatre.say(`The network plugin of pod two reads: ${two?.metadata.annotations?.[ARGS_ANNOTATION] ?? ''}`)
  await play.insist(new Set(addresses(all)).size === 6, 'six addresses, no two the same')
  const [first = '', second = ''] = two === undefined ? [] : addressesOf(two)
  await play.insist(
    /\.6\d$/.test(first) && /\.5\d$/.test(second),
    'one address from each range, in the order of the request',
  )
  const listed = await play.listed('namespace=default')
  await play.insist(
    sorted(listed.map(({ ip }) => ip)) === sorted(addresses(all)),
    'floatip’s API lists the same addresses',
  )
  await play.insist(sorted(await play.objects()) === sorted(addresses(all)), 'and so do the FloatingIP objects')
}

async function nodeLost(play: Play): Promise<void> {
  const { stage, theatre } = play
  const before = (await play.ready('web', 2)).at(-1)
  const node = before?.spec.nodeName ?? ''
  await theatre.say(
    `${node} goes silent; an operator deletes its pods by force. Their containers may run on there: for a while their addresses are for nobody but their own replacements.`,
  )
  await stage.failNode(node)
  const after = (await play.ready('web', 2, before === undefined ? [] : [before.metadata.uid])).find(
    ({ metadata }) => metadata.name === before?.metadata.name,
  )
  await play.show(after === undefined ? [] : [after])
  await play.insist(after?.spec.nodeName !== node, `${after?.metadata.name} runs on another node`)
  await play.insist(
    after !== undefined && before !== undefined && sorted(addressesOf(after)) === sorted(addressesOf(before)),
    `and has its address ${after === undefined ? '' : addressesOf(after)} again`,
  )
  stage.recoverNode(node)
}

async function rollingUpdate(play: Play): Promise<void> {
  const { api, theatre } = play
  api.create(DEPLOYMENTS, NAMESPACE, deployment('shop', 3, { policy: 'immutable' }))
  const shop = await play.ready('shop', 3)
  const web = await play.ready('web', 2)
  await theatre.say('A new image for StatefulSet web and for Deployment shop (immutable, maxSurge 0).')
  patch(api, STATEFUL_SETS, 'web', newVersion('web', { policy: 'immutable' }))
  patch(api, DEPLOYMENTS, 'shop', newVersion('shop', { policy: 'immutable' }))
  const webAfter = await play.ready('web', 2, uids(web))
  const shopAfter = await play.ready('shop', 3, uids(shop))
  await play.show([...webAfter, ...shopAfter])
  await play.insist(addresses(webAfter).join() === addresses(web).join(), 'each pod of web has the address that it had')
  await play.insist(
    sorted(addresses(shopAfter)) === sorted(addresses(shop)),
    'the pods of shop share the addresses that they had',
  )
}

async function scaleDown(play: Play): Promise<void> {
  const { api, theatre } = play
  const last = (await play.ready('web', 2)).at(-1)
  const [address = ''] = last === undefined ? [] : addressesOf(last)
  await theatre.say(`StatefulSet web is scaled from 2 to 1; ${last?.metadata.name} had ${address}.`)
  patch(api, STATEFUL_SETS, 'web', { spec: { replicas: 1 } })
  await play.ready('web', 1)
  const kept = async () => (await play.listed('appName=web&appType=statefulset&namespace=default')).map(({ ip }) => ip)
  await play.until(`${address} is released`, async () => !(await kept()).includes(address))
  await play.insist(!(await kept()).includes(address), `${address} is free again`)
}

async function never(play: Play): Promise<void> {
  const { api, theatre } = play
  api.create(STATEFUL_SETS, NAMESPACE, statefulSet('mail', 2, { policy: 'never' }))
  const before = await play.ready('mail', 2)
  await theatre.say('StatefulSet mail (policy never) is deleted.')
  api.delete(STATEFUL_SETS, NAMESPACE, 'mail')
  const query = 'appName=mail&appType=statefulset&namespace=default'
  const isKept = ({ status, releasable }: IpItem) => status === 'Deleted' && releasable === true
  await play.until(
    'its pods are gone',
    async () => play.pods('mail').length === 0 && (await play.listed(query)).every(isKept),
  )
  const kept = await play.listed(query)
  await theatre.table(
    ['ADDRESS', 'KEPT FOR', 'STATUS'],
    kept.map(({ ip, podName = '', status = '' }) => [ip, podName, status]),
  )
  await play.insist(sorted(kept.map(({ ip }) => ip)) === sorted(addresses(before)), 'its addresses are kept without it')
  api.create(STATEFUL_SETS, NAMESPACE, statefulSet('mail', 2, { policy: 'never' }))
  const after = await play.ready('mail', 2)
  await play.show(after)
  await play.insist(addresses(after).join() === addresses(before).join(), 'made again, each pod has its address again')
}

async function full(play: Play): Promise<void> {
  const { api, theatre } = play
  await theatre.say('Rack c has two addresses. Three pods want one.')
  api.create(PODS, NAMESPACE, pod('first', { small: true }))
  api.create(PODS, NAMESPACE, pod('second', { small: true }))
  await play.ready('first', 1)
  await play.ready('second', 1)
  api.create(PODS, NAMESPACE, pod('third', { small: true }))
  await play.until('the third pod is refused', () => play.refusal('third').includes('NoFIPLeft'))
  await theatre.say(`kubectl describe pod third: ${play.refusal('third')}`)
  await theatre.say('Pod first is deleted.')
  let [goneAt, scheduledAt] = [0, 0]
  const stopListening = api.store.subscribe(({ type, resource, object, before }) => {
    if (resource !== resourceId(PODS)) return
    const wasBound = (before as Pod | null)?.spec.nodeName !== undefined
    if (object.metadata.name === 'first' && type === 'DELETED') goneAt = performance.now()
    if (object.metadata.name === 'third' && !wasBound && (object as Pod).spec.nodeName) scheduledAt = performance.now()
  })
  const [first] = play.pods('first')
  if (first !== undefined) deletePod(api, first)
  await play.until('the first pod is gone', () => play.pods('first').length === 0)
  const isScheduled = () => play.pods('third').some(({ spec }) => spec.nodeName !== undefined)
  await play.until('the third pod is scheduled', isScheduled, WOKEN_WITHIN_MS)
  stopListening()
  await play.insist(true, `the third pod was scheduled ${Math.round(scheduledAt - goneAt)} ms after the first was gone`)
  await play.show(await play.ready('third', 1))
}

async function killed(play: Play): Promise<void> {
  const { api, floatip, theatre } = play
  const web = await play.ready('web', 1)
  const before = await play.listed('namespace=default')
  await theatre.say(
    'floatip is killed with SIGKILL. Meanwhile a pod of api is deleted, and a new pod wants an address.',
  )
  await floatip.kill()
  const [gone] = play.pods('api')
  if (gone !== undefined) deletePod(api, gone)
  api.create(PODS, NAMESPACE, pod('late', {}))
  await Bun.sleep(300)
  await play.insist(
    play.pods('late').every(each => !isReady(each)),
    'without floatip nobody is given an address',
  )
  await floatip.start()
  await play.ready('api', 2, gone === undefined ? [] : [gone.metadata.uid])
  const late = await play.ready('late', 1)
  const running = [...['web', 'api', 'two', 'shop', 'mail', 'second', 'third', 'late'].flatMap(app => play.pods(app))]
  await play.insist(
    new Set(addresses(running)).size === addresses(running).length,
    'after its restart no two pods have one address',
  )
  await play.until(
    'the ledger and the pods agree',
    async () => sorted((await play.listed('namespace=default')).map(({ ip }) => ip)) === sorted(addresses(running)),
  )
  const now = await play.listed('namespace=default')
  const survivors = before.filter(({ podName }) => podName !== gone?.metadata.name)
  await play.insist(
    survivors.every(({ ip, podName }) => now.some(item => item.ip === ip && item.podName === podName)),
    `nothing is lost: all ${survivors.length} addresses still belong to their pods`,
  )
  await play.insist(
    addresses(play.pods('web')).join() === addresses(web).join(),
    `web-0 still has ${addresses(web)}, the pod that came late has ${addresses(late)}`,
  )
}

export const SCENES: readonly Scene[] = [
  { title: 'Pods ask, and get their addresses', play: pods },
  { title: 'A node is lost', play: nodeLost },
  { title: 'A rolling update', play: rollingUpdate },
  { title: 'Scaled down', play: scaleDown },
  { title: 'Deleted, and made again', play: never },
  { title: 'No address left', play: full },
  { title: 'floatip itself is killed', play: killed },
]
