/** Owns the table of what a Deployment's own object tells of its rollout (R19). */
import { describe, expect, test } from 'bun:test'
import type { RolloutStage } from '../../src/domain/rollout.ts'
import { type RawRolled, rolloutOf, setRolloutOf } from '../../src/kube/rollout.ts'
import { sameWorkload, workloadFact, workloadOf } from '../../src/kube/workload.ts'

type Spec = NonNullable<RawRolled['spec']>

const metadata = { name: 'app', namespace: 'ns', uid: 'u', resourceVersion: '1' }

function deployment(words: { status?: RawRolled['status']; spec?: Spec; generation?: number } = {}): RawRolled {
  const { status, spec = {}, generation = 2 } = words
  return { metadata: { ...metadata, generation }, spec, ...(status !== undefined && { status }) }
}

const at = (replicas: number, updatedReplicas: number, reason?: string, observedGeneration = 2) => ({
  ...{ replicas, updatedReplicas, observedGeneration },
  conditions: [{ type: 'Available', reason: 'X' }, ...(reason === undefined ? [] : [{ type: 'Progressing', reason }])],
})

describe('R19: how far a rollout is, of three replicas', () => {
  test.each<[string, RawRolled['status'] | undefined, RolloutStage]>([
    ['no status yet', undefined, 'unclear'],
    ['no observed generation', { replicas: 3, updatedReplicas: 3 }, 'unclear'],
    ['a change that the controller has not seen', at(3, 3, 'NewReplicaSetAvailable', 1), 'unclear'],
    ['the new template has no pod yet', at(3, 0, 'NewReplicaSetCreated'), 'replacing'],
    ['a rollback: the reason is still that of the last rollout', at(3, 0, 'NewReplicaSetAvailable'), 'replacing'],
    ['one beyond the replicas', at(4, 1, 'ReplicaSetUpdated'), 'replacing'],
    ['all are new, one old pod is left', at(4, 3, 'ReplicaSetUpdated'), 'replacing'],
    ['its deadline has passed', at(4, 1, 'ProgressDeadlineExceeded'), 'replacing'],
    ['no old pod is left, one new is to come', at(2, 2, 'ReplicaSetUpdated'), 'finishing'],
    ['Recreate between the old and the new', at(0, 0, 'ReplicaSetUpdated'), 'finishing'],
    ['complete', at(3, 3, 'NewReplicaSetAvailable'), 'over'],
    ['complete, not all of them are available', at(3, 3, 'ReplicaSetUpdated'), 'over'],
    ['complete, and one pod is being replaced', at(2, 2, 'NewReplicaSetAvailable'), 'unclear'],
    ['complete, and scaled down a moment ago', at(5, 5, 'NewReplicaSetAvailable'), 'unclear'],
    ['nobody watches its progress, and one pod is being replaced', at(2, 2), 'unclear'],
    ['paused, and one pod is being replaced', at(2, 2, 'DeploymentPaused'), 'unclear'],
  ])('%s', (_, status, stage) => {
    expect(rolloutOf(deployment(status === undefined ? {} : { status }), 3).stage).toBe(stage)
  })

  test('of a Deployment scaled to 0: nothing is left to roll', () => {
    expect(rolloutOf(deployment({ status: { observedGeneration: 2 } }), 0).stage).toBe('over')
  })
})

