/** Owns how a test asks what would happen if, and makes sure that asking changes nothing. */
import { expect } from 'bun:test'
import { api } from './asking.ts'
import { type Kube, pod, workload } from './objects.ts'
import { until, type World } from './world.ts'

interface PlannedPod {
  readonly pod: string
  readonly fate: string
  readonly before: string[]
  readonly after: string[]
  readonly code?: string
  readonly because: string
}
interface Answer {
  readonly ok: boolean
  readonly message?: string
  readonly counts: Record<string, number>
  readonly pods: readonly PlannedPod[]
  readonly orphaned: readonly { ip: string; key: string }[]
  readonly freed: readonly { ip: string }[]
  readonly subnets: readonly { subnet: string; freeBefore: number; freeAfter: number }[]
  readonly warnings: readonly string[]
}

export async function ask(world: World, body: object) {
  const before = JSON.stringify(
    world.ledger.read(view => [...view.rows()].map(row => [row.address.text, row.revision])),
  )
  const headers = { 'content-type': 'application/json' }
  const answer = await api<Answer>(world, '/v1/plan', { method: 'POST', headers, body: JSON.stringify(body) })
  const after = JSON.stringify(world.ledger.read(view => [...view.rows()].map(row => [row.address.text, row.revision])))
  expect(after).toBe(before)
  expect(world.verify()).toBeNull()
  return answer
}

export async function plan(world: World, body: object): Promise<Answer> {
  const { status, body: answer } = await ask(world, body)
  if (status !== 200) throw new Error(`${status} ${answer.message}`)
  return answer
}

export const told = ({ pods }: Answer) => pods.map(({ pod: name, fate, after }) => `${name} ${fate} ${after}`.trim())
export const drain = (node: string) => ({ drain: { node } })
export const scale = (kind: string, name: string, replicas: number) => ({
  scale: { kind, namespace: 'default', name, replicas },
})

/** With a template of pods that ask. */
export function templated(name: string, replicas: number, policy?: string): Kube {
  const made = workload(name, replicas)
  const requests = { 'tke.cloud.tencent.com/eni-ip': '1' }
  const annotations = policy === undefined ? {} : { 'k8s.v1.cni.galaxy.io/release-policy': policy }
  const template = { metadata: { annotations }, spec: { containers: [{ name: 'c', resources: { requests } }] } }
  return { ...made, spec: { ...made.spec, template } }
}

export const web = (n: number, policy: 'immutable' | 'never' = 'immutable') =>
  pod(`web-${n}`, { owner: 'StatefulSet web', policy })
export const app = (name: string, words: object = {}) =>
  pod(name, { owner: 'Deployment app', policy: 'immutable', ...words })

export async function seen(world: World, name: string): Promise<void> {
  await until(() => world.ports.cluster.pods.get(`default/${name}`)?.node != null)
}
