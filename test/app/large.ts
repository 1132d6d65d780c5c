/** Owns a large cluster for the test and the bench of resync: running pods of all kinds, their objects, and addresses that workloads keep. */
import type { ApiServer } from './api-server.ts'
import { carries, configMap, entry, floatingIp, gangDefinition, type Kube, node, pod, workload } from './objects.ts'

/** Room for 131,000. */
const ENTRIES = [entry('10.49.0.0/24', '10.64.0.0/15', '10.64.0.2~10.65.255.254')]

/** Pods of each workload, and addresses that it keeps besides for pods that are not there now. */
const RUNNING = 18
const KEPT = 2
const KINDS = ['StatefulSet', 'Deployment', 'Gang'] as const
const SHORT = { StatefulSet: 'sts', Deployment: 'dp', Gang: 'gang' } as const
const GANGS = 'a.example/v1'

export interface Large {
  readonly pods: number
  readonly kept: number
  readonly workloads: number
}

/** Policy immutable, workloads of three kinds in turn; everything agrees with everything. All pods are on the first of the nodes. */
export function fillLarge(api: ApiServer, pods: number, nodes = 1): Large {
  api.put('configmaps', configMap(JSON.stringify(ENTRIES)))
  api.put('nodes', node('a1', '10.49.0.11'))
  for (let n = 2; n <= nodes; n++) api.put('nodes', node(`a${n}`, `10.50.${n >> 8}.${n & 255}`))
  api.put('customresourcedefinitions', gangDefinition('a.example', { v1: '.spec.replicas' }))
  let addresses = 0
  const next = () => {
    const at = 2 + addresses++
    return `10.${64 + (at >> 16)}.${(at >> 8) & 255}.${at & 255}`
  }
  const workloads = Math.ceil(pods / RUNNING)
  let running = 0
  for (let w = 0; w < workloads; w++) {
    const kind = KINDS[w % KINDS.length] ?? 'Gang'
    const name = `w${w}`
    const replicas = Math.min(RUNNING, pods - running)
    const collection = ({ StatefulSet: 'statefulsets', Deployment: 'deployments', Gang: 'gangs' } as const)[kind]
    api.put(collection, sized(kind, name, replicas + KEPT))
    const prefix = `${SHORT[kind]}_default_${name}_`
    for (let p = 0; p < replicas + KEPT; p++) {
      const ip = next()
      const podName = `${name}-${p}`
      if (p >= replicas) {
        api.put('floatingips', stored(ip, kind === 'Deployment' ? prefix : prefix + podName, kind))
        continue
      }
      running++
      const words = { owner: `${kind} ${name}`, policy: 'immutable', node: 'a1', args: carries(ip) } as const
      api.put('pods', pod(podName, { ...words, ...(kind === 'Gang' && { apiVersion: GANGS }) }))
      api.put('floatingips', stored(ip, prefix + podName, kind, `${podName}#1`))
    }
  }
  return { pods: running, kept: workloads * KEPT, workloads }
}

/** Between two rollouts. */
function sized(kind: (typeof KINDS)[number], name: string, replicas: number): Kube {
  const made = workload(name, replicas)
  if (kind !== 'Deployment') return made
  const annotations = { 'k8s.v1.cni.galaxy.io/release-policy': 'immutable' }
  return {
    ...made,
    metadata: { ...made.metadata, generation: 1 } as Kube['metadata'],
    spec: { replicas, template: { metadata: { annotations } } },
    status: { observedGeneration: 1, replicas, updatedReplicas: replicas },
  }
}

/** As floatip writes it. */
function stored(ip: string, key: string, kind: (typeof KINDS)[number], uid = ''): Kube {
  const object = floatingIp(ip, key, { policy: 1, ...(uid !== '' && { uid, node: 'a1' }) })
  const annotations = { 'floatip.galaxy.k8s.io/owner-api-version': kind === 'Gang' ? GANGS : 'apps/v1' }
  return { ...object, metadata: { ...object.metadata, annotations } }
}
