/** Owns the Deployment of the tests about rollouts, at each stage, and what is said of it. */
import { callsOf } from './asking.ts'
import { type Kube, pod, workload } from './objects.ts'
import type { World } from './world.ts'

export type Policy = 'immutable' | 'never'
type Stage = 'replacing' | 'over' | 'unseen'

export interface Words {
  replicas?: number
  stage?: Stage
  policy?: Policy | 'none'
  surge?: boolean
  pool?: string
  strategy?: object
}

const POLICY = 'k8s.v1.cni.galaxy.io/release-policy'
const POOL = 'tke.cloud.tencent.com/eni-ip-pool'
export const SURGE = 'k8s.v1.cni.galaxy.io/rollout-surge'
export const WAITS = 'deployment app has allocated 1 ips with replicas of 1, wait for releasing'
export const STUCK = `${WAITS}: its rolling update ends no old pod before a new one runs, so set maxSurge: 0 or strategy Recreate, or annotate its pod template with ${SURGE}: allow`

/** The Deployment app as its controller leaves it at this stage. */
export function app({
  replicas = 1,
  stage = 'replacing',
  policy = 'immutable',
  surge = false,
  pool,
  strategy = {},
}: Words): Kube {
  const made = workload('app', replicas)
  const annotations = {
    ...(policy !== 'none' && { [POLICY]: policy }),
    ...(surge && { [SURGE]: 'allow' }),
    ...(pool !== undefined && { [POOL]: pool }),
  }
  const counts =
    stage === 'over' ? { replicas, updatedReplicas: replicas } : { replicas: replicas + 1, updatedReplicas: 1 }
  return {
    ...made,
    metadata: { ...made.metadata, generation: 2 } as Kube['metadata'],
    spec: { replicas, strategy, template: { metadata: { annotations } } },
    status: { observedGeneration: stage === 'unseen' ? 1 : 2, ...counts },
  }
}

export const podOf = (name: string, policy: Policy = 'immutable') => pod(name, { owner: 'Deployment app', policy })
export const eventsOn = (world: World, kind: string) =>
  callsOf(world, 'create events')
    .map(
      ({ body }) =>
        body as { involvedObject: { kind: string; name: string; uid?: string }; reason: string; message: string },
    )
    .filter(({ involvedObject }) => involvedObject.kind === kind)