describe('R19: how many pods beyond the replicas, and does an old one go before a new one runs?', () => {
  const rolling = (maxSurge?: unknown, maxUnavailable?: unknown): Spec => ({
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } },
  })
  test.each<[string, number, Spec, number, boolean]>([
    // what, replicas, spec, maxSurge, keepsOldPods
    ['default 25 %', 1, {}, 1, true],
    ['default 25 %', 3, {}, 1, true],
    ['default 25 %', 4, {}, 1, false],
    ['default 25 %', 5, {}, 2, false],
    ['default 25 %', 10, {}, 3, false],
    ['default 25 %', 0, {}, 0, false],
    ['RollingUpdate without numbers', 3, { strategy: { type: 'RollingUpdate', rollingUpdate: null } }, 1, true],
    ['numbers', 3, rolling(2, 1), 2, false],
    ['percent, surge up and unavailable down', 3, rolling('34%', '34%'), 2, false],
    ['100 %', 3, rolling('100%', 0), 3, true],
    ['maxUnavailable 0', 100, rolling(1, 0), 1, true],
    ['maxSurge 0', 1, rolling(0, '25%'), 0, false],
    ['both 0 %: the controller takes one away', 3, rolling('0%', '0%'), 0, false],
    ['Recreate', 3, { strategy: { type: 'Recreate' } }, 0, false],
    ['a strategy that we do not know', 3, { strategy: { type: 'Slow' } }, 0, false],
    ['numbers that nobody can read give nothing and accuse nobody', 3, rolling('many', 'none'), 0, false],
    ['paused', 3, { paused: true }, 1, false],
  ])('%s, %d replicas', (_, replicas, spec, maxSurge, keepsOldPods) => {
    expect(rolloutOf(deployment({ spec }), replicas)).toMatchObject({ maxSurge, keepsOldPods })
  })
})

describe('the template', () => {
  const annotated = (annotations: Record<string, string>) =>
    rolloutOf(deployment({ spec: { template: { metadata: { annotations } } } }), 3)
  const POLICY = 'k8s.v1.cni.galaxy.io/release-policy'
  const SURGE = 'k8s.v1.cni.galaxy.io/rollout-surge'

  test.each<[string, Record<string, string>, object]>([
    ['says nothing', {}, { policy: 0, pool: '', surgeAllowed: false }],
    ['immutable', { [POLICY]: 'immutable' }, { policy: 1, pool: '', surgeAllowed: false }],
    ['never', { [POLICY]: 'never', [SURGE]: 'allow' }, { policy: 2, pool: '', surgeAllowed: true }],
    ['a pool is policy never', { 'tke.cloud.tencent.com/eni-ip-pool': 'blue' }, { policy: 2, pool: 'blue' }],
    ['another value of rollout-surge', { [SURGE]: 'true' }, { surgeAllowed: false }],
  ])('%s', (_, annotations, expected) => {
    expect(annotated(annotations)).toMatchObject(expected)
  })

  test('a StatefulSet has no rollout that matters here', () => {
    expect(workloadOf(workloadFact('sts')(deployment({ status: at(3, 1) })))).toEqual({
      ...{ state: 'present', replicas: 1, firstOrdinal: 0 },
    })
  })
})

test('writes to the status that change no answer are no change', () => {
  const read = workloadFact('dp')
  const spec = { replicas: 10 }
  const now = (replicas: number, updated: number) =>
    read(deployment({ spec, status: at(replicas, updated, 'ReplicaSetUpdated') }))
  expect(sameWorkload(now(10, 1), now(12, 4))).toBe(true)
  expect(sameWorkload(now(10, 9), now(10, 10))).toBe(false)
})

describe('R15: how far the rollout of a StatefulSet into a pool is', () => {
  const annotations = { 'tke.cloud.tencent.com/eni-ip-pool': 'blue' }
  const spec = { template: { metadata: { annotations } } }
  const revisions = (currentRevision: string, updateRevision: string, observedGeneration = 2) => ({
    ...{ replicas: 3, observedGeneration, currentRevision, updateRevision },
  })
  test.each<[string, RawRolled['status'] | undefined, RolloutStage]>([
    ['no status yet', undefined, 'unclear'],
    ['no revisions', { replicas: 3, observedGeneration: 2 }, 'unclear'],
    ['a change that the controller has not seen', revisions('web-1', 'web-1', 1), 'unclear'],
    ['pods of the older revision are there, or kept by a partition', revisions('web-1', 'web-2'), 'replacing'],
    ['complete', revisions('web-2', 'web-2'), 'over'],
  ])('%s', (_, status, stage) => {
    const raw = deployment(status === undefined ? { spec } : { spec, status })
    const nothing = { maxSurge: 0, keepsOldPods: false, surgeAllowed: false }
    expect(setRolloutOf(raw)).toEqual({ stage, pool: 'blue', policy: 2, ...nothing })
  })

  test('without a pool nothing is told, so that nothing moves with its status', () => {
    expect(setRolloutOf(deployment({ status: revisions('web-1', 'web-2') }))).toBeNull()
  })
})
