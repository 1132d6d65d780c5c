/** Owns what must be true of the chaos world: at every moment, and once it is left alone; each breach as a sentence. */
import {
  addressesOf,
  isFinished,
  isSticky,
  keyAtBind,
  keyOf,
  lists,
  NS,
  openNodes,
  poolOf,
  type Seen,
  type SeenAddress,
  workloadOf,
} from './chaos-world.ts'
import { SURGE } from './rollouts.ts'

/** The addresses that are configured now, by entry. */
export type Configured = readonly (readonly string[])[]
type SeenPod = Seen['pods'][number]

/** No address is used by two unfinished pods, at any moment. */
export function doubled({ pods }: Seen): string[] {
  const users = new Map<string, string>()
  return pods
    .filter(pod => !isFinished(pod) && pod.spec.nodeName !== undefined)
    .flatMap(pod => addressesOf(pod).map(address => ({ address, name: pod.metadata.name })))
    .flatMap(({ address, name }) => {
      const other = users.get(address)
      users.set(address, name)
      return other === undefined ? [] : [`${address} is used by ${other} and ${name}`]
    })
}

/** What is not yet, or no longer, as it must be when nothing happens any more. */
export function unsettled(seen: Seen, configured: Configured): string[] {
  return [
    ...bound(seen),
    ...leaked(seen),
    ...overfull(inForce(seen, configured)),
    ...wanted(seen),
    ...idle(seen, configured),
  ]
}

function bound({ pods, objects }: Seen): string[] {
  const byAddress = new Map(objects.map(each => [each.address, each]))
  const breaches: string[] = []
  for (const pod of pods) {
    if (isFinished(pod) || pod.spec.nodeName === undefined) continue
    const { name, uid } = pod.metadata
    const addresses = addressesOf(pod)
    if (addresses.length !== lists(pod)) breaches.push(`${name} is bound with ${addresses.length} addresses`)
    for (const address of addresses) {
      const object = byAddress.get(address)
      if (
        object?.uid !== uid ||
        object?.node !== pod.spec.nodeName ||
        ![keyOf(pod), keyAtBind(pod)].includes(object?.key ?? '')
      )
        breaches.push(
          `${address} of ${name} (${uid}, ${pod.spec.nodeName}) is stored as ${JSON.stringify(object ?? null)}`,
        )
    }
  }
  return breaches
}

/** Objects that nobody has and no policy keeps. */
function leaked({ pods, objects, sets, deployments }: Seen): string[] {
  const unfinished = pods.filter(pod => !isFinished(pod))
  const alive = new Map(unfinished.map(pod => [pod.metadata.uid, pod]))
  const names = new Set(unfinished.map(pod => pod.metadata.name))
  return objects.flatMap(object => {
    const { address, key, uid, policy } = object
    const of = alive.get(uid)
    if (uid !== '') {
      if (of === undefined) return [`leaked: ${address} ${key} of ${uid}, which is no more`]
      if (!addressesOf(of).includes(address) && of.spec.nodeName !== undefined)
        return [`leaked: ${address} is held for ${key}, bound without it`]
      return []
    }
    if (policy === 0) return [`leaked: ${address} is kept for ${key} with policy 0`]
    if (policy === 2) return []
    const [kind, , name = '', pod = ''] = key.split('_')
    if (kind === 'dp')
      return deployments.has(name) ? [] : [`leaked: ${address} is kept for ${key}, whose Deployment is gone`]
    const set = sets.get(name)
    const ordinal = Number(pod.slice(pod.lastIndexOf('-') + 1))
    const start = set?.spec.ordinals?.start ?? 0
    const needed = set !== undefined && ordinal >= start && ordinal < start + set.spec.replicas
    return needed || names.has(pod) ? [] : [`leaked: ${address} is kept for ${key} beyond its StatefulSet`]
  })
}

/** What left the configuration counts in no limit (R16). */
function inForce(seen: Seen, configured: Configured): Seen {
  const all = new Set(configured.flat())
  return { ...seen, objects: seen.objects.filter(({ address }) => all.has(address)) }
}

/** Deployments and pools beyond their limits, those of living pods aside. */
function overfull({ objects, deployments, pools }: Seen): string[] {
  const breaches: string[] = []
  const kept = (prefix: string) => objects.filter(({ key, uid }) => key.startsWith(prefix) && uid === '')
  const all = (prefix: string) => objects.filter(({ key }) => key.startsWith(prefix))
  for (const [name, { spec }] of deployments) {
    const prefix = `dp_${NS}_${name}_`
    const sticky = kept(prefix).filter(({ policy }) => policy === 1)
    if (sticky.length > 0 && all(prefix).length > spec.replicas)
      breaches.push(`${name} keeps ${sticky.length} of ${all(prefix).length} addresses for ${spec.replicas} replicas`)
  }
  for (const [name, { size }] of pools) {
    const prefix = `pool__${name}_`
    if (kept(`${prefix}`).some(({ key }) => key === prefix) && all(prefix).length > size)
      breaches.push(
        `pool ${name} keeps ${kept(prefix).length} of ${all(prefix).length} addresses with a size of ${size}`,
      )
  }
  return breaches
}

/** Controllers have not made, or not ended, what they are to. */
function wanted({ pods, sets, deployments }: Seen): string[] {
  const breaches = pods
    .filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
    .map(({ metadata }) => `${metadata.name} is on its way out`)
  for (const [kind, workloads] of [
    ['sts', sets],
    ['dp', deployments],
  ] as const) {
    for (const [name, { spec }] of workloads) {
      const count = pods.filter(
        pod => !isFinished(pod) && workloadOf(pod).kind === kind && workloadOf(pod).name === name,
      ).length
      if (count < spec.replicas) breaches.push(`${name} has ${count} of ${spec.replicas} pods`)
    }
  }
  for (const pod of pods) {
    if (!isFinished(pod) && pod.spec.nodeName !== undefined && pod.status?.phase !== 'Running')
      breaches.push(`${pod.metadata.name} does not run`)
  }
  return breaches
}

/** Pods that wait although they may have an address. */
function idle(seen: Seen, configured: Configured): string[] {
  const taken = new Set(seen.objects.map(({ address }) => address))
  const free = configured.map(addresses => addresses.filter(address => !taken.has(address)).length)
  const open = configured.map((_, at) => openNodes(seen, at).length > 0)
  const entryOf = (address: string) => configured.findIndex(addresses => addresses.includes(address))
  const usable = ({ address }: SeenAddress) => open[entryOf(address)] === true
  const anyFree = free.some((count, at) => count > 0 && open[at])

  function mayRun(pod: SeenPod): string | null {
    const own = seen.objects.filter(({ key, uid }) => key === keyOf(pod) && (uid === '' || uid === pod.metadata.uid))
    const inForce = own.filter(({ address }) => entryOf(address) >= 0)
    // Two lists that only one entry can answer together.
    if (lists(pod) > 1) return null
    if (inForce.length > 0) return inForce.every(usable) ? `it has ${inForce[0]?.address}` : null
    if (seen.objects.some(({ key }) => key === keyOf(pod))) return null
    const fresh = anyFree ? `${free} are free` : null
    const { kind, name } = workloadOf(pod)
    const pool = poolOf(pod)
    if (kind === 'job' && isSticky(pod)) return null
    if (!isSticky(pod) || (kind !== 'dp' && pool === '')) return fresh
    const prefix = pool === '' ? `dp_${NS}_${name}_` : `pool__${pool}_`
    const shared = seen.objects.filter(({ key, address }) => key.startsWith(prefix) && entryOf(address) >= 0)
    const size = seen.pools.get(pool)?.size
    if (pool !== '' && size !== undefined) {
      if (shared.filter(({ key }) => key !== prefix).length >= size) return null
    } else if (kind === 'dp') {
      const replicas = seen.deployments.get(name)?.spec.replicas ?? 0
      const mine = shared.filter(
        ({ key }) => key.startsWith(`${pool === '' ? '' : prefix}dp_${NS}_${name}_`) && key !== prefix,
      )
      if (mine.length >= replicas) return null
    }
    const kept = shared.filter(({ key }) => key === prefix)
    if (kept.length === 0) return fresh
    return kept.some(usable) ? `${kept.map(({ address }) => address)} are kept` : null
  }

  return seen.pods.flatMap(pod => {
    if (isFinished(pod) || pod.spec.nodeName !== undefined || pod.metadata.deletionTimestamp !== undefined) return []
    const why = mayRun(pod)
    const says = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled')?.message ?? 'nothing'
    const surge = pod.metadata.annotations?.[SURGE] ?? ''
    return why === null ? [] : [`${pod.metadata.name} ${surge} waits although ${why}; it is told: ${says}`]
  })
}
